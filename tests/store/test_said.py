"""What one person says in one request: written with what it shares once, read as it was."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.store import said
from chanbridge.store.recall import Place
from tests.channels import NOW
from tests.store.samples import at, bring
from tests.store.samples import said as text

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
times = st.integers(0, 4 * 10**15).map(lambda us: NOW.replace(year=2000) + dt.timedelta(microseconds=us))
parts = (
    st.builds(cb.Text, text=words)
    | st.builds(cb.Location, lat=st.floats(-90, 90), lon=st.floats(-180, 180), name=words)
    | st.builds(cb.MediaPart, media=st.builds(cb.Media, provider_id=words, mime=words), alt=words)
)
raws = st.none() | st.builds(cb.Raw, body=words) | st.builds(cb.Raw, data=st.binary(max_size=20))


@st.composite
def events(draw, sender):
    """What a plugin gives for a plain message, under the id that the core has minted."""
    return cb.MessageReceived.of(
        *draw(st.lists(parts, min_size=1, max_size=3)), sender=sender, account="main", id="id" + draw(words),
        provider_id=draw(words), time=draw(st.none() | times), account_id=draw(words), raw=draw(raws),
        attributes=draw(st.dictionaries(words, words, max_size=2)),
    )  # fmt: skip


def piece_of(body):
    return lambda first, after: body[first:after]


contacts = st.builds(
    cb.Contact, address=words.map("pigeon:{}".format), display_name=words,
    profile=st.dictionaries(words, words, max_size=2),
)  # fmt: skip


@given(st.data(), contacts, words, times, st.integers(0, 10**6), words)
def test_what_is_written_is_read(data, sender, title, at, before, beside):
    bare = data.draw(st.lists(events(sender), min_size=1, max_size=5))
    where = cb.Conversation(address=sender.address, account="main", title=title)
    place = Place(where, ())
    placed = [said.placed(event, place, event.id, at, before + n) for n, event in enumerate(bare, 1)]
    at_most = data.draw(st.integers(before, before + len(bare)))

    there = [event.raw.content for event in bare if event.raw and data.draw(st.booleans())]
    body = beside.encode().join([b"", *there, b""])

    written = said.pack((where, sender), placed, said.Body(body))
    read = list(said.unpack(written, before + len(bare), at.timestamp(), "main", at_most, piece_of(body)))

    if written:  # what is to be hoisted is a CloudEvent a line
        assert read == [(int(event.sequence, 16), event) for event in placed][at_most - before :]
    else:
        assert any("extra" in str(event) for event in placed)


async def test_what_needs_more_care_lies_beside_it_as_a_cloudevent(store):
    plain, odd = text("Plain", id="msg-TEST-1"), text("Odd", id="msg-TEST-2").replace(extra={"x-odd": 1})
    zone = dt.timezone(dt.timedelta(hours=2))
    elsewhere = text("Elsewhere", id="msg-TEST-3").replace(time=NOW.astimezone(zone))
    told = [*await bring(store, plain), *await bring(store, odd), *await bring(store, elsewhere)]

    rows = await store.engine.read(lambda c: [row[0] for row in c.execute("SELECT data FROM events")])

    assert [row[:1] for row in rows] == [b"[", b"{", b"{"]
    assert [entry.event for entry in await store.journal.events()] == told


async def with_raw(store):
    """Bring two messages whose payloads stand in the request that brings them, and one whose does not."""
    body = b'{"messages": [{"id": "msg-TEST-1", "n": "\xc3\xa9"}, {"id": "msg-TEST-2"}]}'
    payloads = ['{"id": "msg-TEST-1", "n": "é"}', '{"id": "msg-TEST-2"}', '{"id": "elsewhere"}']
    events = [
        text(f"Text {n}", id=f"msg-TEST-{n}").replace(raw=cb.Raw(body=payload))
        for n, payload in enumerate(payloads, 1)
    ]
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=body)
    return payloads, await bring(store, *events, request=request)


async def rows(store):
    return await store.engine.read(lambda c: [row[0] for row in c.execute("SELECT data FROM events")])


async def test_a_payload_is_kept_once_and_read_from_the_request(store):
    payloads, told = await with_raw(store)
    [row] = await rows(store)
    listed = [entry.event for entry in await store.journal.events()]

    assert [row.count(b"request:"), row.count(b"elsewhere")] == [2, 1]
    assert row.count(b"msg-TEST-1") == 2  # the provider's id, of event and message
    assert [event.raw.body for event in listed] == payloads
    assert listed == told


async def test_a_payload_whose_request_is_gone_is_a_pointer_to_it(store):
    payloads, told = await with_raw(store)
    await store.engine.write(lambda c: c.execute("DELETE FROM requests"))
    listed = [entry.event for entry in await store.journal.events()]

    assert [event.raw.body for event in listed] == ["", "", payloads[2]]
    assert [event.raw.ref.partition(":")[0] for event in listed] == ["request", "request", ""]
    assert [event.message for event in listed] == [event.message for event in told]


async def test_what_a_replay_brings_points_to_the_request_that_it_ran_again(store):
    body = b'[{"id": "msg-TEST-1"}]'
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=body)
    await bring(store, request=request, state="quarantined", reason="odd")
    [kept] = await store.journal.requests("quarantined")
    event = text(id="msg-TEST-1").replace(raw=cb.Raw(body='{"id": "msg-TEST-1"}'))
    told = await bring(store, event, request=kept.request, replay=kept.id)

    assert b"request:1-21" in (await rows(store))[0]
    assert [entry.event for entry in await store.journal.events()] == told
    assert len(await store.journal.requests()) == 1


async def test_a_row_that_cannot_be_read_is_an_event_that_says_so(store):
    await bring(store, text(id="msg-TEST-1"))
    await store.engine.write(lambda c: c.execute("UPDATE events SET data = substr(data, 1, 40)"))
    [entry] = await store.journal.events()

    assert (entry.event.provider_type, entry.event.account, entry.seq) == ("unreadable", "main", 1)
    assert entry.event.raw.content.startswith(b'[{"address"')


@pytest.mark.parametrize("ref", ["s3://bucket/key", "request:1-9999", "request:1-5"])
async def test_a_ref_of_a_plugin_stays_what_it_is(store, ref):
    """Also where it looks like ours."""
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b'[{"id": 1}]')
    event = text(id="msg-TEST-1").replace(raw=cb.Raw(body='{"id": 1}', ref=ref))
    told = await bring(store, event, request=request)

    assert [entry.event for entry in await store.journal.events()] == told


@pytest.mark.parametrize("body", [b"", b'{"messages": [{"id'])
async def test_a_body_that_was_cut_takes_nothing_else_with_it(store, body):
    _, told = await with_raw(store)
    await store.engine.write(lambda c: c.execute("UPDATE requests SET body = ?", (body,)))
    [batch] = await store.dispatch.lease("handlers", "b", NOW, at(60), 10)
    listed = [entry.event for entry in await store.journal.events()]

    assert [event.message for event in listed] == [event.message for event in told]
    assert listed[1].raw.ref.startswith("request:")
    assert len(batch.entries) == 3


async def test_values_that_are_equal_and_not_the_same_are_not_shared(store):
    given = [{"vip": True}, {"vip": 1}, {"vip": 1.0}]
    events = [text(id=f"msg-TEST-{n}") for n in range(3)]
    told = [
        event.replace(message=event.message.replace(sender=event.message.sender.replace(profile=profile)))
        for event, profile in zip(events, given, strict=True)
    ]
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b"[]")
    await bring(store, *told, request=request)

    read = [entry.event.message.sender.profile["vip"] for entry in await store.journal.events()]
    assert [str(value) for value in read] == ["True", "1", "1.0"]


async def test_a_raw_that_is_none_takes_no_other_message_with_it(store):
    odd = text(id="msg-TEST-2").replace(raw=cb.Raw(body=b"{}"))
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b"[]")
    told = await bring(store, text(id="msg-TEST-1"), odd, text(id="msg-TEST-3"), request=request)

    assert [event.provider_id for event in told] == ["msg-TEST-1", "msg-TEST-2", "msg-TEST-3"]


async def test_what_is_said_of_a_talk_with_each_message_stays_with_it(store):
    where = cb.Conversation(address="pigeon:+12025550123")
    events = [
        text(id=f"msg-TEST-{n}").replace(conversation=where.replace(extra={"x-topic": n})) for n in range(3)
    ]
    for event in events:
        await bring(store, event)

    listed = [entry.event.conversation.extra for entry in await store.journal.events()]
    assert listed == [{"x-topic": n} for n in range(3)]


def test_payloads_are_looked_for_in_their_order_and_only_while_they_are_there():
    body = said.Body(b"one two one three")

    assert [body.find(word) for word in (b"one", b"one", b"two", b"three")] == [
        (0, 3),
        (8, 11),
        None,
        (12, 17),
    ]

    other = said.Body(b"one two")
    assert [other.find(word) for word in (b"x", b"y", b"z", b"one")] == [None] * 4
