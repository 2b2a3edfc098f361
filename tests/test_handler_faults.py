"""Whatever a handler raises is a failed attempt: tried again, then parked; its conversation goes on."""

import asyncio
import logging
import sys

import pytest
from msgspec.structs import replace

import chanbridge as cb
from chanbridge.config import DeliveryPolicy
from chanbridge.hooks import Hooks
from tests.channels import Clock, Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import deliver, eventually, make_bridge


def bridge_that_tries_once(folder, **kwargs):
    bridge = make_bridge(
        folder, PigeonProvider(), Clock(), accounts=[("main", Pigeon, PigeonConfig())], **kwargs
    )
    bridge.settings = replace(bridge.settings, policy=DeliveryPolicy(handler_attempts=1))
    return bridge


def stop_iteration():
    next(iter(()))


def leave():
    sys.exit("the CRM is not there")


def cancel():
    raise asyncio.CancelledError


def interrupt():
    raise KeyboardInterrupt


class Odd(BaseException):
    """Something that is no Exception."""


def odd():
    raise Odd


async def cancel_a_child():
    child = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    child.cancel()
    await child


async def cancel_oneself():
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def leave_async():
    sys.exit(1)


async def odd_async():
    raise Odd


FAULTS = [
    (stop_iteration, "RuntimeError"),
    (leave, "SystemExit"),
    (cancel, "CancelledError"),
    (interrupt, "RuntimeError"),
    (odd, "Odd"),
    (cancel_a_child, "CancelledError"),
    (cancel_oneself, "CancelledError"),
    (leave_async, "SystemExit"),
    (odd_async, "Odd"),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
async def test_whatever_a_handler_raises_ends_parked_and_its_conversation_goes_on(tmp_path, fault, told):
    bridge = bridge_that_tries_once(tmp_path)
    handled = []

    def run(event):
        if event.message.plain == "Bad":
            return fault()
        return handled.append(event.message.plain)

    bridge.on(cb.MessageReceived)(run)
    async with bridge:
        await deliver(bridge, call("1", "Bad"), call("2", "Good"))
        await eventually(lambda: handled)
        [parked] = await bridge.runtime.store.parked.list()

    assert handled == ["Good"]
    assert parked["error"] == told


def look_up(number):
    raise KeyError(number)


def answer(event):
    try:
        look_up(event.message.sender.address)
    except KeyError as error:
        raise ValueError(f"cannot answer {event.message.plain!r}") from error


async def test_what_a_handler_raised_is_logged_with_its_frames_and_without_its_words(tmp_path, caplog):
    bridge = bridge_that_tries_once(tmp_path)
    bridge.on(cb.MessageReceived)(answer)
    async with bridge:
        await deliver(bridge, call("1", "My PIN is 4711"))
        await eventually(bridge.runtime.store.parked.count)

    [record] = [record for record in caplog.records if record.message == "handler.failed"]
    said = logging.Formatter().format(record)
    lines = said.splitlines()
    assert [word for word in ("4711", "12025550123") if word in said + repr(vars(record))] == []
    assert [line for line in lines if line in ("KeyError", "ValueError")] == ["KeyError", "ValueError"]
    places = [line.rpartition(" in ")[2] for line in lines if line.startswith(f'  File "{__file__}"')]
    assert places == ["answer", "look_up", "answer"]
    assert (record.error, record.at.rpartition(":")[0]) == ("ValueError", __file__)


async def test_a_sink_that_runs_out_of_items_is_parked_too(tmp_path):
    class Sink:
        name = "crm"

        def deliver(self, event):
            stop_iteration()

    class Plugin:
        @cb.hookimpl
        def chanbridge_sinks(self):
            return [Sink()]

    hooks = Hooks()
    hooks.add(Plugin(), "crm")
    bridge = bridge_that_tries_once(tmp_path, hooks=hooks)
    async with bridge:
        await deliver(bridge, call())
        await eventually(bridge.runtime.store.parked.count)
        [parked] = await bridge.runtime.store.parked.list()

    assert (parked["consumer"], parked["error"]) == ("sink:crm", "RuntimeError")


async def test_what_is_cancelled_because_the_bridge_stops_is_no_failed_attempt(tmp_path):
    bridge = bridge_that_tries_once(tmp_path)
    begun = asyncio.Event()

    @bridge.on(cb.MessageReceived)
    async def hang(event):
        begun.set()
        await asyncio.Event().wait()

    await bridge.start()
    await deliver(bridge, call())
    await begun.wait()
    await bridge.stop(grace_s=0)

    await bridge.start("nothing")
    parked = await bridge.runtime.store.parked.count()
    pending = await bridge.runtime.store.dispatch.pending()
    await bridge.stop()

    assert (parked, pending) == (0, 1)
