"""One process takes in, another places and handles: two bridges on one store."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import msgspec
import pytest

import chanbridge as cb
from chanbridge import placing
from chanbridge.accounts import Configured
from chanbridge.media import MediaService
from chanbridge.store.engine import StoreError
from tests.channels import (
    ADA,
    Clock,
    Magpie,
    MagpieConfig,
    Pigeon,
    PigeonConfig,
    call,
    magpie_bell,
    pigeon_webhook,
)
from tests.runtime import Providers, deliver, eventually, make_bridge

SECOND = "+12025550101"
TOKEN = "TEST-path-token-1234"


@pytest.fixture
async def receiving(tmp_path):
    async with make_bridge(tmp_path, Providers()).running("receive") as bridge:
        yield bridge


@pytest.fixture
async def working(tmp_path):
    """Give a function that starts the other bridge, and what its handler is shown."""
    async with AsyncExitStack() as stack:

        async def start(**kwargs):
            bridge = make_bridge(tmp_path, Providers(), **kwargs)
            seen = []

            @bridge.on()
            async def see(event):
                seen.append(event)

            await stack.enter_async_context(bridge.running())
            return bridge, seen

        yield start


def texts(seen):
    return [event.message.plain for event in seen if isinstance(event, cb.MessageReceived)]


async def test_what_one_takes_in_the_other_handles_in_order(receiving, working):
    answers = [await deliver(receiving, call(f"msg-TEST-{n}", f"Text {n}")) for n in range(30)]

    _, seen = await working()
    await eventually(lambda: len(seen) == 30)
    more = await deliver(receiving, call("msg-TEST-30", "Text 30"))
    await eventually(lambda: len(seen) == 31)

    assert {answer.status for answer in [*answers, more]} == {200}
    assert texts(seen) == [f"Text {n}" for n in range(31)]
    assert [event.sequence for event in seen] == sorted(event.sequence for event in seen)


async def test_fifty_at_once_are_one(receiving, working):
    request = pigeon_webhook(call())
    await asyncio.gather(*(receiving.runtime.receiver.receive("main", request) for _ in range(50)))

    _, seen = await working()
    await eventually(lambda: seen)
    counts = await receiving.runtime.receiver.counts()

    assert len(seen) == 1
    assert counts == {"duplicates": 49}


async def test_readiness_counts_what_waits(receiving, working):
    await deliver(receiving, call())

    before = await receiving.runtime.readiness()
    _, seen = await working()
    await eventually(lambda: seen)
    after = await receiving.runtime.readiness()

    assert (before["waiting"], after["waiting"]) == (1, 0)


async def test_it_is_not_ready_when_nobody_places_for_a_minute(tmp_path):
    clock = Clock()
    async with make_bridge(tmp_path, Providers(), clock).running("receive") as receiving:
        await deliver(receiving, call())
        clock.forward(50)
        soon = await receiving.runtime.readiness()
        clock.forward(20)
        late = await receiving.runtime.readiness()

    assert (soon["saturated"], late["saturated"]) == (False, True)


async def test_who_comes_directly_waits_behind_what_was_taken_in(receiving, working, monkeypatch):
    monkeypatch.setattr(placing, "LOOK_S", 0.5)
    bridge, seen = await working()
    await asyncio.sleep(0.05)  # it has looked
    await deliver(receiving, call("msg-TEST-1", "First"))

    await deliver(bridge, call("msg-TEST-2", "Second"))
    await eventually(lambda: len(seen) == 2)

    assert texts(seen) == ["First", "Second"]


async def test_bad_items_and_strays_are_set_aside_once(receiving, working, caplog):
    with caplog.at_level(logging.WARNING):
        await deliver(receiving, call(), {"kind": "message", "id": 7}, call("msg-TEST-3", to="+12025550177"))
        bridge, seen = await working()
        await eventually(lambda: len(seen) == 2)
    [aside] = await bridge.runtime.store.journal.requests("quarantined")

    assert [type(event).__name__ for event in seen] == ["MessageReceived", "ProviderEvent"]
    assert (
        aside.request.content
        == pigeon_webhook(call(), {"kind": "message", "id": 7}, call("msg-TEST-3", to="+12025550177")).content
    )
    assert [record.message for record in caplog.records].count("request.set_aside") == 1


async def test_a_shared_webhook_reaches_the_account_that_accepts_it(tmp_path, working):
    accounts = [
        ("main", Pigeon, PigeonConfig()),
        ("second", Pigeon, PigeonConfig(number=SECOND)),
        ("third", Pigeon, PigeonConfig(number="+12025550102", webhook_secret=cb.Secret("TEST-other"))),
    ]
    async with make_bridge(tmp_path, Providers(), accounts=accounts).running("receive") as receiving:
        await deliver(receiving, call(), call("msg-TEST-2", to=SECOND), call("msg-TEST-3", to="+12025550102"))
        _, seen = await working(accounts=accounts)
        await eventually(lambda: len(seen) == 2)

    assert [event.account for event in seen] == ["main", "second"]


class Careful(Pigeon):
    """One whose provider signs the URL, too."""

    name = "pigeon"

    def verify(self, request):
        if TOKEN not in request.url:
            raise cb.SignatureError("another URL was signed")
        return super().verify(request)


async def test_another_account_is_asked_while_what_it_signed_is_there(tmp_path, working):
    accounts = [
        Configured("main", Careful, PigeonConfig(), path_token=cb.Secret(TOKEN)),
        Configured("second", Careful, PigeonConfig(number=SECOND)),
    ]
    request = pigeon_webhook(call(), call("msg-TEST-2", to=SECOND))
    request = msgspec.structs.replace(request, url=f"{request.url}/{TOKEN}")
    async with make_bridge(tmp_path, Providers(), accounts=accounts).running("receive") as receiving:
        answer = await receiving.runtime.receiver.receive("main", request, TOKEN)
        [kept] = await receiving.runtime.store.journal.requests()
        _, seen = await working(accounts=accounts)
        await eventually(lambda: len(seen) == 2)

    assert (answer.status, TOKEN in kept.request.url) == (200, False)
    assert [event.account for event in seen] == ["main", "second"]


async def test_a_bell_is_answered_by_the_one_that_polls(tmp_path, working):
    accounts = [("magpie", Magpie, MagpieConfig())]
    async with make_bridge(tmp_path, Providers(), accounts=accounts).running("receive") as receiving:
        answer = await receiving.runtime.receiver.receive("magpie", magpie_bell())
        bridge, _ = await working(accounts=accounts)
        provider = bridge.transport.magpie
        asked = len(provider.requests)
        await eventually(lambda: len(provider.requests) > asked)
        waits, _ = await bridge.runtime.store.journal.waiting()

    assert (answer.status, waits) == (200, 0)


async def test_a_request_of_an_account_that_is_gone_is_kept_for_a_replay(tmp_path, working):
    both = [("main", Pigeon, PigeonConfig()), ("old", Pigeon, PigeonConfig(number=SECOND))]
    async with make_bridge(tmp_path, Providers(), accounts=both).running("receive") as receiving:
        await deliver(receiving, call("msg-TEST-1", "Old", to=SECOND), account="old")
        await deliver(receiving, call("msg-TEST-2", "New"))
    bridge, seen = await working(accounts=both[:1])
    await eventually(lambda: seen)
    [aside] = await bridge.runtime.store.journal.requests("unowned")
    await bridge.stop()
    again, found = await working(accounts=both)
    replayed = await again.replay()
    await eventually(lambda: found)

    assert texts(seen) == ["New"]
    assert aside.reason == "no such account is configured"
    assert (replayed, texts(found)) == (1, ["Old"])


async def test_a_store_that_fails_is_tried_again(receiving, working, monkeypatch, caplog):
    monkeypatch.setattr(placing, "REST_S", 0.05)
    bridge, seen = await working()
    journal = bridge.runtime.store.journal
    unplaced, problems = journal.unplaced, [StoreError("the disk is full"), RuntimeError("words of Ada's")]

    async def failing(limit):
        if problems:
            raise problems.pop()
        return await unplaced(limit)

    monkeypatch.setattr(journal, "unplaced", failing)
    await deliver(receiving, call())
    await eventually(lambda: seen)

    told = [record.error for record in caplog.records if record.message == "placing.failed"]
    assert told[1:] == ["the disk is full"]
    assert told[0].startswith("RuntimeError at ")


async def test_one_that_cannot_be_written_takes_no_other_with_it(receiving, working, monkeypatch):
    await deliver(receiving, call("msg-TEST-1", "First"))
    await deliver(receiving, call("msg-TEST-2", "Second"))
    event = Pigeon.event

    def odd(self, raw):
        found = event(self, raw)
        return found.replace(provider_id=object()) if b"msg-TEST-1" in bytes(raw) else found

    monkeypatch.setattr(Pigeon, "event", odd)
    bridge, seen = await working()
    await eventually(lambda: len(seen) == 2)
    [aside] = await bridge.runtime.store.journal.requests("quarantined")

    assert texts(seen) == ["Second"]
    assert aside.reason.startswith("cannot be written")


async def test_of_two_that_place_the_second_is_told_that_it_came_too_late(receiving, tmp_path, caplog):
    await deliver(receiving, call("msg-TEST-1"), {"kind": "message", "id": 7})
    await deliver(receiving, call("msg-TEST-3"))
    kept = await receiving.runtime.store.journal.unplaced(10)

    one, other = (make_bridge(tmp_path, Providers()).running("nothing") for _ in range(2))
    async with one as first, other as second:
        placed = [await bridge.runtime.receiver.place(kept) for bridge in (first, second)]

        _, counts = [await bridge.runtime.receiver.counts() for bridge in (first, second)]

    assert placed == [2, 0]
    assert [record.message for record in caplog.records].count("request.set_aside") == 1
    assert counts["requests.quarantined"] == 1


async def test_one_that_cannot_be_placed_holds_up_no_other(receiving, working, monkeypatch):
    await deliver(receiving, call("msg-TEST-1", "x" * 100_000))  # so large that it may hold a file
    await deliver(receiving, call("msg-TEST-2", "Second"))

    async def broken(self, event):
        raise KeyError("words of Ada's")

    monkeypatch.setattr(MediaService, "unload", broken)
    bridge, seen = await working()
    await eventually(lambda: seen)
    [aside] = await bridge.runtime.store.journal.requests("quarantined")
    monkeypatch.undo()
    replayed = await bridge.replay()

    assert texts(seen)[0] == "Second"
    assert (aside.reason, replayed) == ("cannot be placed: KeyError", 1)


async def test_a_receiving_bridge_still_keeps_what_it_is_asked_to_send(receiving, working):
    receipt = await receiving.send(f"pigeon:{ADA}", "Hello")
    bridge, _ = await working()

    async def sent():
        progress = await bridge.runtime.progress(receipt.id)
        return progress.states == ["sent"]

    await eventually(sent)
