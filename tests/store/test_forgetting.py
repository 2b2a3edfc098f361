"""Old dedupe keys are forgotten slice by slice, so that no sweep looks through all of them."""

import datetime as dt
import os

from hypothesis import given
from hypothesis import strategies as st

from chanbridge.store.dedupe import KEEP_S, SLICES, slice_of_keys
from tests.channels import NOW


@given(st.binary(min_size=16, max_size=16))
def test_every_key_lies_in_one_slice(key):
    number = int.from_bytes(key[:2], "big") >> 4

    first, after = slice_of_keys(number)

    assert first <= key < after
    assert number in (0, *range(SLICES))
    assert number == 0 or slice_of_keys(number - 1)[1] == first


async def test_a_sweep_forgets_what_is_old_in_its_slice_alone(store):
    keys = [bytes([n, 0]) + os.urandom(14) for n in range(0, 256, 16)]
    old, young = NOW.timestamp() - KEEP_S - 1, NOW.timestamp()

    def plant(connection):
        rows = [(key, old) for key in keys] + [(key[:-1], young) for key in keys]
        connection.executemany("INSERT INTO seen (key, at) VALUES (?, ?)", rows)

    await store.engine.write(plant)
    counts = []
    for _ in range(2):
        store.journal._slice = 0x1000 // 16 - 1  # the next slice begins with the key 10 00
        await store.journal.sweep(NOW + dt.timedelta(seconds=1))
        counts.append(await store.engine.read(lambda c: c.execute("SELECT count(*) FROM seen").fetchone()[0]))

    assert counts == [2 * len(keys) - 1] * 2
