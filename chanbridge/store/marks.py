"""Numbers that only grow: the last one given to an event, to a request; and whether old keys hold."""

from __future__ import annotations

import sqlite3
from typing import Literal

Mark = Literal["events", "requests", "plain_keys"]


def last(connection: sqlite3.Connection, mark: Mark) -> int:
    """Give the last number that was given, also where what had it is gone."""
    row = connection.execute("SELECT last FROM marks WHERE name = ?", (mark,)).fetchone()
    return row[0] if row else 0


def advance(connection: sqlite3.Connection, mark: Mark, to: int) -> None:
    """Write down the last number that was given."""
    connection.execute(
        "INSERT INTO marks (name, last) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET last = ?2",
        (mark, to),
    )
