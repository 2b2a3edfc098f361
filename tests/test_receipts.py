"""Delivery facts: a set, whatever the order and repetition in which they come."""

import itertools

import pytest

import chanbridge as cb
from tests.channels import ADA, call
from tests.runtime import Providers, deliver, eventually, make_bridge

STATUSES = ["SENT", "DLVRD", "READ"]


@pytest.mark.parametrize(
    "order", [*itertools.permutations(STATUSES), ["READ", "SENT", "READ", "DLVRD", "SENT"]]
)
async def test_every_order_of_receipts_gives_the_same_facts(tmp_path, order):
    bridge = make_bridge(tmp_path, Providers())
    told = []
    bridge.on(cb.MessageStatus)(lambda event: told.append(event.fact))
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await receipt.until("submitted", timeout=5)
        [external] = (await receipt.progress()).externals

        for status in order:
            await deliver(bridge, call(external, kind="status", status=status))
        await eventually(lambda: len(told) == 4)

        assert (await receipt.progress()).facts == [{"submitted", "sent", "delivered", "read"}]
        assert await receipt.state() == "read"
    assert sorted(told) == ["delivered", "read", "sent", "submitted"]


async def test_a_status_that_overtakes_its_send_waits_for_it(tmp_path):
    providers = Providers()
    bridge = make_bridge(tmp_path, providers)
    told = []
    bridge.on(cb.MessageStatus)(lambda event: told.append((event.fact, event.target.id)))
    async with bridge:
        await deliver(bridge, call("messages-TEST-1", kind="status", status="DLVRD"))
        assert told == []

        receipt = await bridge.send(f"pigeon:{ADA}", "Hello", account="main")
        await receipt.until("delivered", timeout=5)

        await eventually(lambda: len(told) == 2)
    assert told == [("submitted", receipt.id), ("delivered", receipt.id)]


async def test_a_status_of_a_message_that_we_never_sent_is_told_after_a_minute(tmp_path):
    from tests.channels import Clock

    clock = Clock()
    bridge = make_bridge(tmp_path, Providers(), clock)
    told = []
    bridge.on(cb.MessageStatus)(told.append)
    async with bridge:
        await deliver(bridge, call("elsewhere-TEST-1", kind="status", status="DLVRD"))
        runtime = bridge.runtime
        runtime.tell(await runtime.store.journal.sweep(clock()))
        assert told == []

        clock.forward(61)
        runtime.tell(await runtime.store.journal.sweep(clock()))
        await eventually(lambda: told)

    assert (told[0].target.external, told[0].target.id) == ("elsewhere-TEST-1", "")


async def test_metadata_and_losses_come_back_with_every_status(tmp_path):
    bridge = make_bridge(tmp_path, Providers())
    told = []
    bridge.on(cb.MessageStatus)(told.append)
    message = cb.Message.text("Pick", buttons=["Yes", "No"], metadata={"ticket": "TEST-17"})
    async with bridge:
        receipt = await bridge.send(f"pigeon:{ADA}", message, account="main")
        await receipt.until("submitted", timeout=5)
        await eventually(lambda: told)

    assert told[0].metadata == {"ticket": "TEST-17"}
    assert {loss["level"] for loss in told[0].losses} == {"affordance"}
