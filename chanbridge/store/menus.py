"""The menus of a conversation, from the moment at which one can be answered.

A menu opens as the last step of its message leaves. In words it can be answered only while it is
the newest of its conversation and open: not used by this person, not expired, and the talk has not
moved on (they wrote something else, and we answered).
"""

from __future__ import annotations

import sqlite3

import msgspec

from chanbridge.transcode.plan import ReplyMap

DEPTH = 20
"""How many menus of a conversation are kept, the newest first."""


def open(connection: sqlite3.Connection, message: str, conversation: str, now: float) -> None:
    """Open the menu of a message whose last step has left, if it has one; forget those of long ago."""
    row = connection.execute("SELECT reply_map FROM messages WHERE id = ?", (message,)).fetchone()
    menu = msgspec.json.decode(row[0], type=ReplyMap | None) if row else None
    if menu is None or not menu.entries:
        return
    menu = menu.replace(message=message, conversation=conversation)
    expires = menu.expires_at.timestamp() if menu.expires_at else None
    connection.execute(
        "INSERT OR IGNORE INTO reply_maps (message, conversation, opened, expires, used, data)"
        " VALUES (?, ?, ?, ?, CAST('[]' AS BLOB), ?)",
        (message, conversation, now, expires, msgspec.json.encode(menu)),
    )
    connection.execute(
        "DELETE FROM reply_maps WHERE message IN (SELECT message FROM reply_maps WHERE conversation = ?"
        " ORDER BY opened DESC LIMIT -1 OFFSET ?)",
        (conversation, DEPTH),
    )


def open_if_last(connection: sqlite3.Connection, message: str, step: int, now: float) -> None:
    """Open the menu of a message if this step, which has left, is its last."""
    row = connection.execute(
        "SELECT conversation, max(step) FROM outbox WHERE message = ? AND kind = 'step'", (message,)
    ).fetchone()
    if row[1] == step:
        open(connection, message, row[0], now)


def answered(connection: sqlite3.Connection, conversation: str) -> None:
    """Note that we said something: where they had written something else, the talk has moved on."""
    connection.execute(
        "UPDATE reply_maps SET closed = 1 WHERE conversation = ? AND other = 1", (conversation,)
    )
