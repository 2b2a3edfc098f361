"""Files that an earlier chanbridge wrote: brought up to date as they are opened, with all that is in them."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import chanbridge as cb
from chanbridge.model.codec import encode_event
from chanbridge.store.sqlite import VERSION, SqliteStore, statements
from tests.channels import NOW
from tests.store.samples import at, bring, lease, outgoing, said, words

FIRST = Path(__file__).with_name("schema_1.sql")


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


async def test_what_was_known_before_the_fourth_schema_is_known_after_it(tmp_path):
    store = SqliteStore(tmp_path / "old.db")
    await store.start()
    order = cb.OrderPlaced(account="main", items=(), provider_id="order-TEST-1", time=NOW)
    [first, _] = await bring(store, said(id="msg-TEST-1"), order)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        rows = connection.execute("SELECT key, ref FROM seen").fetchall()
        for key, ref in rows:  # as they were: a hash of it all
            told = b"main\nmessage\nmsg-TEST-1" if ref else b"main\norder.placed\norder-TEST-1"
            old = hashlib.blake2b(told, digest_size=16).digest()
            connection.execute("UPDATE seen SET key = ? WHERE key = ?", (old, key))
        connection.execute("UPDATE events SET data = ? WHERE id = ?", (encode_event(first), first.id))
        connection.execute("PRAGMA user_version = 3")
        connection.commit()

    store = SqliteStore(tmp_path / "old.db")
    await store.start()
    again = await bring(store, said(id="msg-TEST-1"), order)
    reply = cb.Relation(reply_to=cb.Ref(external="msg-TEST-1"))
    answer = said("Yes", id="msg-TEST-2")
    [told] = await bring(store, answer.replace(message=answer.message.replace(relation=reply)))
    keys = await store.engine.read(lambda c: {row[0] for row in c.execute("SELECT key FROM seen")})
    await store.close()

    assert again == []
    assert told.message.relation.reply_to.id == first.id
    assert {key for key, _ in rows} < keys
