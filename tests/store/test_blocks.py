"""What one request brings to one conversation is one row; each event in it is still one by itself."""

import datetime as dt

import msgspec

import chanbridge as cb
from chanbridge.channel import Gesture
from chanbridge.store import blocks
from chanbridge.store.base import Arrival
from chanbridge.store.sqlite import SqliteStore
from tests.channels import ADA, NOW, call, pigeon_webhook
from tests.store.samples import LEASE_S, at, bring, lease, said, status

BEN = "+12025550177"


async def ten(store, *, start=0, sender=ADA):
    """Bring ten messages of one person in one request."""
    messages = [said(f"Text {n}", id=f"msg-TEST-{n}", sender=sender) for n in range(start, start + 10)]
    request = pigeon_webhook(call())
    return await store.journal.append(Arrival(account="main", at=NOW, events=messages, request=request))


async def rows(store):
    return await store.engine.read(lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0])


async def taken(store, now=NOW):
    [batch] = await store.dispatch.lease("handlers", "a", now, now + dt.timedelta(seconds=LEASE_S), 10)
    return batch


def texts(entries):
    return [entry.event.message.plain for entry in entries]


async def test_ten_messages_of_a_request_are_one_row_and_ten_events(store):
    await ten(store)
    listed = await store.journal.events()

    assert await rows(store) == 1
    assert [entry.seq for entry in listed] == list(range(1, 11))
    assert [int(entry.event.sequence, 16) for entry in listed] == list(range(1, 11))
    assert texts(listed) == [f"Text {n}" for n in range(10)]


async def test_messages_of_two_people_in_turn_lie_in_their_order(store):
    messages = [said(str(n), id=f"msg-TEST-{n}", sender=[ADA, BEN][n % 2]) for n in range(6)]
    request = pigeon_webhook(call())
    await store.journal.append(Arrival(account="main", at=NOW, events=messages, request=request))

    assert texts(await store.journal.events()) == list("012345")
    assert texts(await store.journal.events(f"main/{BEN}")) == list("135")


async def test_pages_of_events_may_end_within_a_row(store):
    await ten(store)
    await ten(store, start=10, sender=BEN)
    seen, page = [], await store.journal.events(limit=3)
    while page:
        seen += texts(page)
        page = await store.journal.events(after=page[-1].seq, limit=3)

    assert seen == [f"Text {n}" for n in range(20)]


async def test_a_handler_that_fails_within_a_row_goes_on_there(store, tmp_path):
    await ten(store)
    batch = await taken(store)
    await store.dispatch.retry("handlers", "a", batch.conversation, batch.entries[3].seq, at(0))
    again = await taken(store, at(1))
    await store.dispatch.give_back("handlers", "a")
    other = SqliteStore(tmp_path / "chanbridge.db")
    await other.start()
    [read] = await other.dispatch.lease("handlers", "b", at(2), at(62), 10)
    await other.close()

    assert texts(batch.entries) == [f"Text {n}" for n in range(10)]
    assert texts(again.entries) == texts(read.entries) == [f"Text {n}" for n in range(4, 10)]


async def test_a_parked_event_within_a_row_is_shown_again_alone(store):
    await ten(store)
    batch = await taken(store)
    await store.dispatch.park("handlers", "a", batch.entries[4], "Broken", NOW, stop=False)
    rest = await taken(store, at(1))
    await store.dispatch.done("handlers", "a", {rest.conversation: rest.entries[-1].seq}, NOW)
    [parked] = await store.parked.list()
    await store.parked.retry(parked["id"])
    again = await taken(store, at(2))

    assert texts(rest.entries) == [f"Text {n}" for n in range(5, 10)]
    assert texts(again.entries) == ["Text 4"]
    assert again.entries[0].seq == 11
    assert texts(await store.journal.events()) == [f"Text {n}" for n in range(10)]  # a copy is no event


