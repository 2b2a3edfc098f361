"""Dedupe keys as they were until schema 3 (a hash of all that tells an event from others), made anew."""

from __future__ import annotations

import hashlib
import sqlite3
from urllib.parse import unquote

from chanbridge.store.dedupe import dedupe_key, identity
from chanbridge.store.written import unpack

_ROWS = "SELECT conversation, data FROM events WHERE only_for = ''"


def rekey(connection: sqlite3.Connection) -> None:
    """Change the keys of all events that are there; the key of one that is gone dies of old age."""
    for row in connection.execute(_ROWS):
        account = unquote(row["conversation"].partition("/")[0])
        for line in row["data"].split(b"\n"):
            event = unpack(line, account)
            old = hashlib.blake2b(identity(event, account)[1], digest_size=16).digest()
            connection.execute(
                "UPDATE OR REPLACE seen SET key = ? WHERE key = ?", (dedupe_key(event, account), old)
            )
