"""Old dedupe keys are forgotten a few at a time, so that no sweep looks through all of them."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from chanbridge.store.forgetting import KEEP_S
from tests.channels import NOW
from tests.store.samples import at, bring, said

OLD, YOUNG = NOW.timestamp() - KEEP_S - 1, NOW.timestamp()


async def plant(store, keys, when=OLD):
    rows = [(key, when) for key in keys]
    await store.engine.write(lambda c: c.executemany("INSERT INTO seen (key, at) VALUES (?, ?)", rows))


async def left(store):
    return await store.engine.read(lambda c: {row[0] for row in c.execute("SELECT key FROM seen")})


async def test_a_sweep_forgets_so_many_old_ones_and_the_next_one_goes_on_there(store):
    keys = sorted(os.urandom(16) for _ in range(30))
    await plant(store, keys)
    store.journal._forgetting._next = keys[10]
    counts = []
    for _ in range(4):
        await store.journal.sweep(NOW, 10)
        counts.append(sorted(await left(store)))

    assert counts == [keys[:10] + keys[20:], keys[:10], [], []]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.binary(min_size=1, max_size=16), min_size=1, max_size=40), st.integers(1, 15))
def test_going_round_forgets_all_that_is_old_and_nothing_else(keys, pace):
    import sqlite3

    from chanbridge.store.forgetting import Forgetting
    from chanbridge.store.sqlite import _migrate

    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    _migrate(connection)
    young = sorted(keys)[::3]
    rows = [(key, YOUNG if key in young else OLD) for key in keys]
    connection.executemany("INSERT INTO seen (key, at) VALUES (?, ?)", rows)
    forgetting = Forgetting()
    for _ in range(len(keys) // pace + 2):
        forgetting.sweep(connection, YOUNG, pace)

    assert sorted(row[0] for row in connection.execute("SELECT key FROM seen")) == young
    connection.close()


async def test_a_sweep_keeps_up_with_what_comes(store):
    """However much comes between two sweeps, more than that is looked through."""
    await plant(store, [bytes([0, 0, n]) for n in range(200)])  # before those that come
    store.journal._forgetting._next = b""
    await store.journal.sweep(NOW, 1)
    await bring(store, *(said(id=f"msg-TEST-{n}") for n in range(50)))
    before = len(await left(store))
    await store.journal.sweep(at(1), 1)

    assert before - len(await left(store)) == 101
