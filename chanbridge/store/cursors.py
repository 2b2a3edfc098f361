"""Where polls and sessions stand, and the bells that call for one."""

from __future__ import annotations

import datetime as dt
import sqlite3
from functools import partial

import msgspec

from chanbridge.model.base import JSON
from chanbridge.model.events import Wake
from chanbridge.store.base import Cursor
from chanbridge.store.engine import Engine


class Cursors:
    """One poller an account, by lease, on SQLite. The cursor itself is written by `Journal.append`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def hold(self, account: str, owner: str, now: dt.datetime, until: dt.datetime) -> Cursor | None:
        """Take an account, or go on holding it: give its cursor and its bells; None if another has it."""
        return await self._engine.write(
            partial(self._hold, account, owner, now.timestamp(), until.timestamp())
        )

    def _hold(
        self, account: str, owner: str, now: float, until: float, connection: sqlite3.Connection
    ) -> Cursor | None:
        held = connection.execute(
            "INSERT INTO cursors (account, owner, until) VALUES (?1, ?2, ?4)"
            " ON CONFLICT (account) DO UPDATE SET owner = ?2, until = ?4 WHERE owner = ?2 OR until <= ?3"
            " RETURNING cursor",
            (account, owner, now, until),
        ).fetchone()
        if held is None:
            return None
        wakes = connection.execute(
            "SELECT id, key, data FROM wakes WHERE account = ? ORDER BY id", (account,)
        )
        return Cursor(held[0], [(row[0], _wake(row[1], row[2])) for row in wakes])

    async def release(self, account: str, owner: str) -> None:
        """Give an account back, so that another may take it at once."""
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE cursors SET owner = '', until = 0 WHERE account = ? AND owner = ?", (account, owner)
            )
        )

    async def answered(self, wakes: list[int]) -> None:
        """Forget wakes that a poll has answered."""
        ids = [(wake,) for wake in wakes]
        await self._engine.write(lambda c: c.executemany("DELETE FROM wakes WHERE id = ?", ids))


def _wake(key: str, data: bytes) -> Wake:
    return Wake(key=key, data=msgspec.json.decode(data, type=dict[str, JSON]))
