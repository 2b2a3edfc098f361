"""Starting a bridge: once at a time, and again after it failed."""

import asyncio
import threading

import pytest

from chanbridge.store.engine import StoreError
from chanbridge.store.outbox import Outbox
from chanbridge.store.sqlite import SqliteStore
from tests.channels import ADA
from tests.runtime import Providers, make_bridge


async def test_of_two_starts_at_once_one_is_refused_and_the_bridge_works(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    outcomes = await asyncio.gather(bridge.start(), bridge.start(), return_exceptions=True)

    assert [str(outcome) for outcome in outcomes] == ["None", "the bridge is started already"]
    receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
    assert await receipt.until("submitted", timeout=10) == "submitted"
    await bridge.stop()


async def test_a_start_that_failed_leaves_nothing_open_and_can_be_tried_again(tmp_path, monkeypatch):
    bridge = make_bridge(tmp_path, Providers())
    closed = []

    async def close(store):
        closed.append(store)
        await store.engine.close()

    async def holds(outbox):
        raise StoreError("the disk is full")

    monkeypatch.setattr(SqliteStore, "close", close)
    with monkeypatch.context() as failing:
        failing.setattr(Outbox, "holds", holds)
        with pytest.raises(StoreError):
            await bridge.start()
    assert len(closed) == 1
    assert not bridge.started

    await bridge.start()

    assert bridge.started
    await bridge.stop()


def test_a_second_with_is_refused_and_the_first_stops_and_can_begin_again(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    with bridge:
        with pytest.raises(RuntimeError, match="the bridge is started already"), bridge:
            pass
        assert bridge.send(f"pigeon:{ADA}", "Hello", account="main").result(10).id
    assert not bridge.started
    assert "chanbridge" not in {thread.name for thread in threading.enumerate()}

    with bridge:
        assert bridge.send(f"pigeon:{ADA}", "Hello again", account="main").result(10).id
    assert not bridge.started


async def test_a_with_of_either_kind_in_an_async_with_leaves_it_as_it_is(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    async with bridge:
        with pytest.raises(RuntimeError, match="the bridge is started already"):
            async with bridge:
                pass
        with pytest.raises(RuntimeError, match="the bridge is started already"), bridge:
            pass
        assert (await bridge.send(f"pigeon:{ADA}", "Hello", account="main")).id
    assert not bridge.started

    async with bridge:
        assert bridge.started


def test_a_bridge_that_was_stopped_in_its_with_leaves_no_thread(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    with bridge:
        asyncio.run_coroutine_threadsafe(bridge.stop(), bridge._loop).result(10)

    assert "chanbridge" not in {thread.name for thread in threading.enumerate()}
