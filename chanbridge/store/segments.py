"""Pieces of one message that arrive alone: kept until all are there, then joined."""

from __future__ import annotations

import sqlite3

from chanbridge.model.events import Event, MessageReceived
from chanbridge.model.parts import Part, Text
from chanbridge.store.written import pack, unpack

PATIENCE_S = 6 * 3600.0
"""How long the rest of a message may take; then what is there goes on as it is."""


def join(connection: sqlite3.Connection, event: Event, now: float) -> Event | None:
    """Keep a piece; give the whole message if it was the last."""
    segment = event.segment
    if segment is None:
        return event
    key = f"{event.account}\n{segment.key}"
    connection.execute(
        "INSERT OR IGNORE INTO segments (key, piece, total, at, data) VALUES (?, ?, ?, ?, ?)",
        (key, segment.index, segment.total, now, pack(event)),
    )
    count = connection.execute("SELECT count(*) FROM segments WHERE key = ?", (key,)).fetchone()[0]
    return _take(connection, key) if count >= segment.total else None


def overdue(connection: sqlite3.Connection, now: float) -> list[Event]:
    """Give what is there of messages whose rest has not come."""
    keys = connection.execute(
        "SELECT key FROM segments GROUP BY key HAVING max(at) < ?", (now - PATIENCE_S,)
    ).fetchall()
    return [_take(connection, row[0]) for row in keys]


def _take(connection: sqlite3.Connection, key: str) -> Event:
    rows = connection.execute("DELETE FROM segments WHERE key = ? RETURNING piece, data", (key,)).fetchall()
    account = key.partition("\n")[0]
    return whole([unpack(row[1], account) for row in sorted(rows, key=lambda row: int(row[0]))])


def whole(pieces: list[Event]) -> Event:
    """Join pieces, given in order: texts become one text, other parts follow."""
    first = pieces[0]
    if not isinstance(first, MessageReceived):
        return first
    parts = [part for piece in pieces if isinstance(piece, MessageReceived) for part in piece.message.parts]
    words = "".join(part.text for part in parts if isinstance(part, Text))
    rest: list[Part] = [part for part in parts if not isinstance(part, Text)]
    texts: list[Part] = [Text(text=words)] if words else []
    return first.replace(message=first.message.replace(parts=(*texts, *rest)), segment=None)
