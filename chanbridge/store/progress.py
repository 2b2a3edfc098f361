"""How messages stand: read from the outbox and the facts."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from chanbridge.model.errors import Failure
from chanbridge.model.message import Message
from chanbridge.store.base import Progress
from chanbridge.store.documents import unpack_as


def progress(message: str, connection: sqlite3.Connection) -> Progress | None:
    """Say how a message stands; None if there is none."""
    row = connection.execute("SELECT data, losses FROM messages WHERE id = ?", (message,)).fetchone()
    if row is None:
        return None
    steps = connection.execute(
        "SELECT step, state, error FROM outbox WHERE message = ? AND kind = 'step' ORDER BY step", (message,)
    ).fetchall()
    facts: list[set[str]] = [set() for _ in steps]
    failures = [msgspec.json.decode(step["error"], type=Failure) for step in steps if step["error"]]
    for fact in connection.execute("SELECT step, fact, error FROM facts WHERE message = ?", (message,)):
        facts[fact["step"]].add(fact["fact"])
        if fact["error"]:
            failures.append(msgspec.json.decode(fact["error"], type=Failure))
    externals = connection.execute(
        "SELECT external FROM externals WHERE message = ? ORDER BY step", (message,)
    ).fetchall()
    return Progress(
        message=unpack_as(Message, row["data"]),
        states=[step["state"] for step in steps],
        facts=facts,
        failure=failures[-1] if failures else None,
        losses=tuple(msgspec.json.decode(row["losses"])),
        externals=tuple(external[0] for external in externals),
    )


def listed(row: sqlite3.Row) -> dict[str, Any]:
    """Show a row of the outbox."""
    listed = dict(row)
    listed["error"] = msgspec.json.decode(row["error"]) if row["error"] else None
    return listed
