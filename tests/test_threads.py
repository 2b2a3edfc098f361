"""`def` handlers and sinks: their threads are theirs, so what hangs there holds up nothing else."""

import asyncio
import contextvars
import threading

import pytest

import chanbridge as cb
from chanbridge.hooks import Hooks
from chanbridge.threads import MOST, Threads
from tests.asgi_client import request
from tests.channels import ADA, call
from tests.runtime import Providers, deliver, eventually, make_bridge


def caller(n):
    return f"+1202555{n:04}"


@pytest.fixture
async def free():
    """What hanging handlers wait for; set at the end, so that no thread outlives its test for long."""
    event = threading.Event()
    yield event
    event.set()


async def test_twenty_def_handlers_that_wait_for_their_replies_all_finish(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    together = threading.Barrier(20)

    @bridge.on(cb.MessageReceived)
    def answer(event, conversation):
        together.wait(20)
        conversation.reply("Hello").result(20)

    async with bridge:
        await deliver(bridge, *(call(f"msg-TEST-{n}", from_=caller(n)) for n in range(20)))
        await eventually(lambda: len(providers.pigeon.sent) == 20)


async def test_handlers_that_all_hang_stop_neither_a_send_nor_ready_nor_a_sink_nor_the_end(tmp_path, free):
    class Plugin:
        name, seen = "bus", []

        def deliver(self, event):
            self.seen.append(event.type)

        @cb.hookimpl
        def chanbridge_sinks(self):
            return [self]

    hooks, hanging = Hooks(), []
    hooks.add(Plugin(), "sinks")
    bridge = make_bridge(tmp_path, Providers(), hooks=hooks)

    @bridge.on(cb.MessageReceived)
    def hang(event):
        hanging.append(1)
        free.wait(20)

    await bridge.start()
    await deliver(bridge, *(call(f"msg-TEST-{n}", from_=caller(n)) for n in range(MOST + 10)))
    await eventually(lambda: len(hanging) == MOST)

    async with asyncio.timeout(10):
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await receipt.until("submitted")
        ready = await request(bridge.asgi(), "GET", "/ready")
        await eventually(lambda: Plugin.seen.count("message.received") == MOST + 10)
        await bridge.stop(grace_s=0)

    assert ready.status == 200
    assert len(hanging) == MOST


async def test_a_def_handler_with_a_loop_of_its_own_can_await_its_receipt(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    states = []

    @bridge.on(cb.MessageReceived)
    def answer(event, conversation):
        async def talk():
            receipt = await conversation.reply("Hello")
            states.append(await receipt.until("submitted", timeout=10))

        asyncio.run(talk())

    async with bridge:
        await deliver(bridge, *(call(f"msg-TEST-{n}", from_=caller(n)) for n in range(3)))
        await eventually(lambda: len(states) == 3)

    assert states == ["submitted"] * 3


async def test_two_loops_can_wait_for_one_message(tmp_path):
    bridge = make_bridge(tmp_path, Providers())

    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await receipt.until("submitted", timeout=10)
        [external] = (await receipt.progress()).externals
        here = asyncio.ensure_future(receipt.until("delivered", timeout=10))
        await asyncio.sleep(0)
        there = asyncio.ensure_future(asyncio.to_thread(asyncio.run, receipt.until("delivered", timeout=10)))
        bells = bridge.runtime._news._waiting
        await eventually(lambda: sum(len(bell._waiters) for bell in bells.values()) == 2)
        await deliver(bridge, call(external, kind="status", status="DLVRD"))

        assert [await here, await there] == ["delivered", "delivered"]


async def test_a_thread_has_the_context_of_its_caller():
    marked = contextvars.ContextVar("marked")
    marked.set("TEST")
    threads = Threads("test")

    assert await threads.run(marked.get) == "TEST"
    threads.close()


@pytest.mark.parametrize("raised", [ValueError, StopIteration, KeyboardInterrupt, GeneratorExit])
async def test_whatever_is_raised_in_a_thread_reaches_who_waits(raised):
    threads = Threads("test", 1)

    def fail():
        raise raised("broken")

    with pytest.raises((raised, RuntimeError)):
        await asyncio.wait_for(threads.run(fail), 10)

    assert await threads.run(lambda: 7) == 7  # its one thread goes on
    threads.close()


async def test_what_was_given_up_before_it_began_is_not_run(free):
    threads, ran = Threads("test", 1), []
    busy = asyncio.ensure_future(threads.run(free.wait, 20))
    late = asyncio.ensure_future(threads.run(ran.append, 1))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait([late])
    await asyncio.sleep(0)
    free.set()
    await busy

    await threads.run(ran.append, 2)

    assert ran == [2]
    threads.close()


async def test_threads_are_used_again_and_end_when_they_are_closed():
    threads = Threads("test-used-again")
    for _ in range(3):
        await threads.run(len, "")
        await eventually(lambda: threads._idle._value == 1)
    alive = [each for each in threading.enumerate() if each.name.startswith("test-used-again")]

    threads.close()

    assert len(alive) == 1
    await eventually(lambda: not alive[0].is_alive())
