"""Taking in alone: a request is kept as it came, and placed later, by this process or by another.

A provider that sends again what is known already gets its answer, and nothing is written. The dedupe
keys tell; what slips through (two processes take in the same at once) is found as it is placed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from chanbridge.store import marks, requests, unplaced
from chanbridge.store.base import Arrival, KeptRequest, Stored
from chanbridge.store.dedupe import dedupe_key, is_timeless
from chanbridge.store.engine import Engine
from chanbridge.store.looking import Looking
from chanbridge.store.lookup import rows
from chanbridge.store.recent import Recent

MOST_BYTES = 1 << 20
"""From so much on, no more requests are read at once."""
_NEXT = "SELECT requests.* FROM unplaced JOIN requests ON id = request ORDER BY request LIMIT ?"
_WAITING = (
    "SELECT count(*), (SELECT at FROM requests WHERE id = (SELECT min(request) FROM unplaced)) FROM unplaced"
)
_SEEN = "SELECT key FROM seen WHERE key IN ({})"


Kept = tuple[Arrival, list[bytes]]
"""A request on its way in, with the keys of all that it brings; none: they cannot tell a repeat."""


class Keeping(Looking):
    """The half of the journal on SQLite that takes in and places nothing."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._recent = Recent()
        self.plain_keys = False  # as a store older than schema 4 has them: all that it knows stays known

    def forget(self) -> None:
        """Forget what was remembered: it may have been undone."""
        self._recent.clear()

    def keep(self, arrival: Arrival, told: Callable[[Stored], None] | None = None) -> Awaitable[Stored]:
        """Keep a request, to be placed later, unless all of its events are known."""
        keys = _keys(arrival, plain=self.plain_keys)
        return self._engine.write_with_others(self._keep, (arrival, keys), 1, told)

    def _keep(self, group: list[Kept], connection: sqlite3.Connection) -> list[Stored]:
        known = self._known(connection, group)
        stored = []
        new: list[Arrival] = []
        last = marks.last(connection, "requests")
        for arrival, keys in group:
            if keys and known.issuperset(keys):
                stored.append(Stored([], len(keys), 0, files=False))
                continue
            known.update(keys)
            new.append(arrival)
            stored.append(Stored([], 0, last + len(new), files=False, later=True))
        leave(connection, last, new)
        self._recent.add(known)
        return stored

    def _known(self, connection: sqlite3.Connection, group: Sequence[Kept]) -> set[bytes]:
        """Give those keys that were seen before, by this process or any."""
        keys = {key for _, own in group for key in own}
        known = {key for key in keys if key in self._recent}
        asked = [(key,) for key in keys - known]
        return known.union(row[0] for row in rows(connection, _SEEN, asked))

    async def unplaced(self, limit: int) -> list[KeptRequest]:
        """Read requests of which nothing is placed, the oldest first."""
        return await self._engine.read(partial(_unplaced, limit))

    async def waiting(self) -> tuple[int, float | None]:
        """Count the requests of which nothing is placed, and say when the oldest of them came."""
        return await self._engine.read(_waiting)


def _waiting(connection: sqlite3.Connection) -> tuple[int, float | None]:
    count, oldest = connection.execute(_WAITING).fetchone()
    return count, oldest


def leave(connection: sqlite3.Connection, last: int, new: Sequence[Arrival]) -> None:
    """Write down the requests of arrivals after the last one, to be placed later."""
    if new:
        ids = range(last + 1, last + len(new) + 1)
        connection.executemany(requests.ADD, list(map(requests.row_of, ids, new)))
        unplaced.add(connection, ids)
        marks.advance(connection, "requests", ids[-1])


def _keys(arrival: Arrival, *, plain: bool) -> list[bytes]:
    """Give the dedupe keys of an arrival's events; none if one of them could come twice and be new."""
    account, events = arrival.account, arrival.events
    if any(map(is_timeless, events)):
        return []
    return [dedupe_key(event, account, plain=plain) for event in events]


def _unplaced(limit: int, connection: sqlite3.Connection) -> list[KeptRequest]:
    found: list[KeptRequest] = []
    size = 0
    for row in connection.execute(_NEXT, (limit,)):
        found.append(requests.request_of(row))
        size += len(row["body"])
        if size > MOST_BYTES:  # the rest comes next: a body may be megabytes
            break
    return found
