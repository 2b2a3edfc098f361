"""Our ids: UUIDv7, growing within a process."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from chanbridge.model.ids import Minter, new_id, uuid7

TIMES = st.integers(0, (1 << 48) - 1)
CHANCE = st.integers(0, (1 << 74) - 1)


@given(TIMES, CHANCE)
def test_an_id_is_a_uuid_of_version_7_that_holds_its_time(now_ms, random):
    parsed = uuid.UUID(uuid7(now_ms, random))

    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == now_ms


@given(TIMES, CHANCE, CHANCE)
def test_different_chance_gives_different_ids_in_the_same_order(now_ms, one, other):
    assert (uuid7(now_ms, one) < uuid7(now_ms, other)) == (one < other)


def test_the_known_example_of_the_standard():
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F

    assert uuid7(0x017F22E279B0, rand_a << 62 | rand_b) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.lists(st.integers(1, 5), min_size=2, max_size=30))
def test_ids_grow_even_when_the_clock_is_set_back(times):
    clock = iter(times)
    mint = Minter(clock=lambda: next(clock))

    ids = [mint() for _ in times]

    assert ids == sorted(set(ids))


def test_ids_grow_when_chance_is_exhausted_within_a_millisecond():
    mint = Minter(clock=lambda: 7, random=lambda size: b"\xff" * size)

    first, second = uuid.UUID(mint()), uuid.UUID(mint())

    assert second > first
    assert second.version == 7


def test_threads_never_share_an_id():
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: new_id(), range(2000)))

    assert len(set(ids)) == len(ids)


@given(st.lists(st.integers(0, 300), max_size=8))
def test_many_at_once_grow_as_those_one_by_one_do(counts):
    mint = Minter(clock=lambda: 7)

    made = [id for count in counts for id in [*mint.many(count), mint()]]

    assert len(made) == sum(counts) + len(counts)
    assert made == sorted(set(made))
    assert all(uuid.UUID(id).version == 7 for id in made)
