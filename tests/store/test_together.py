"""What queues together is written together: it comes to the same as one by one."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.store.base import Arrival, Settled
from chanbridge.store.familiar import SLACK
from chanbridge.store.lookup import SIZES, rows
from chanbridge.store.sqlite import SqliteStore
from tests.channels import NOW
from tests.store.samples import accepted, at, bring, lease, outgoing, said, status

NUMBERS = ("+12025550101", "+12025550102")
IDS = ("US.TEST1", "US.TEST2")


def person(number, id):
    known = [cb.Identity(kind="bsuid", value=id)] if id else []
    known += [cb.Identity(kind="phone", value=number)] if number else []
    return cb.Contact(address=f"pigeon:{known[0].value}", identities=tuple(known))


people = st.builds(person, st.sampled_from(NUMBERS), st.sampled_from([*IDS, None])) | st.builds(
    person, st.none(), st.sampled_from(IDS)
)
ids = st.integers(1, 6).map("msg-TEST-{}".format)


@st.composite
def events(draw):
    """Messages of few people who are named in many ways, with repeats, and what changes who they are."""
    sender, id = draw(people), draw(ids)
    base = {"account": "main", "time": at(draw(st.integers(-5, 5)))}
    match draw(st.integers(0, 9)):
        case 0:
            new = person(*draw(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(IDS)))).identities
            where = cb.Conversation(address=sender.address)
            return cb.IdentityChanged(
                old=sender.identities, new=new, conversation=where, provider_id=id, **base
            )
        case 1:
            return cb.ConsentChanged(
                granted=draw(st.booleans()), conversation=cb.Conversation(address=sender.address),
                provider_id=id, **base,
            )  # fmt: skip
        case 2:
            context = cb.Context(values={"token": id})
            return cb.MessageReceived.text(
                "With context", sender=sender, provider_id=id, context=context, **base
            )
        case _:
            return cb.MessageReceived.text(f"Text {id}", sender=sender, provider_id=id, **base)


async def told(folder, arrivals, together):
    """Give the events in their order, and what is known of the conversations."""
    store = SqliteStore(folder / f"{together}.db")
    store.journal.consumers = ["handlers"]
    store.journal.windows = {"main": 3600}
    await store.start()
    if together:
        await asyncio.gather(*(store.journal.append(arrival) for arrival in arrivals))
    else:
        for arrival in arrivals:
            for event in arrival.events:
                await store.engine.write(lambda c: store.journal.recall.clear())
                await store.journal.append(Arrival(account="main", at=arrival.at, events=[event]))
    found = [
        (entry.seq, entry.key, entry.event.type, entry.event.provider_id)
        for entry in await store.journal.events(limit=1000)
    ]
    await store.close()
    with closing(sqlite3.connect(folder / f"{together}.db")) as connection:
        known = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("aliases", "pending")
        }
        windows = dict(connection.execute("SELECT key, window_until FROM conversations"))
    return found, known, windows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(events(), min_size=1, max_size=4), min_size=1, max_size=8))
def test_together_is_as_one_by_one(tmp_path_factory, bodies):
    folder = tmp_path_factory.mktemp("together")
    arrivals = [Arrival(account="main", at=NOW, events=body) for body in bodies]

    alone = asyncio.run(told(folder, arrivals, False))
    together = asyncio.run(told(folder, arrivals, True))

    assert together[:2] == alone[:2]
    assert together[2].keys() == alone[2].keys()
    for key, until in together[2].items():  # each may be a little shorter than it is
        assert until == alone[2][key] or abs(alone[2][key] - until) <= 3600 * SLACK


@given(st.integers(0, 2 * SIZES[-1] + 3))
def test_a_look_up_of_any_number_of_values_finds_all_of_them(count):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE things (n INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO things VALUES (?)", [(n,) for n in range(count)])

        found = rows(connection, "SELECT n FROM things WHERE n IN ({})", [(n,) for n in range(-3, count)])

        assert sorted(row[0] for row in found) == list(range(count))


async def asked(store, event):
    """Say whether the store was asked where an event belongs."""
    statements = []
    await store.engine.write(lambda c: c.set_trace_callback(statements.append))
    await bring(store, event)
    await store.engine.write(lambda c: c.set_trace_callback(None))
    return any("FROM aliases" in sql or "FROM conversations" in sql for sql in statements)


def hello(number, sender=None, **fields):
    sender = sender or person(NUMBERS[0], IDS[0])
    return cb.MessageReceived.text(
        "Hello", sender=sender, provider_id=f"msg-TEST-{number}", account="main", time=NOW, **fields
    )


async def test_somebody_known_is_not_looked_up_again(store):
    first = await asked(store, hello(1))
    again = await asked(store, hello(2))

    assert (first, again) == (True, False)


async def open_menu(store, tmp_path):
    await store.outbox.add(outgoing("Pick", to=IDS[0], menu=True))
    [lane] = await lease(store)
    await store.outbox.settle(lane, accepted(), NOW)


async def lose_number(store, tmp_path):
    await bring(store, hello(8, person(NUMBERS[0], IDS[1])))


async def let_another_write(store, tmp_path):
    with closing(sqlite3.connect(tmp_path / "chanbridge.db")) as connection:
        connection.execute("INSERT INTO counters VALUES ('x', 1)")
        connection.commit()


async def fail(store, tmp_path):
    with pytest.raises(ZeroDivisionError):
        await store.engine.write(lambda c: c.execute("UPDATE conversations SET title = 'x'") and 1 / 0)


async def erase(store, tmp_path):
    await store.engine.write(lambda c: c.execute("DELETE FROM conversations"))


@pytest.mark.parametrize("change", [open_menu, lose_number, let_another_write, fail, erase])
async def test_what_may_have_changed_is_looked_up_again(store, tmp_path, change):
    await bring(store, hello(1))
    await change(store, tmp_path)

    assert await asked(store, hello(2))


async def test_another_name_of_a_known_number_is_looked_up(store):
    await bring(store, hello(1, person(NUMBERS[0], IDS[0])))

    assert await asked(store, hello(2, person(NUMBERS[1], IDS[0])))


async def test_no_more_people_are_remembered_than_fit(store, monkeypatch):
    monkeypatch.setattr("chanbridge.store.recall.MOST", 2)
    for number in range(5):
        await bring(store, said(id=f"msg-TEST-{number}", sender=f"+1202555010{number}"))

    assert len(store.journal.recall._places) == len(store.journal.recall._spots) == 2


async def test_what_was_gathered_is_written_before_the_store_is_asked(store):
    store.journal.windows = {"main": 3600}
    await bring(store, hello(1))
    later = hello(2).replace(time=at(1000))
    by_number = cb.Conversation(address=f"pigeon:{NUMBERS[0]}")
    opted = cb.ConsentChanged(
        account="main", granted=False, conversation=by_number, provider_id="in-TEST", time=at(1000)
    )

    [_, told_of] = await bring(store, later, opted, now=at(1000))

    assert told_of.conversation.address == f"pigeon:{IDS[0]}"
    assert told_of.conversation.window.expires_at == at(1000 + 3600)


@pytest.mark.parametrize("together", [False, True])
async def test_a_menu_that_opens_within_a_group_is_answered_within_it(store, together):
    id = await store.outbox.add(outgoing("Pick", menu=True))
    [lane] = await lease(store)
    await store.outbox.settle(lane, Settled(state="unknown", failure=cb.Failure.of("outcome_unknown")), NOW)
    where = lane.conversation
    events = [
        said("Anybody there?", id="1", context=cb.Context(values={"token": "TEST"})),
        status("delivered", key=f"{id}.0", conversation=where),  # settles it, and so opens the menu
        said("1", id="2"),
    ]
    arrivals = [Arrival(account="main", at=NOW, events=[event]) for event in events]
    if together:
        await asyncio.gather(*(store.journal.append(arrival) for arrival in arrivals))
    else:
        for arrival in arrivals:
            await store.journal.append(arrival)

    types = [entry.event.type for entry in await store.journal.events()]

    assert types == ["message.received", "message.status", "interaction.received"]


async def test_an_answer_that_queued_behind_its_menu_is_one(store):
    await store.outbox.add(outgoing("Pick", menu=True))
    [lane] = await lease(store)
    settled = asyncio.create_task(store.outbox.settle(lane, accepted(), NOW))
    await asyncio.sleep(0)
    stored = await store.journal.append(Arrival(account="main", at=NOW, events=[said("1")]))
    await settled

    assert [entry.event.type for entry in stored.entries] == ["interaction.received"]


async def test_a_group_promises_no_more_than_there_is_room_for(store):
    asked = []

    def room(promised):
        asked.append(promised)
        return ("me", 60.0, 60.0) if promised < 2 else ("", 0.0, 0.0)

    store.journal.rooms["handlers"] = room
    crowd = [said(id=str(n), sender=f"+1202555010{n}") for n in range(5)]
    stored = await store.journal.append(Arrival(account="main", at=NOW, events=crowd))

    assert asked == [0, 1, 2, 2, 2]
    assert [bool(entry.held) for entry in stored.entries] == [True, True, False, False, False]
