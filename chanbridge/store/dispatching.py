"""Who has yet to see what: conversations with events to come, leased whole and in order."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial

from chanbridge.store.base import Batch, Entry
from chanbridge.store.blocks import entries_of
from chanbridge.store.engine import Engine

BATCH = 64
"""As many events of one conversation in one lease, or a row more: the rest comes with the next."""
RECENT = 2048
"""How many events are kept at hand."""
LOOK_S = 1.0
"""How often leases that nobody has renewed are looked for, at most."""
_NEXT = (
    "SELECT seq FROM events WHERE conversation = ? AND seq > ? AND only_for IN ('', ?) ORDER BY seq LIMIT ?"
)
_ROW = "SELECT * FROM events WHERE seq = ?"
_DONE = (
    "DELETE FROM pending WHERE consumer = ?1 AND conversation = ?2 AND owner = ?3 AND NOT EXISTS"
    " (SELECT 1 FROM events WHERE conversation = ?2 AND seq > ?4 AND only_for IN ('', ?1))"
)
_MORE = (
    "UPDATE pending SET position = ?4, owner = '', until = 0, due = ?5, attempt = 0"
    " WHERE consumer = ?1 AND conversation = ?2 AND owner = ?3"
)


class Dispatch:
    """Leases over conversations, on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recent: OrderedDict[int, list[Entry]] = OrderedDict()
        self._kept = 0  # events in that
        self._looked: dict[str, float] = {}  # when lapsed leases of a consumer were looked for

    def offer(self, entries: list[Entry]) -> None:
        """Keep new events of a conversation at hand, so that they need not be read back."""
        if len(entries) <= BATCH:
            self._recent[entries[-1].seq] = entries
            self._kept += len(entries)
        while self._kept > RECENT:
            self._kept -= len(self._recent.popitem(last=False)[1])

    async def lease(
        self, consumer: str, owner: str, now: dt.datetime, until: dt.datetime, limit: int
    ) -> list[Batch]:
        """Take up to ``limit`` conversations whose events are due for a consumer."""
        return await self._engine.write(
            partial(self._lease, consumer, owner, now.timestamp(), until.timestamp(), limit)
        )

    def _lease(
        self, consumer: str, owner: str, now: float, until: float, limit: int, connection: sqlite3.Connection
    ) -> list[Batch]:
        self._free_lapsed(connection, consumer, now)
        rows = connection.execute(
            "SELECT conversation, position, attempt FROM pending"
            " WHERE consumer = ? AND owner = '' AND due <= ? ORDER BY due LIMIT ?",
            (consumer, now, limit),
        ).fetchall()
        batches = []
        for conversation, position, attempt in rows:
            entries = self._events(connection, consumer, conversation, position)
            if not entries:  # whatever it was has been taken from here
                connection.execute(
                    "DELETE FROM pending WHERE consumer = ? AND conversation = ?", (consumer, conversation)
                )
                continue
            connection.execute(
                "UPDATE pending SET owner = ?, until = ?, due = ? WHERE consumer = ? AND conversation = ?",
                (owner, until, until, consumer, conversation),
            )
            batches.append(Batch(consumer, conversation, entries, attempt))
        return batches

    def _free_lapsed(self, connection: sqlite3.Connection, consumer: str, now: float) -> None:
        """Free what nobody has renewed. No index knows these: each lease would have to keep it.

        Only of the consumer that asks, which has renewed its own just now.
        """
        if abs(now - self._looked.get(consumer, 0.0)) >= LOOK_S:
            self._looked[consumer] = now
            connection.execute(
                "UPDATE pending SET owner = '', until = 0, due = min(due, ?1)"
                " WHERE consumer = ?2 AND owner <> '' AND until <= ?1",
                (now, consumer),
            )

    def _events(
        self, connection: sqlite3.Connection, consumer: str, conversation: str, position: int
    ) -> list[Entry]:
        """Give the next events of a conversation; at least one row of them, if there is any."""
        found: list[Entry] = []
        rows = connection.execute(_NEXT, (conversation, position, consumer, BATCH)).fetchall()
        for (seq,) in rows:
            found += self._row(connection, seq, found[-1].seq if found else position)
            if len(found) >= BATCH:
                break
        return found

    def _row(self, connection: sqlite3.Connection, seq: int, after: int) -> Iterable[Entry]:
        known = self._recent.pop(seq, None)
        if known is not None:
            self._kept -= len(known)
            return (entry for entry in known if entry.seq > after)
        return entries_of(connection, connection.execute(_ROW, (seq,)).fetchone(), after)

    async def done(self, consumer: str, owner: str, positions: dict[str, int], now: dt.datetime) -> bool:
        """Write down how far conversations were handled, and give them back; say whether one has more."""
        work = partial(self._done, consumer, owner, positions, now.timestamp())
        return await self._engine.write(work, last=True)

    def _done(
        self,
        consumer: str,
        owner: str,
        positions: dict[str, int],
        now: float,
        connection: sqlite3.Connection,
    ) -> bool:
        where = [(consumer, conversation, owner, position) for conversation, position in positions.items()]
        if connection.executemany(_DONE, where).rowcount == len(where):
            return False
        return connection.executemany(_MORE, [(*one, now) for one in where]).rowcount > 0

    async def renew(self, consumer: str, owner: str, conversation: str, until: dt.datetime) -> bool:
        """Hold a conversation longer; False if it is no longer held."""
        at = until.timestamp()
        changed = await self._engine.write(
            lambda c: (
                c.execute(
                    "UPDATE pending SET until = ?1, due = ?1 WHERE consumer = ?2 AND conversation"
                    " = ?3 AND owner = ?4",
                    (at, consumer, conversation, owner),
                ).rowcount
            )
        )
        return changed == 1

    async def retry(
        self, consumer: str, owner: str, conversation: str, position: int, due: dt.datetime
    ) -> None:
        """Give a conversation back at a position, to be tried again later.

        Failures are counted anew for every event.
        """
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE pending SET owner = '', until = 0, due = ?2, position = ?1,"
                " attempt = CASE WHEN position = ?1 THEN attempt + 1 ELSE 1 END"
                " WHERE consumer = ?3 AND conversation = ?4 AND owner = ?5",
                (position, due.timestamp(), consumer, conversation, owner),
            )
        )

    async def hasten(self, consumer: str, now: dt.datetime, longest: float) -> None:
        """Let a retry be due now that is further away than any wait after so many failures (2 ** n seconds).

        The clock was set back since. A lease is left alone: whoever holds it renews it by the new clock.
        """
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE pending SET due = ?2 WHERE consumer = ?1 AND owner = ''"
                " AND due > ?2 + min(?3, 1 << min(attempt, 30))",
                (consumer, now.timestamp(), longest),
            )
        )

    async def give_back(self, consumer: str, owner: str) -> None:
        """Give back all that an owner holds for a consumer: it stops, others may still be at work."""
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE pending SET owner = '', until = 0, due = 0 WHERE consumer = ? AND owner = ?",
                (consumer, owner),
            )
        )

    async def park(
        self, consumer: str, owner: str, entry: Entry, error: str, now: dt.datetime, *, stop: bool
    ) -> None:
        """Put an event aside with its error; ``stop``: its conversation waits for a person."""
        await self._engine.write(partial(self._park, consumer, owner, entry, error, now.timestamp(), stop))

    def _park(
        self, consumer: str, owner: str, entry: Entry, error: str, now: float, stop: bool,
        connection: sqlite3.Connection,
    ) -> None:  # fmt: skip
        key = entry.key
        held = connection.execute(
            "SELECT 1 FROM pending WHERE consumer = ? AND conversation = ? AND owner = ?",
            (consumer, key, owner),
        ).fetchone()
        if held is None:
            return
        connection.execute(
            "INSERT OR REPLACE INTO parked (kind, ref, consumer, conversation, at, error)"
            " VALUES ('event', ?, ?, ?, ?, ?)",
            (str(entry.seq), consumer, key, now, error),
        )
        if stop:
            connection.execute(
                "UPDATE pending SET position = ?, owner = 'parked', until = 9e12, due = 9e12"
                " WHERE consumer = ? AND conversation = ? AND owner = ?",
                (entry.seq - 1, consumer, key, owner),
            )
        else:
            self._done(consumer, owner, {key: entry.seq}, now, connection)

    async def pending(self) -> int:
        """Count the conversations that have events to come."""
        return await self._engine.read(lambda c: c.execute("SELECT count(*) FROM pending").fetchone()[0])
