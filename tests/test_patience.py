from __future__ import annotations

import asyncio

import pytest

from chanbridge.patience import Patience


async def now(value):
    return value


async def test_what_ends_in_time_is_given():
    assert await Patience(10).limit(now(7)) == 7


async def test_what_takes_too_long_is_stopped():
    stopped = asyncio.Event()

    async def stuck():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(TimeoutError):
        await Patience(0.01).limit(stuck())
    assert stopped.is_set()


async def test_what_takes_too_long_is_cancelled_where_it_waits():
    seen = []

    async def stuck():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        await Patience(0.01).limit(stuck())
    assert seen == ["cancelled"]


async def test_who_was_late_goes_on_as_if_never_cancelled():
    patience = Patience(0.01)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await patience.limit(asyncio.Event().wait())

    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0


async def test_of_many_only_the_late_ones_are_stopped():
    patience = Patience(0.05)
    gate = asyncio.Event()
    late = [asyncio.create_task(patience.limit(asyncio.Event().wait())) for _ in range(5)]
    await asyncio.sleep(0.03)
    young = [asyncio.create_task(patience.limit(gate.wait())) for _ in range(5)]

    ended = await asyncio.gather(*late, return_exceptions=True)
    gate.set()

    assert [type(end) for end in ended] == [TimeoutError] * 5
    assert await asyncio.gather(*young) == [True] * 5


async def test_the_second_wave_is_limited_too():
    patience = Patience(0.02)
    await patience.limit(now(1))
    await asyncio.sleep(0.03)

    with pytest.raises(TimeoutError):
        await patience.limit(asyncio.Event().wait())


async def test_a_cancellation_from_elsewhere_is_one():
    patience = Patience(10)
    task = asyncio.create_task(patience.limit(asyncio.Event().wait()))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
