"""Events as they lie in the journal: what one request brings to one conversation is one row.

A row's ``data`` holds a CloudEvent a line, numbered without a gap; its ``seq`` is that of the last, its
``id`` that of the first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from chanbridge.model.events import Event
from chanbridge.store.base import Entry
from chanbridge.store.written import unpack

NEAR = 16
"""Among how many rows before an id its event is: ids grow, but other processes mint some, too."""


class Block:
    """A row that is being gathered."""

    __slots__ = ("at", "id", "key", "lines", "request", "seq")

    def __init__(self, seq: int, id: str, key: str, at: float, request: int | None, line: bytes) -> None:
        self.seq = seq
        self.id = id
        self.key = key
        self.at = at
        self.request = request
        self.lines = [line]

    def takes(self, key: str, request: int | None) -> bool:
        """Say whether the next event belongs in the same row."""
        return self.key == key and bool(request) and self.request == request


_ADD = "INSERT INTO events (seq, id, conversation, at, request, data) VALUES (?, ?, ?, ?, ?, ?)"


def write(connection: sqlite3.Connection, blocks: Iterable[Block]) -> None:
    """Write rows."""
    connection.executemany(
        _ADD, [(one.seq, one.id, one.key, one.at, one.request, b"\n".join(one.lines)) for one in blocks]
    )


def entries_of(seq: int, conversation: str, data: bytes, after: int = 0) -> Iterator[Entry]:
    """Read the events of a row that come after a position."""
    lines = data.split(b"\n")
    first = seq - len(lines) + 1
    account = unquote(conversation.partition("/")[0])
    for number, line in enumerate(lines, first):
        if number > after:
            yield Entry(number, unpack(line, account), conversation)


def show_again(connection: sqlite3.Connection, seq: int, to: int, consumer: str) -> bool:
    """Write an event down once more under another number, for one consumer; False if it is gone."""
    row = connection.execute("SELECT * FROM events WHERE seq >= ? ORDER BY seq LIMIT 1", (seq,)).fetchone()
    lines = row["data"].split(b"\n") if row else []
    if not lines or seq <= row["seq"] - len(lines):
        return False
    line = lines[seq - row["seq"] - 1]
    connection.execute(
        "INSERT INTO events (seq, id, conversation, at, request, only_for, data)"
        " VALUES (?, ? || ' ' || hex(randomblob(8)), ?, ?, ?, ?, ?)",
        (to, row["id"], row["conversation"], row["at"], row["request"], consumer, line),
    )
    return True


def find(connection: sqlite3.Connection, id: str) -> Event | None:
    """Find an event by its id."""
    rows = connection.execute(
        "SELECT data FROM events WHERE id <= ? AND only_for = '' ORDER BY id DESC LIMIT ?", (id, NEAR)
    )
    named = id.encode()
    lines = (line for row in rows for line in row[0].split(b"\n") if named in line)
    return next((event for event in (unpack(line, "") for line in lines) if event.id == id), None)
