"""A bridge that stops: handlers under way finish, with their replies; nothing new is taken in."""

import asyncio

import chanbridge as cb
from chanbridge.hooks import Hooks
from tests import asgi_client
from tests.channels import Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import deliver, eventually, make_bridge


async def test_a_handler_under_way_still_replies_while_the_bridge_stops(tmp_path):
    provider, begun, go = PigeonProvider(), asyncio.Event(), asyncio.Event()
    bridge = make_bridge(tmp_path, provider, accounts=[("main", Pigeon, PigeonConfig())])
    problems = []

    @bridge.on(cb.MessageReceived)
    async def answer(event, conversation):
        begun.set()
        await go.wait()
        try:
            receipt = await conversation.reply("Late, but sent")
            await receipt.until("submitted", timeout=5)
        except Exception as error:
            problems.append(error)
            raise

    await bridge.start()
    await deliver(bridge, call())
    await begun.wait()
    stopping = asyncio.create_task(bridge.stop())
    await eventually(lambda: not bridge.started)
    refused = await asgi_client.request(bridge.asgi(), "POST", "/in/main")
    go.set()
    await stopping

    assert problems == []
    assert [message["body"] for message in provider.sent] == ["Late, but sent"]
    assert (refused.status, bridge.started) == (503, False)


async def test_a_bridge_that_has_stopped_starts_again(tmp_path):
    bridge = make_bridge(tmp_path, PigeonProvider())

    for _ in range(2):
        async with bridge:
            assert bridge.started
        assert not bridge.started


async def test_a_sink_that_finishes_while_the_bridge_stops_is_not_shown_the_event_again(tmp_path):
    begun, go, hooks = asyncio.Event(), asyncio.Event(), Hooks()

    class Slow:
        name = "crm"

        async def deliver(self, event):
            begun.set()
            await go.wait()

    class Plugin:
        @cb.hookimpl
        def chanbridge_sinks(self):
            return [Slow()]

    hooks.add(Plugin(), "crm")
    bridge = make_bridge(tmp_path, PigeonProvider(), hooks=hooks)
    bridge.on()(lambda event: None)
    handlers_given_back = asyncio.Event()
    await bridge.start()
    give_back = bridge.runtime.store.dispatch.give_back

    async def tell(*args):
        await give_back(*args)
        handlers_given_back.set()

    bridge.runtime.store.dispatch.give_back = tell
    await deliver(bridge, call())
    await begun.wait()
    stopping = asyncio.create_task(bridge.stop())
    await handlers_given_back.wait()
    go.set()
    await stopping

    await bridge.start("nothing")
    pending = await bridge.runtime.store.dispatch.pending()
    await bridge.stop()

    assert pending == 0
