"""What came in: each event once, in order, joined, counted, kept to be run again."""

import asyncio

import pytest

import chanbridge as cb
from tests.channels import ADA, NOW
from tests.store.samples import accepted, at, bring, lease, outgoing, said, status, sweep_all

DAY = 24 * 3600


def same_and_other():
    """For each rule of the schema: an event, and what makes it another one."""
    message = said()
    delivered = status("delivered")
    reaction = cb.ReactionChanged(
        account="main", target=cb.Ref(external="msg-TEST-1"), emoji="👍", provider_id="re-TEST-1", time=NOW
    )
    odd = cb.ProviderEvent(
        account="main", provider_type="odd", provider_id="odd-TEST-1", data={"a": 1}, time=NOW
    )
    opted = cb.ConsentChanged(account="main", granted=False, provider_id="", time=NOW)
    return [
        (message, said(id="msg-TEST-2")),
        (message, said(account="other")),
        (delivered, status("read")),
        (delivered, status("delivered", "out-TEST-2")),
        (delivered, delivered.replace(recipient="pigeon:+12025550124")),
        (reaction, reaction.replace(emoji="❤")),
        (reaction, reaction.replace(set=False)),
        (odd, odd.replace(data={"a": 2})),
        (opted, opted.replace(time=at(1))),
        (opted, opted.replace(granted=True)),
    ]


@pytest.mark.parametrize(("event", "other"), same_and_other())
async def test_a_repeat_is_dropped_and_another_event_is_not(store, event, other):
    await bring(store, event)
    repeated = await store.journal.append(arrival(event, event))
    new = await store.journal.append(arrival(other))

    assert (repeated.entries, repeated.duplicates) == ([], 2)
    assert new.duplicates == 0


def arrival(*events):
    from chanbridge.store.base import Arrival

    return Arrival(account="main", at=NOW, events=list(events))


async def test_a_message_id_is_no_status_id(store):
    await bring(store, said(id="same-TEST"))

    assert await store.journal.append(arrival(status("read", "same-TEST"))) is not None
    assert (await store.journal.sweep(at(61)))[0].event.fact == "read"


@pytest.mark.parametrize(("later", "new"), [(59, 0), (61, 1)])
async def test_without_id_and_time_only_a_repeat_within_a_minute_is_one(store, later, new):
    event = cb.TypingChanged(account="main", conversation=cb.Conversation(address=f"pigeon:{ADA}"))
    await bring(store, event)

    assert len(await bring(store, event, now=at(later))) == new


@pytest.mark.parametrize(("days", "new"), [(7.9, 0), (8.1, 1)])
async def test_dedupe_keys_live_eight_days_and_those_of_messages_for_good(store, days, new):
    order = cb.OrderPlaced(account="main", items=(), provider_id="order-TEST-1", time=NOW)
    await bring(store, order, said())

    await sweep_all(store, at(days * DAY))

    assert len(await bring(store, order, now=at(days * DAY))) == new
    assert await bring(store, said(), now=at(days * DAY)) == []


async def test_a_request_that_may_be_run_again_does_not_repeat_what_was_good_in_it(store):
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b"[]")
    order = cb.OrderPlaced(account="main", items=(), provider_id="order-TEST-1", time=NOW)
    broken = cb.ProviderEvent(account="main", provider_type="malformed", error="odd")
    await bring(store, order, broken, request=request, state="quarantined", reason="odd")
    await sweep_all(store, at(30 * DAY))
    [kept] = await store.journal.requests("quarantined")

    mended = await bring(store, order, said("Mended"), now=at(30 * DAY), replay=kept.id)

    assert [event.type for event in mended] == ["message.received"]
    assert await store.journal.requests("quarantined") == []


@pytest.mark.parametrize(
    ("state", "ids"), [("", [3, 4]), ("ok", [4, 7]), ("quarantined", [3, 6]), ("unowned", [5, 8])]
)
async def test_kept_requests_are_listed_by_state_from_an_id_on(store, state, ids):
    request = cb.HttpRequest(method="POST", url="https://hooks.example.com/in/main", body=b"[]")
    for _ in range(3):
        for kept in ("ok", "unowned", "quarantined"):
            await bring(store, request=request, state=kept)

    listed = await store.journal.requests(state, 2, after=2)

    assert [kept.id for kept in listed] == ids
    assert await store.journal.requests(state, after=9) == []


async def test_pieces_are_joined_in_their_order_whatever_the_order_they_come_in(store):
    pieces = [
        said(f"{n}.", f"piece-TEST-{n}", segment=cb.Segment(key="k", index=n, total=3)) for n in range(3)
    ]

    assert await bring(store, pieces[2]) == []
    assert await bring(store, pieces[0], pieces[2]) == []
    [whole] = await bring(store, pieces[1])

    assert (whole.message.plain, whole.segment) == ("0.1.2.", None)


