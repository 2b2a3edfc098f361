"""Requests that are taken in alone, and placed later."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.store import keeping
from chanbridge.store.base import Arrival
from chanbridge.store.engine import StoreError
from chanbridge.store.recent import GENERATION, Recent
from chanbridge.store.sqlite import SqliteStore
from tests.channels import NOW
from tests.store.samples import at, bring, said

BODY = b"a body"


def arrival(*events, body=BODY, **fields):
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=body)
    return Arrival(account="main", at=NOW, request=request, events=list(events), can_wait=True, **fields)


def odd():
    """An event that may come twice and be new."""
    return cb.ProviderEvent(account="main", provider_type="odd")


async def keep(store, *events, **fields):
    return await store.journal.keep(arrival(*events, **fields))


async def place(store, request, *events, **fields):
    brought = Arrival(account="main", at=NOW, events=list(events), unplaced=request, **fields)
    return await store.journal.append(brought)


async def waiting(store):
    return [kept.id for kept in await store.journal.unplaced(100)]


async def ids(store):
    return [entry.event.provider_id for entry in await store.journal.events()]


async def test_what_is_kept_brings_nothing_until_it_is_placed(store):
    kept = await keep(store, said())
    counted = await store.journal.waiting()

    before = await ids(store)
    [found] = await store.journal.unplaced(10)
    placed = await place(store, found.id, said())

    assert (before, kept.entries, kept.later) == ([], [], True)
    assert (found.id, found.account, found.request.content) == (kept.request, "main", BODY)
    assert [entry.event.provider_id for entry in placed.entries] == ["msg-TEST-1"]
    assert (counted, await store.journal.waiting()) == ((1, NOW.timestamp()), (0, None))
    assert await waiting(store) == []


async def test_what_another_process_has_placed_is_not_placed_again(store):
    kept = await keep(store, odd())

    first = await place(store, kept.request, odd())
    second = await store.journal.append(
        Arrival(account="main", at=at(3600), events=[odd()], unplaced=kept.request)
    )

    assert (len(first.entries), second.entries) == (1, [])


async def test_a_repeat_is_not_kept(store):
    kept = await asyncio.gather(*(keep(store, said()) for _ in range(50)))
    again = await keep(store, said())

    assert len(await waiting(store)) == 1
    assert sum(stored.duplicates for stored in [*kept, again]) == 50


async def test_a_repeat_of_what_was_placed_is_known_to_a_process_that_has_just_begun(store, tmp_path):
    await bring(store, said())
    other = SqliteStore(tmp_path / "chanbridge.db")
    await other.start()

    repeat = await keep(other, said())
    await other.close()

    assert (repeat.duplicates, await waiting(store)) == (1, [])


@pytest.mark.parametrize(
    "events",
    [
        (said(), said(id="msg-TEST-2")),  # one of them is new
        (),  # it may bring something else
        (said(), odd()),  # one that may come twice and be new
    ],
)
async def test_what_may_bring_something_new_is_kept(store, events):
    await keep(store, said())
    await keep(store, odd())

    kept = await keep(store, *events)

    assert kept.request in await waiting(store)


async def test_a_repeat_is_known_whether_or_not_its_events_name_their_account(store):
    await bring(store, said(), said(id="", time=NOW))

    kept = await keep(store, said(account=""), said(id="", time=NOW, account=""))

    assert kept.duplicates == 2


async def test_of_what_could_not_be_kept_nothing_is_remembered(store, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(store.engine, "_make_durable", lambda: failed(store.engine))
        with pytest.raises(StoreError):
            await keep(store, said())

    kept = await keep(store, said())

    assert await waiting(store) == [kept.request]


def failed(engine):
    engine._undo()
    return StoreError("the disk is full")


async def test_a_request_waits_behind_those_that_wait(store):
    kept = await keep(store, said())

    behind = await store.journal.append(arrival(said("Later", id="msg-TEST-2")))
    order = await waiting(store)
    for request, event in zip(order, [said(), said("Later", id="msg-TEST-2")], strict=True):
        await place(store, request, event)
    after = await store.journal.append(arrival(said("Now", id="msg-TEST-3")))

    assert (behind.entries, behind.later) == ([], True)
    assert order == [kept.request, behind.request]
    assert len(after.entries) == 1
    assert await ids(store) == ["msg-TEST-1", "msg-TEST-2", "msg-TEST-3"]


async def test_what_is_no_webhook_waits_for_nobody(store):
    await keep(store, said())

    own = await bring(store, said("Polled", id="msg-TEST-2"), cursor="7")

    assert len(own) == 1


async def test_what_cannot_be_understood_as_it_is_placed_is_set_aside(store):
    kept = await keep(store)

    await place(store, kept.request, state="quarantined", reason="no JSON")
    [aside] = await store.journal.requests("quarantined")

    assert (aside.id, aside.reason, await waiting(store)) == (kept.request, "no JSON", [])


async def test_large_requests_are_read_a_few_at_a_time(store, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_BYTES", 10)
    for number in range(4):
        await keep(store, said(id=f"msg-TEST-{number}"))

    assert len(await store.journal.unplaced(100)) == 2
    assert len(await store.journal.unplaced(1)) == 1


async def test_a_number_is_not_given_twice(store):
    first = await keep(store, said())
    appended = await store.journal.append(arrival())
    second = await keep(store, said(id="msg-TEST-2"))

    assert (appended.request, second.request) == (first.request + 1, first.request + 2)


def test_recent_keys_are_bounded():
    recent = Recent()
    keys = [number.to_bytes(16, "big") for number in range(5 * GENERATION)]
    for key in keys:
        recent.add([key])

    known = sum(key in recent for key in keys)

    assert GENERATION <= known <= 2 * GENERATION
    assert all(key in recent for key in keys[-GENERATION:])


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=3), min_size=1, max_size=12), st.data())
def test_kept_and_placed_comes_to_the_same_as_appended(tmp_path_factory, bodies, data):
    folder = tmp_path_factory.mktemp("kept")
    webhooks = [[said(f"Text {n}", id=f"msg-TEST-{n}") for n in body] for body in bodies]
    alone = [data.draw(st.booleans()) for _ in webhooks]

    async def appended():
        store = SqliteStore(folder / "appended.db")
        await store.start()
        for events in webhooks:
            await store.journal.append(arrival(*events))
        found = await ids(store)
        await store.close()
        return found

    async def kept_and_placed():
        store = SqliteStore(folder / "kept.db")
        await store.start()
        for events, only_kept in zip(webhooks, alone, strict=True):
            put = store.journal.keep if only_kept else store.journal.append
            await put(arrival(*events, body=" ".join(e.provider_id for e in events).encode()))
        for kept in await store.journal.unplaced(100):
            names = kept.request.content.decode().split()
            await place(store, kept.id, *(said(f"Text {name[9:]}", id=name) for name in names))
        found = await ids(store)
        await store.close()
        return found

    assert asyncio.run(kept_and_placed()) == asyncio.run(appended())
