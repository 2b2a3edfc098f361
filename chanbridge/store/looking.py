"""What the journal is asked without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from chanbridge.store.base import Entry, KeptRequest
from chanbridge.store.blocks import entries_of
from chanbridge.store.engine import Engine
from chanbridge.store.requests import request_of

_ALL = "SELECT * FROM requests WHERE (?1 = '' OR state = ?1) AND id > ?3 ORDER BY id LIMIT ?2"
_OPEN = "SELECT * FROM requests WHERE state = ?1 AND state <> 'ok' AND id > ?3 ORDER BY id LIMIT ?2"


class Looking:
    """The reading half of the journal on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def requests(self, state: str = "", limit: int = 100, after: int = 0) -> list[KeptRequest]:
        """List kept requests after an id, the oldest first; all of them, or those in a state."""
        sql = _ALL if state in {"", "ok"} else _OPEN
        return await self._engine.read(
            lambda c: [request_of(row) for row in c.execute(sql, (state, limit, after))]
        )

    async def request(self, id: int) -> KeptRequest | None:
        """Read one kept request."""
        rows = await self._engine.read(
            lambda c: [request_of(row) for row in c.execute("SELECT * FROM requests WHERE id = ?", (id,))]
        )
        return rows[0] if rows else None

    async def events(self, conversation: str = "", after: int = 0, limit: int = 100) -> list[Entry]:
        """List events after a position, of one conversation or of all."""
        sql = (
            "SELECT * FROM events WHERE seq > ?2 AND conversation = ?1 AND only_for = ''"
            " ORDER BY seq LIMIT ?3"
            if conversation
            else "SELECT * FROM events WHERE seq > ?2 AND ?1 = '' AND only_for = '' ORDER BY seq LIMIT ?3"
        )
        return await self._engine.read(
            lambda c: list(islice(_entries(c, c.execute(sql, (conversation, after, limit)), after), limit))
        )

    async def last(self) -> int:
        """The position of the newest event."""
        return await self._engine.read(
            lambda c: c.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        )

    async def counters(self) -> dict[str, int]:
        """The counts, by reason."""
        return await self._engine.read(
            lambda c: dict(c.execute("SELECT name, count FROM counters ORDER BY name").fetchall())
        )

    async def set_aside(self) -> dict[str, int]:
        """Count the kept requests that were not understood, and those that nobody owns."""
        sql = "SELECT state, count(*) FROM requests WHERE state <> 'ok' GROUP BY state"
        found = await self._engine.read(lambda c: dict(c.execute(sql).fetchall()))
        return {"quarantined": 0, "unowned": 0, **found}


def _entries(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row], after: int) -> Iterator[Entry]:
    """Read rows only as far as somebody asks: one may hold a thousand events."""
    for row in rows:
        yield from entries_of(connection, row, after)