async def test_what_is_there_of_a_message_goes_on_when_the_rest_does_not_come(store):
    await bring(store, said("First", segment=cb.Segment(key="k", index=0, total=2)))

    assert await store.journal.sweep(at(6 * 3600 - 1)) == []
    [entry] = await store.journal.sweep(at(6 * 3600 + 1))

    assert entry.event.message.plain == "First"
    assert entry.event.message.id == entry.event.id


async def test_order_within_a_conversation_is_that_of_arrival(store):
    await asyncio.gather(*(bring(store, said(f"{n}", f"m-TEST-{n}")) for n in range(50)))

    entries = await store.journal.events(f"main/{ADA}")

    assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
    assert [e.event.sequence for e in entries] == sorted(e.event.sequence for e in entries)
    assert {entry.event.message.plain for entry in entries} == {str(n) for n in range(50)}


async def test_the_message_of_an_event_has_its_id_and_knows_where_it_is(store):
    [event] = await bring(store, said())

    assert event.id == event.message.id
    assert (event.message.account, event.message.conversation) == ("main", f"main/{ADA}")
    assert event.recorded_at == NOW


async def test_a_quote_of_a_known_message_gets_our_id(store):
    [first] = await bring(store, said())
    second = said("And?", "msg-TEST-2")
    relation = cb.Relation(reply_to=cb.Ref(external="msg-TEST-1"))
    [quoting] = await bring(store, second.replace(message=second.message.replace(relation=relation)))

    assert quoting.message.relation.reply_to.id == first.id


async def test_counters_add_up(store):
    await store.journal.count("refused.signature")
    await store.journal.count("refused.signature", 2)

    assert await store.journal.counters() == {"refused.signature": 3}


async def sent(store, external="out-TEST-1"):
    id = await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, accepted(external), NOW)
    return id


async def test_an_echo_of_our_own_send_is_a_sent_fact(store):
    id = await sent(store)

    [event] = await bring(store, echo("out-TEST-1"))

    assert (event.type, event.fact, event.target.id) == ("message.status", "sent", id)


async def test_an_echo_that_overtakes_its_send_is_one_too(store):
    id = await store.outbox.add(outgoing("Hello"))
    [lane] = await lease(store)
    await store.outbox.record(lane, b"[]", lane.item.item)

    assert await bring(store, echo("out-TEST-1")) == []
    entries, _ = await store.outbox.settle(lane, accepted(), NOW)

    assert [(e.event.fact, e.event.target.id) for e in entries] == [("submitted", id), ("sent", id)]


async def test_an_echo_of_somebody_elses_message_is_told_at_once(store):
    await sent(store)

    [event] = await bring(store, echo("elsewhere-TEST-1"))

    assert type(event) is cb.MessageEchoed


def echo(external):
    return cb.MessageEchoed.text(
        "Hello", sender=cb.Contact(address="pigeon:+12025550100"), provider_id=external, account="main",
        conversation=cb.Conversation(address=f"pigeon:{ADA}"), time=NOW,
    )  # fmt: skip


async def test_a_watermark_is_a_fact_for_every_earlier_message(store):
    early = await sent(store)
    late = await store.outbox.add(outgoing("Later"))
    [lane] = await lease(store)
    await store.outbox.settle(lane, accepted("out-TEST-2"), at(100))
    where = cb.Conversation(address=f"pigeon:{ADA}")
    await bring(
        store, cb.ReceiptUpdated(account="main", conversation=where, fact="read", until=at(50), time=at(50))
    )

    assert (await store.outbox.progress(early)).facts == [{"submitted", "read"}]
    assert (await store.outbox.progress(late)).facts == [{"submitted"}]


async def test_a_status_belongs_to_the_conversation_of_its_message_however_it_names_it(store):
    await sent(store)
    elsewhere = cb.Conversation(address="pigeon:US.TEST")
    until = cb.Window(expires_at=at(500), opened_by="message")

    [event] = await bring(store, status("delivered", conversation=elsewhere, window=until))

    assert event.key == f"main/{ADA}"
    assert (
        await store.outbox.find_conversation(cb.Conversation(address=f"pigeon:{ADA}", account="main"))
    ).window
    assert await store.journal.events("main/US.TEST") == []


@pytest.mark.parametrize("key", ["no-key", "absent.0", "absent.²", "absent.99999999999999999999"])
async def test_a_status_with_a_key_that_is_none_of_ours_waits_and_is_told(store, key):
    assert await bring(store, status("sent", "x-TEST", key=key)) == []

    [entry] = await store.journal.sweep(at(61))

    assert entry.event.target.external == "x-TEST"


async def test_what_has_neither_id_nor_time_is_no_repeat_because_the_clock_was_set_back(store):
    odd = cb.ConsentChanged(account="main", granted=False, provider_id="", time=None)
    await bring(store, odd, now=at(0))

    new = [len(await bring(store, odd, now=at(now))) for now in (30, -3600, -3590, -3000)]

    assert new == [0, 1, 0, 1]
