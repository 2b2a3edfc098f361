"""Several processes on one store, with handlers, with sinks, with neither."""

from __future__ import annotations

import asyncio

import pytest

import chanbridge as cb
from chanbridge.hooks import Hooks
from tests.channels import Clock, call
from tests.runtime import Providers, deliver, eventually, make_bridge


def with_handler(folder, seen, **kwargs):
    bridge = make_bridge(folder, Providers(), **kwargs)

    @bridge.on(cb.MessageReceived)
    async def see(event):
        seen.append(event.message.plain)

    return bridge


async def test_a_process_without_handlers_takes_nothing_from_one_that_has_some(tmp_path):
    seen = []
    async with make_bridge(tmp_path, Providers()) as without, with_handler(tmp_path, seen):
        for number in range(20):
            await deliver(without, call(f"msg-TEST-{number}", f"Text {number}"))
        await eventually(lambda: len(seen) == 20)

    assert seen == [f"Text {number}" for number in range(20)]


async def test_events_wait_for_handlers_that_have_never_run(tmp_path):
    seen = []
    async with make_bridge(tmp_path, Providers()) as without:
        await deliver(without, call())
        await asyncio.sleep(0.05)

    async with with_handler(tmp_path, seen):
        await eventually(lambda: seen)

    assert seen == ["Hello"]


async def test_handlers_of_another_name_see_every_event_while_they_run(tmp_path):
    seen, looked_at = [], []
    async with with_handler(tmp_path, seen) as bridge:
        await deliver(bridge, call("msg-TEST-1", "One"))
        async with with_handler(tmp_path, looked_at, consumer="look"):
            await deliver(bridge, call("msg-TEST-2", "Two"))
            await eventually(lambda: looked_at)
        await deliver(bridge, call("msg-TEST-3", "Three"))
        await eventually(lambda: len(seen) == 3)

        async def nothing_is_left():
            return await bridge.runtime.store.dispatch.pending() == 0

        await eventually(nothing_is_left)

    assert (seen, looked_at) == (["One", "Two", "Three"], ["Two"])


async def test_a_handler_that_comes_late_is_shown_what_has_waited(tmp_path):
    seen = []
    async with make_bridge(tmp_path, Providers()) as bridge:
        await deliver(bridge, call())

        @bridge.on(cb.MessageReceived)
        async def see(event):
            seen.append(event.message.plain)

        await eventually(lambda: seen)

    assert seen == ["Hello"]


async def test_a_sink_is_shown_what_another_process_brings(tmp_path):
    seen, hooks = [], Hooks()

    class Feed:
        name = "feed"

        async def deliver(self, event):
            seen.append(event.message.plain)

    class Plugin:
        @cb.hookimpl
        def chanbridge_sinks(self):
            return [Feed()]

    hooks.add(Plugin(), "feed")
    async with make_bridge(tmp_path, Providers(), hooks=hooks), make_bridge(tmp_path, Providers()) as other:
        await deliver(other, call())
        await eventually(lambda: seen)

    assert seen == ["Hello"]


async def test_hooks_are_told_also_where_nothing_is_handled(tmp_path):
    told, hooks = [], Hooks()

    class Plugin:
        @cb.hookimpl
        def chanbridge_received(self, account, event):
            told.append(event.message.plain)

    hooks.add(Plugin(), "crm")
    seen = []
    async with make_bridge(tmp_path, Providers(), hooks=hooks) as bridge:
        await deliver(bridge, call())
        await eventually(lambda: told)
    async with with_handler(tmp_path, seen):
        await eventually(lambda: seen)

    assert (told, seen) == (["Hello"], ["Hello"])


async def test_who_stood_still_goes_on_with_nothing_that_another_has_taken(tmp_path):
    clock, first, second = Clock(), [], []
    go = asyncio.Event()
    slow = make_bridge(tmp_path, Providers(), clock)

    @slow.on(cb.MessageReceived)
    async def see(event):
        first.append(event.message.plain)
        await go.wait()

    async with slow:
        await deliver(slow, *(call(f"msg-TEST-{n}", f"Text {n}") for n in range(5)))
        await eventually(lambda: first)
        for loop in slow.runtime.consumers.dispatchers[0]._loops:
            loop.cancel()  # it stands still: nothing is renewed
        clock.forward(120)
        async with with_handler(tmp_path, second, clock=clock):
            await eventually(lambda: len(second) == 5)
            go.set()
            await asyncio.sleep(0.05)

    assert first == ["Text 0"]
    assert second == [f"Text {n}" for n in range(5)]


async def test_work_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"work: 'recieve' is none of all, receive, send, nothing"):
        await make_bridge(tmp_path, Providers()).start("recieve")
