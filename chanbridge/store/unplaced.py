"""Requests that were taken in and of which nothing is placed yet: some process will, the oldest first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


def add(connection: sqlite3.Connection, requests: Iterable[int]) -> None:
    """Leave requests to be placed later."""
    connection.executemany("INSERT INTO unplaced VALUES (?)", [(id,) for id in requests])


def are_some(connection: sqlite3.Connection) -> bool:
    """Say whether any request waits."""
    return connection.execute("SELECT 1 FROM unplaced LIMIT 1").fetchone() is not None


def take(connection: sqlite3.Connection, request: int) -> bool:
    """Say that a request is being placed; False: somebody else has placed it."""
    return connection.execute("DELETE FROM unplaced WHERE request = ?", (request,)).rowcount == 1
