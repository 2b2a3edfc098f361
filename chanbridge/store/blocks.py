"""Events as they lie in the journal: what one request brings to one conversation is one row.

A row's ``data`` holds a CloudEvent a line, or what one person says (`said`); its events are numbered
without a gap. Its ``seq`` is the number of the last, its ``id`` that of the first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec

from chanbridge.model.events import Event
from chanbridge.store import requests, said
from chanbridge.store.base import Entry
from chanbridge.store.said import Body, Shared
from chanbridge.store.written import pack, unpack

NEAR = 16
"""Among how many rows before an id its event is: ids grow, but other processes mint some, too."""
_ADD = "INSERT INTO events (seq, id, conversation, at, request, data) VALUES (?, ?, ?, ?, ?, ?)"


class Block:
    """A row that is being gathered. ``shared``: by its plain messages; None: it holds what is none."""

    __slots__ = ("at", "body", "events", "id", "key", "request", "seq", "shared")

    def __init__(
        self, seq: int, key: str, at: float, request: int | None, body: Body, event: Any,
        shared: Shared | None,
    ) -> None:  # fmt: skip
        self.seq = seq
        self.id = event.id
        self.key = key
        self.at = at
        self.request = request
        self.body = body  # of the request
        self.shared = shared
        self.events = [event]

    def takes(self, key: str, request: int | None, shared: Shared | None) -> bool:
        """Say whether the next event belongs in the same row."""
        if self.key != key or not request or self.request != request:
            return False
        own = self.shared
        if own is None or shared is None:
            return own is shared
        return (own[0] is shared[0] and own[1] is shared[1]) or _alike(own, shared)

    @property
    def data(self) -> bytes:
        """What it holds, as it is written."""
        return self._told or b"\n".join(map(pack, self.events))

    @property
    def _told(self) -> bytes:
        if self.shared is None:
            return b""
        try:
            return said.pack(self.shared, self.events, self.body)
        except Exception:  # one of them is odd: a line each tells which, if it is too odd for that
            return b""


def _alike(one: Shared, other: Shared) -> bool:
    """Say whether two would be written alike; equal is not enough: 1 equals True."""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def write(connection: sqlite3.Connection, blocks: Iterable[Block]) -> None:
    """Write rows."""
    connection.executemany(
        _ADD, [(one.seq, one.id, one.key, one.at, one.request, one.data) for one in blocks]
    )


def entries_of(connection: sqlite3.Connection, row: sqlite3.Row, after: int = 0) -> Iterator[Entry]:
    """Read the events of a row that come after a position."""
    seq, key, data = row["seq"], row["conversation"], row["data"]
    account = unquote(key.partition("/")[0])
    if data.startswith(said.OPENING):
        body = partial(requests.piece, connection, row["request"])
        yield from (Entry(*found, key) for found in said.unpack(data, seq, row["at"], account, after, body))
        return
    lines = data.split(b"\n")
    for number, line in enumerate(lines, seq - len(lines) + 1):
        if number > after:
            yield Entry(number, unpack(line, account), key)


def show_again(connection: sqlite3.Connection, seq: int, to: int, consumer: str) -> bool:
    """Write an event down once more under another number, for one consumer; False if it is gone."""
    row = connection.execute("SELECT * FROM events WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)).fetchone()
    found = next(entries_of(connection, row, seq - 1), None) if row else None
    if found is None or found.seq != seq:
        return False
    connection.execute(
        "INSERT INTO events (seq, id, conversation, at, request, only_for, data)"
        " VALUES (?, ? || ' ' || hex(randomblob(8)), ?, ?, ?, ?, ?)",
        (to, row["id"], row["conversation"], row["at"], row["request"], consumer, pack(found.event)),
    )
    return True


def find(connection: sqlite3.Connection, id: str) -> Event | None:
    """Find an event by its id."""
    rows = connection.execute(
        "SELECT * FROM events WHERE id <= ? AND only_for = '' ORDER BY id DESC LIMIT ?", (id, NEAR)
    )
    named = id.encode()
    events = (entry.event for row in rows if named in row["data"] for entry in entries_of(connection, row))
    return next((event for event in events if event.id == id), None)
