"""Handlers that hang: said once each, seen in readiness, ended where there is a limit."""

import asyncio
import threading

import pytest
from msgspec.structs import replace

import chanbridge as cb
from chanbridge.config import DeliveryPolicy
from tests import asgi_client
from tests.channels import Clock, Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import deliver, eventually, make_bridge


def bridge_with(folder, **policy):
    accounts = [("main", Pigeon, PigeonConfig())]
    bridge = make_bridge(folder, PigeonProvider(), Clock(), accounts=accounts)
    bridge.settings = replace(bridge.settings, policy=DeliveryPolicy(**policy))
    return bridge


async def test_a_hung_handler_is_logged_once_and_makes_a_full_bridge_unready(tmp_path, caplog):
    bridge, go = bridge_with(tmp_path, handler_slow_s=0.01), asyncio.Event()

    @bridge.on(cb.MessageReceived)
    async def hang(event):
        await go.wait()

    async with bridge:
        bridge.runtime.consumers.dispatchers[0]._concurrency = 1
        await deliver(bridge, call())
        await eventually(lambda: "handler.slow" in caplog.messages)
        full = await asgi_client.request(bridge.asgi(), "GET", "/ready")
        go.set()
        await eventually(lambda: bridge.runtime.consumers.dispatchers[0].running == 0)
        free = await asgi_client.request(bridge.asgi(), "GET", "/ready")

    [said] = [record for record in caplog.records if record.message == "handler.slow"]
    assert said.handler.endswith("hang")
    assert (bool(said.event_id), said.seconds) == (True, 0.01)
    told = full.json()
    assert (full.status, told["status"], told["running"], told["slow"]) == (503, "saturated", 1, 1)
    assert (free.status, free.json()["slow"], free.json()["saturated"]) == (200, 0, False)


@pytest.mark.parametrize("limit", [0.0, 0.02])
async def test_hung_def_handlers_in_every_thread_make_a_bridge_unready(tmp_path, limit):
    policy = {"handler_slow_s": 0.01, "handler_timeout_s": limit, "handler_attempts": 1}
    bridge, go, runs = bridge_with(tmp_path, **policy), threading.Event(), []

    @bridge.on(cb.MessageReceived)
    def hang(event):
        runs.append(event)
        go.wait(20)

    async with bridge:
        bridge.runtime.consumers._active[0][0].threads._most = 2
        await deliver(bridge, call("1"))
        await eventually(lambda: runs)
        await asyncio.sleep(0.02)
        one = await asgi_client.request(bridge.asgi(), "GET", "/ready")
        await deliver(bridge, call("2", from_="+12025550124"))
        await eventually(lambda: len(runs) == 2)
        await asyncio.sleep(0.02)
        both = await asgi_client.request(bridge.asgi(), "GET", "/ready")
        go.set()
        await eventually(lambda: not bridge.runtime.consumers._active[0][0].threads._since)
        free = await asgi_client.request(bridge.asgi(), "GET", "/ready")

    assert (one.status, both.status, free.status) == (200, 503, 200)
    assert both.json()["status"] == "saturated"


async def test_a_handler_that_is_done_in_time_is_not_slow(tmp_path, caplog):
    bridge, handled = bridge_with(tmp_path), []
    bridge.on(cb.MessageReceived)(handled.append)
    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: handled)
        ready = await bridge.runtime.readiness()

    assert (ready["slow"], ready["saturated"]) == (0, False)
    assert "handler.slow" not in caplog.messages


async def test_a_handler_over_its_time_limit_has_failed(tmp_path):
    bridge, handled = bridge_with(tmp_path, handler_attempts=1, handler_timeout_s=0.05), []

    @bridge.on(cb.MessageReceived)
    async def hang(event):
        if event.message.plain == "Bad":
            await asyncio.Event().wait()
        handled.append(event.message.plain)

    async with bridge:
        await deliver(bridge, call("1", "Bad"), call("2", "Good"))
        await eventually(lambda: handled)
        [parked] = await bridge.runtime.store.parked.list()

    assert (handled, parked["error"]) == (["Good"], "TimeoutError")
