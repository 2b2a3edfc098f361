"""Old dedupe keys are forgotten: a few at a time, so that no sweep of a full store stalls it."""

from __future__ import annotations

import random
import sqlite3

from chanbridge.store import marks

KEEP_S = 8 * 24 * 3600  # providers retry for up to seven days
LOOK_AT = 1000
"""How many keys a sweep looks through at least; and twice as many as came since the last one."""
_END = b"\xff" * 17  # after all keys
_NEXT = "SELECT key FROM seen WHERE key >= ? ORDER BY key LIMIT 1 OFFSET ?"
_FORGET = (  # of a request that may be run again, what it brought must stay known
    "DELETE FROM seen WHERE key >= ? AND key < ? AND at < ? AND ref = ''"
    " AND coalesce(request, 0) NOT IN (SELECT id FROM requests WHERE state <> 'ok')"
)


class Forgetting:
    """Goes round through the keys, and begins anywhere: a process may not live to see the end."""

    def __init__(self) -> None:
        self._next = random.randbytes(16)  # noqa: S311 - the key with which the next sweep begins
        self._brought: int | None = None  # how many events there had been at the last one

    def sweep(self, connection: sqlite3.Connection, now: float, least: int) -> None:
        """Look through the next keys, ``least`` of them or more; forget those that are old."""
        first = self._next
        found = connection.execute(_NEXT, (first, least + 2 * self._came(connection))).fetchone()
        after = found[0] if found else _END
        connection.execute(_FORGET, (first, after, now - KEEP_S))
        self._next = after if found else b""

    def _came(self, connection: sqlite3.Connection) -> int:
        before, self._brought = self._brought, marks.last(connection, "events")
        return 0 if before is None else self._brought - before