async def test_a_message_within_a_row_is_found_by_its_id(store):
    stored = await ten(store)
    await ten(store, start=10)
    wanted = stored.entries[6].event
    where = cb.Conversation(account="main", address=f"pigeon:{ADA}")
    read = Gesture(kind="read", to=where, target=cb.Ref(id=wanted.id))
    await store.outbox.add_gesture("main", read, NOW)
    [lane] = await lease(store)

    assert lane.item.item.target == cb.Ref(id=wanted.id, external="msg-TEST-6")


async def test_a_message_is_found_by_its_id_also_behind_an_event_without_one(store):
    await store.journal.append(Arrival(account="main", at=NOW, events=[said("Known", id="msg-TEST-0")]))
    where = cb.Conversation(address=f"pigeon:{ADA}")
    reaction = cb.ReactionChanged(
        account="main", conversation=where, time=NOW, provider_id="re-TEST", emoji="👍",
        target=cb.Ref(external="out-TEST"),
    )  # fmt: skip
    both = [reaction, said("Hi", id="msg-TEST-1")]
    request = pigeon_webhook(call())
    stored = await store.journal.append(Arrival(account="main", at=NOW, events=both, request=request))

    id = stored.entries[1].event.id
    found = await store.engine.read(lambda c: blocks.find(c, id))

    assert found.provider_id == "msg-TEST-1"


async def unreadable(store):
    """Bring an event that can be written and not be read, between two that can."""
    text = cb.Text(text=None)
    odd = said(id="msg-TEST-2")
    odd = odd.replace(message=odd.message.replace(parts=(text,)))
    events = [said("One", id="msg-TEST-1"), odd, said("Three", id="msg-TEST-3")]
    request = pigeon_webhook(call())
    return await store.journal.append(Arrival(account="main", at=NOW, events=events, request=request))


async def test_what_cannot_be_read_is_an_event_that_says_so_and_holds_up_nothing(store, tmp_path):
    stored = await unreadable(store)
    other = SqliteStore(tmp_path / "chanbridge.db")
    await other.start()
    [batch] = await other.dispatch.lease("handlers", "b", NOW, at(60), 10)
    await other.close()
    one, odd, three = (entry.event for entry in batch.entries)

    assert (one.message.plain, three.message.plain) == ("One", "Three")
    assert (odd.type, odd.provider_type, odd.account) == ("provider.event", "unreadable", "main")
    assert odd.error == "cannot be read: data.message.parts[0].text: must be a string"
    assert odd.id == stored.entries[1].event.id
    assert b"msg-TEST-2" in odd.raw.content


async def test_a_line_break_in_what_was_written_is_none_in_the_row(store):
    raw = msgspec.Raw(b'{"a":\n1}')
    odd = said(id="msg-TEST-1").replace(extra={"x-odd": raw})
    request = pigeon_webhook(call())
    await store.journal.append(
        Arrival(account="main", at=NOW, events=[odd, said("Two", id="msg-TEST-2")], request=request)
    )

    listed = await store.journal.events()

    assert [entry.event.provider_id for entry in listed] == ["msg-TEST-1", "msg-TEST-2"]
    assert listed[0].event.extra == {"x-odd": {"a": 1}}


async def test_a_status_that_waits_and_cannot_be_read_keeps_no_other_from_coming(store):
    odd = status("delivered", "out-TEST-2", metadata={"a": 5})
    await bring(store, status("delivered", "out-TEST-1"), odd)

    swept = await store.journal.sweep(at(100))

    assert [entry.event.type for entry in swept] == ["message.status", "provider.event"]
    assert await store.journal.sweep(at(200)) == []


async def test_a_parked_event_that_is_gone_cannot_be_shown_again(store):
    await ten(store)
    batch = await taken(store)
    await store.dispatch.park("handlers", "a", batch.entries[4], "Broken", NOW, stop=False)
    await store.engine.write(lambda c: c.execute("DELETE FROM events"))
    [parked] = await store.parked.list()

    assert await store.parked.retry(parked["id"]) is False
