"""Media that came in: what is still to be fetched, what is kept, what is lost."""

from __future__ import annotations

import datetime as dt
import sqlite3
from functools import partial

import msgspec

from chanbridge.model.errors import Failure
from chanbridge.model.media import Media
from chanbridge.store.base import File, Wanted
from chanbridge.store.engine import Engine

_ANY_DUE = "SELECT 1 FROM files WHERE state = 'wanted' AND due <= ?1 AND until <= ?1 LIMIT 1"
_LEASE = (
    "UPDATE files SET owner = ?2, until = ?3, attempt = attempt + 1 WHERE key IN"
    " (SELECT key FROM files WHERE state = 'wanted' AND due <= ?1 AND until <= ?1 ORDER BY due LIMIT ?4)"
    " RETURNING key, account, media, attempt"
)


class Files:
    """The jobs of fetching, on SQLite. `Journal.append` makes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Wanted]:
        """Take files that are due; nobody else gets them until the deadline."""
        at = now.timestamp()
        if not await self._engine.read(partial(_any_due, at)):  # an idle fetcher writes nothing
            return []
        return await self._engine.write(partial(_lease, owner, at, until.timestamp(), limit))

    async def want(self, key: str, account: str, media: Media) -> None:
        """Ask for a file; known ones stay as they are."""
        row = (key, account, msgspec.json.encode(media))
        await self._engine.write(
            lambda c: c.execute(
                "INSERT OR IGNORE INTO files (key, account, state, media) VALUES (?, ?, 'wanted', ?)", row
            )
        )

    async def keep(self, key: str, media: Media) -> None:
        """Write down that a file is in the media store."""
        await self._settle(key, "kept", media=msgspec.json.encode(media))

    async def retry(self, key: str, due: dt.datetime, failure: Failure) -> None:
        """Have a file tried again later."""
        await self._settle(key, "wanted", due=due.timestamp(), error=msgspec.json.encode(failure))

    async def lose(self, key: str, failure: Failure) -> None:
        """Write down that a file cannot be had."""
        await self._settle(key, "lost", error=msgspec.json.encode(failure))

    async def _settle(
        self,
        key: str,
        state: str,
        *,
        media: bytes | None = None,
        due: float = 0,
        error: bytes | None = None,
    ) -> None:
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE files SET state = ?, media = coalesce(?, media), due = ?, error = ?,"
                " owner = '', until = 0 WHERE key = ? AND state <> 'kept'",
                (state, media, due, error, key),
            )
        )

    async def get(self, key: str) -> File | None:
        """Say how a file stands; None: nobody has asked for it."""
        return await self._engine.read(partial(_get, key))


def _any_due(now: float, connection: sqlite3.Connection) -> bool:
    return connection.execute(_ANY_DUE, (now,)).fetchone() is not None


def _lease(owner: str, now: float, until: float, limit: int, connection: sqlite3.Connection) -> list[Wanted]:
    rows = connection.execute(_LEASE, (now, owner, until, limit)).fetchall()
    return [Wanted(row[0], row[1], _media(row[2]), row[3]) for row in rows]


def _get(key: str, connection: sqlite3.Connection) -> File | None:
    row = connection.execute("SELECT state, media, error FROM files WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    failure = msgspec.json.decode(row[2], type=Failure) if row[2] else None
    return File(row[0], _media(row[1]), failure)


def _media(data: bytes) -> Media:
    return msgspec.json.decode(data, type=Media)
