"""A clock that jumps: what this process holds is not begun again, what is due soon stays due soon."""

import asyncio

import pytest

import chanbridge as cb
from chanbridge.store.dispatching import LOOK_S
from tests.channels import ADA, Clock, Pigeon, PigeonConfig, PigeonProvider, call
from tests.runtime import deliver, eventually, make_bridge

ACCOUNTS = [("main", Pigeon, PigeonConfig())]


async def renewed(bridge, table, clock):
    """Wait until what is held in a table is held longer than until now."""

    def look(connection):
        return connection.execute(f"SELECT min(until) FROM {table}").fetchone()[0] > clock().timestamp()

    await eventually(lambda: bridge.runtime.store.engine.read(look))


async def forward(bridge, clock):
    clock.forward(4000)


async def let_it_lapse(bridge, clock):
    """Let one lease be over, as that of an event is whose request was suspended before it was written."""
    bridge.runtime.consumers.dispatchers[0]._renewed = clock()
    await bridge.runtime.store.engine.write(lambda c: c.execute("UPDATE pending SET until = 0, due = 0"))
    clock.forward(LOOK_S)


@pytest.mark.parametrize("over", [forward, let_it_lapse])
async def test_a_handler_under_way_is_not_begun_again_when_its_lease_is_over(tmp_path, over):
    clock, go, runs = Clock(), asyncio.Event(), []
    bridge = make_bridge(tmp_path, PigeonProvider(), clock, accounts=ACCOUNTS)

    @bridge.on(cb.MessageReceived)
    async def slow(event):
        runs.append(event.message.plain)
        await go.wait()

    async with bridge:
        await deliver(bridge, call("1", "One"), call("2", "Two"))
        await eventually(lambda: runs)
        await over(bridge, clock)
        bridge.runtime.consumers.dispatchers[0]._wake.set()
        await renewed(bridge, "pending", clock)
        await asyncio.sleep(0)  # what was begun runs
        during = list(runs)
        go.set()
        await eventually(lambda: "Two" in runs)

    assert during == ["One"]
    assert runs == ["One", "Two"]


async def test_a_message_under_way_is_not_taken_from_itself_when_the_clock_jumps(tmp_path, caplog):
    clock, asked, go = Clock(), asyncio.Event(), asyncio.Event()

    class Slow(PigeonProvider):
        async def __call__(self, request, *, foreign=False):
            asked.set()
            await go.wait()
            return await super().__call__(request, foreign=foreign)

    provider = Slow()
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await asked.wait()
        clock.forward(4000)
        bridge.runtime.sender.wake()
        await renewed(bridge, "sending", clock)
        held = len(bridge.runtime.sender._tasks)
        go.set()
        await receipt.until("submitted", timeout=5)

    assert held == 1
    assert len(provider.sent) == 1
    assert "outbox.taken_away" not in caplog.messages


async def test_a_retry_does_not_wait_for_a_clock_that_was_set_back(tmp_path):
    clock, runs = Clock(), []
    bridge = make_bridge(tmp_path, PigeonProvider(), clock, accounts=ACCOUNTS)

    @bridge.on(cb.MessageReceived)
    async def shaky(event):
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("not yet")

    async with bridge:
        await deliver(bridge, call())
        await eventually(lambda: runs and not bridge.runtime.consumers.dispatchers[0]._held)
        clock.forward(-3000)

        await eventually(lambda: len(runs) == 2)


async def test_a_message_does_not_wait_for_a_clock_that_was_set_back(tmp_path):
    clock, provider = Clock(), PigeonProvider(cb.HttpResponse.of_json({}, status=503))
    bridge = make_bridge(tmp_path, provider, clock, accounts=ACCOUNTS)
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await eventually(lambda: provider.sent and not bridge.runtime.sender._held)
        clock.forward(-3000)
        await eventually(lambda: bridge.runtime.sender._kept == clock().timestamp())
        clock.forward(2)

        assert await receipt.until("submitted", timeout=5) == "submitted"
