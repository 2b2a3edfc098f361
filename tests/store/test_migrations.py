"""Files that an earlier chanbridge wrote: brought up to date as they are opened, with all that is in them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import chanbridge as cb
from chanbridge.model.codec import encode_event
from chanbridge.store.base import Arrival
from chanbridge.store.engine import StoreError
from chanbridge.store.sqlite import VERSION, SqliteStore, statements
from tests.channels import NOW, call, pigeon_webhook
from tests.store.samples import at, bring, lease, outgoing, said, status, words

FIRST = Path(__file__).with_name("schema_1.sql")


def webhook():
    return pigeon_webhook(call())


def columns(path):
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for (name,) in tables
        }


def first_file(path, event=None):
    """Write a file as version 0.1.0 did, with an event of number 7."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements(FIRST.read_text()):
            connection.execute(statement)
        if event is not None:
            connection.execute(
                "INSERT INTO events (seq, id, conversation, type, at, data) VALUES (7, 'e', ?, ?, 0, ?)",
                (event.key, event.type, encode_event(event.replace(id="e"))),
            )
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


async def test_a_file_of_the_first_schema_is_brought_up_to_date(tmp_path):
    first_file(tmp_path / "old.db")

    old, new = SqliteStore(tmp_path / "old.db"), SqliteStore(tmp_path / "new.db")
    for store in (old, new):
        await store.start()
    version = await old.engine.read(lambda c: c.execute("PRAGMA user_version").fetchone()[0])
    await old.outbox.add(outgoing("Hello"))
    await old.outbox.hasten(at(0))
    lanes = await lease(old)
    for store in (old, new):
        await store.close()

    assert version == VERSION
    assert [words(lane) for lane in lanes] == ["Hello"]
    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")


async def test_a_file_of_the_second_schema_is_brought_up_to_date(tmp_path):
    store = SqliteStore(tmp_path / "new.db")
    await store.start()
    await store.close()
    (tmp_path / "old.db").write_bytes((tmp_path / "new.db").read_bytes())
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        for table in ("unplaced", "consumers"):  # what came with the third
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE conversations DROP COLUMN reach")  # and with the fourth
        connection.execute("PRAGMA user_version = 2")

    old = SqliteStore(tmp_path / "old.db")
    await old.start()
    await old.close()

    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")


async def test_events_of_a_grown_file_are_numbered_on(tmp_path):
    first_file(tmp_path / "old.db", said().replace(conversation=None))
    store = SqliteStore(tmp_path / "old.db")
    await store.start()
    [event] = await bring(store, said(id="msg-TEST-2"))
    await store.close()

    assert int(event.sequence, 16) == 8


async def third(path, *events, **arrival):
    """Write a file as schema 3 had it: with plain keys, and a CloudEvent a line."""
    store = SqliteStore(path)
    await store.start()
    store.journal.plain_keys = True
    told = await bring(store, *events, **arrival)
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        lines = {event.key: [] for event in told}
        for event in told:
            lines[event.key].append(encode_event(event))
        for key, data in lines.items():
            connection.execute("UPDATE events SET data = ? WHERE conversation = ?", (b"\n".join(data), key))
        connection.execute("ALTER TABLE conversations DROP COLUMN reach")  # it came with the fourth
        connection.execute("PRAGMA user_version = 3")
        connection.commit()
    return told


def known():
    """What is known again in many ways: by an id, by content, as the answer to a menu, in pieces."""
    order = cb.OrderPlaced(account="main", items=(), provider_id="order-TEST-1", time=NOW)
    odd = cb.ProviderEvent(account="main", provider_type="odd", raw=cb.Raw(body='{"odd": 1}'), time=NOW)
    pieces = [
        said(f"Piece {n}", id="msg-TEST-9").replace(segment=cb.Segment(key="whole", index=n, total=2))
        for n in range(2)
    ]
    return [said(id="msg-TEST-1"), order, odd, status("delivered", "out-TEST-1"), *pieces]


async def test_what_was_known_before_the_fourth_schema_is_known_after_it(tmp_path):
    [first, *_] = await third(tmp_path / "old.db", *known())
    store = SqliteStore(tmp_path / "old.db")
    await store.start()
    again = await bring(store, *known())
    swept = await store.journal.sweep(at(100))  # the status whose message nobody knows
    reply = cb.Relation(reply_to=cb.Ref(external="msg-TEST-1"))
    answer = said("Yes", id="msg-TEST-2")
    [told] = await bring(store, answer.replace(message=answer.message.replace(relation=reply)))
    stored = await store.journal.keep(Arrival(account="main", at=NOW, events=[known()[0]], request=webhook()))
    await store.close()

    assert (again, len(swept), stored.duplicates) == ([], 1, 1)
    assert told.message.relation.reply_to.id == first.id


async def test_a_quarantined_request_of_before_brings_nothing_twice_as_it_is_run_again(tmp_path):
    order = known()[1]
    await third(tmp_path / "old.db", order, request=webhook(), state="quarantined", reason="odd")
    store = SqliteStore(tmp_path / "old.db")
    await store.start()
    [kept] = await store.journal.requests("quarantined")
    mended = await bring(store, order, said("Mended"), replay=kept.id)
    await store.close()

    assert [event.type for event in mended] == ["message.received"]


async def test_who_is_older_than_what_another_has_made_of_the_file_stops(tmp_path):
    store = SqliteStore(tmp_path / "new.db")
    await store.start()
    await bring(store, said(id="msg-TEST-1"))
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match="newer chanbridge"):
        await bring(store, said(id="msg-TEST-2"))
    with pytest.raises(StoreError, match="newer chanbridge"):
        await store.dispatch.lease("handlers", "a", NOW, at(60), 10)
    await store.close()
