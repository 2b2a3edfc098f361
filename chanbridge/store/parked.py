"""What a person has to look at: events that no handler could take, steps of unknown outcome."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any

from chanbridge.store import blocks, marks
from chanbridge.store.engine import Engine


class ParkedItems:
    """The parked items, on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list(self, limit: int = 100) -> list[dict[str, Any]]:
        """List parked items, the oldest first: id, kind, ref, consumer, conversation, at, error."""
        rows = await self._engine.read(
            lambda c: c.execute("SELECT * FROM parked ORDER BY id LIMIT ?", (limit,)).fetchall()
        )
        return [dict(row) for row in rows]

    async def count(self) -> int:
        """Count them."""
        return int(await self._engine.read(lambda c: c.execute("SELECT count(*) FROM parked").fetchone()[0]))

    async def retry(self, id: int) -> bool:
        """Show an event to its consumer again; False if there is no such item, or its event is gone."""
        return await self._engine.write(partial(_retry, id))

    async def drop(self, id: int) -> bool:
        """Forget an item; its conversation goes on if it waited."""
        return await self._engine.write(partial(_drop, id))


def _retry(id: int, connection: sqlite3.Connection) -> bool:
    row = connection.execute(
        "DELETE FROM parked WHERE id = ? AND kind = 'event' RETURNING *", (id,)
    ).fetchone()
    if row is None:
        return False
    return _resume(connection, row, int(row["ref"]) - 1) or _show_again(connection, row)


def _drop(id: int, connection: sqlite3.Connection) -> bool:
    row = connection.execute("DELETE FROM parked WHERE id = ? RETURNING *", (id,)).fetchone()
    if row is None:
        return False
    if row["kind"] == "event":
        _resume(connection, row, int(row["ref"]))
    return True


def _resume(connection: sqlite3.Connection, row: sqlite3.Row, position: int) -> bool:
    """Let a conversation that waits for this event go on from a position; False if it does not wait."""
    resumed = connection.execute(
        "UPDATE pending SET position = ?, owner = '', until = 0, due = 0, attempt = 0"
        " WHERE consumer = ? AND conversation = ? AND owner = 'parked' AND position = ?",
        (position, row["consumer"], row["conversation"], int(row["ref"]) - 1),
    )
    return resumed.rowcount == 1


def _show_again(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Queue an event once more, for one consumer, behind what its conversation has gone on to."""
    seq = marks.last(connection, "events") + 1
    if not blocks.show_again(connection, int(row["ref"]), seq, row["consumer"]):
        return False
    marks.advance(connection, "events", seq)
    connection.execute(
        "INSERT OR IGNORE INTO pending (consumer, conversation, position) VALUES (?, ?, ?)",
        (row["consumer"], row["conversation"], seq - 1),
    )
    return True
