"""Sinks: each a consumer of its own, at its own pace, def or async def."""

import asyncio

import chanbridge as cb
from chanbridge.hooks import Hooks
from tests.channels import call
from tests.runtime import Providers, deliver, eventually, make_bridge


class Sink:
    def __init__(self, name):
        self.name = name
        self.seen = []
        self.stuck = asyncio.Event()
        self.stuck.set()

    async def deliver(self, event):
        await self.stuck.wait()
        self.seen.append(event.message.plain)


class PlainSink(Sink):
    def deliver(self, event):
        self.seen.append(event.message.plain)


class FailingSink(Sink):
    def deliver(self, event):
        self.seen.append(event.message.plain)
        raise OSError("no such bus")


def bridge_with(tmp_path, *sinks):
    class Plugin:
        @cb.hookimpl
        def chanbridge_sinks(self):
            return list(sinks)

    hooks = Hooks()
    hooks.add(Plugin(), "sinks")
    return make_bridge(tmp_path, Providers(), hooks=hooks)


async def test_a_slow_sink_holds_up_nobody_and_misses_nothing(tmp_path):
    slow, quick = Sink("slow"), PlainSink("quick")
    bridge = bridge_with(tmp_path, slow, quick)
    handled = []
    bridge.on(cb.MessageReceived)(lambda event: handled.append(event.message.plain))
    texts = [f"Text {n}" for n in range(5)]
    slow.stuck.clear()
    async with bridge:
        for n, text in enumerate(texts):
            await deliver(bridge, call(f"msg-TEST-{n}", text))
        await eventually(lambda: handled == texts and quick.seen == texts)
        assert slow.seen == []

        slow.stuck.set()
        await eventually(lambda: slow.seen == texts)


async def test_a_failing_sink_is_tried_again_and_stops_no_other(tmp_path):
    failing, quick = FailingSink("failing"), PlainSink("quick")
    bridge = bridge_with(tmp_path, failing, quick)
    async with bridge:
        await deliver(bridge, call(body="Hello"))
        await eventually(lambda: quick.seen == ["Hello"])
        await eventually(lambda: len(failing.seen) >= 2)


async def test_a_sink_goes_on_where_it_stopped(tmp_path):
    first = PlainSink("bus")
    async with bridge_with(tmp_path, first) as bridge:
        await deliver(bridge, call("msg-TEST-1", "before"))
        await eventually(lambda: first.seen == ["before"])

    second = PlainSink("bus")
    async with bridge_with(tmp_path, second) as bridge:
        await deliver(bridge, call("msg-TEST-2", "after"))
        await eventually(lambda: second.seen)

    assert second.seen == ["after"]
