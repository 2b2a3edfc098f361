"""Conversations: which one an event belongs to, its window, its context, its consent."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

import msgspec

from chanbridge.model.address import Contact, Conversation, Window
from chanbridge.model.base import Context
from chanbridge.model.events import (
    ConsentChanged,
    Event,
    IdentityChanged,
    InteractionReceived,
    MessageReceived,
)

STABLE = ("bsuid", "psid", "openid", "scoped_id", "parent_bsuid", "wa_id", "phone", "email")
"""Kinds of identity that may find a conversation, the most stable first: numbers are recycled."""


def place(connection: sqlite3.Connection, event: Event, windows: dict[str, int | None], now: float) -> Event:
    """Find or found the conversation of an event, and write down what the event says of it."""
    if event.conversation is None:
        return event
    wanted = event.conversation.replace(account=event.account)
    window_until, window_by = _window(event, windows.get(event.account), now)
    known = _touch(connection, wanted.key, window_until, window_by)
    conversation = wanted if known else _find(connection, wanted, event, window_until, window_by)
    if event.context:
        remember(connection, conversation.key, event.context)
    if isinstance(event, ConsentChanged):
        _consent(connection, conversation.key, event)
    elif isinstance(event, IdentityChanged):
        _rename(connection, conversation, event)
    return event.replace(conversation=conversation)


def _window(event: Event, seconds: int | None, now: float) -> tuple[float | None, str]:
    """Say until when an event opens the service window; None: it does not."""
    if event.window is not None:
        until = event.window.expires_at
        return (until.timestamp() if until else 0.0) if event.window.open else None, event.window.opened_by
    opens = type(event) is MessageReceived or isinstance(event, InteractionReceived)
    if not (opens and seconds) or event.passive:
        return None, ""
    return (event.time.timestamp() if event.time else now) + seconds, "message"


def _touch(connection: sqlite3.Connection, key: str, until: float | None, by: str) -> bool:
    """Extend the window of a known conversation; say whether it is known."""
    if until is None:
        return connection.execute("SELECT 1 FROM conversations WHERE key = ?", (key,)).fetchone() is not None
    changed = connection.execute(
        "UPDATE conversations SET window_by = CASE WHEN ?1 >= coalesce(window_until, 0) THEN ?2"
        " ELSE window_by END,"
        " window_until = max(coalesce(window_until, 0), ?1) WHERE key = ?3",
        (until, by, key),
    )
    return changed.rowcount == 1


def _find(
    connection: sqlite3.Connection, wanted: Conversation, event: Event, until: float | None, by: str
) -> Conversation:
    """Find a conversation by any address of its contact; found it if there is none."""
    addresses = [wanted.address, *_addresses(wanted.channel, sender_of(event))] if not wanted.thread else []
    if wanted.kind == "direct":
        for address in addresses:
            row = connection.execute(
                "SELECT conversation FROM aliases WHERE account = ? AND address = ?",
                (wanted.account, address),
            ).fetchone()
            if row:
                _alias(connection, wanted.account, addresses, row[0])
                _touch(connection, row[0], until, by)
                return load(connection, row[0]) or wanted
    found(connection, wanted, until, by)
    if wanted.kind == "direct":
        _alias(connection, wanted.account, addresses, wanted.key)
    return wanted


def found(
    connection: sqlite3.Connection, conversation: Conversation, until: float | None = None, by: str = ""
) -> None:
    """Write down a conversation if it is new."""
    c = conversation
    connection.execute(
        "INSERT OR IGNORE INTO conversations (key, account, address, kind, thread, title,"
        " window_until, window_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (c.key, c.account, c.address, c.kind, c.thread, c.title, until, by),
    )


def sender_of(event: Event) -> Contact | None:
    """The contact an event tells of."""
    sender = getattr(event, "sender", None)
    if isinstance(sender, Contact):
        return sender
    return event.message.sender if isinstance(event, MessageReceived) else None


def _addresses(channel: str, contact: Contact | None) -> list[str]:
    identities = contact.identities if contact else ()
    known = sorted((i for i in identities if i.kind in STABLE), key=lambda i: STABLE.index(i.kind))
    return [f"{channel}:{identity.value}" for identity in known]


def _alias(connection: sqlite3.Connection, account: str, addresses: list[str], key: str) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO aliases (account, address, conversation) VALUES (?, ?, ?)",
        [(account, address, key) for address in addresses],
    )


def alias(connection: sqlite3.Connection, account: str, address: str, key: str) -> None:
    """Make another address lead to a conversation."""
    _alias(connection, account, [address], key)


def _rename(connection: sqlite3.Connection, conversation: Conversation, event: IdentityChanged) -> None:
    new = [f"{conversation.channel}:{i.value}" for i in event.new if i.kind in STABLE]
    if event.change == "changed":
        _alias(connection, event.account, new, conversation.key)


def remember(connection: sqlite3.Connection, key: str, context: Context) -> None:
    """Keep what an answer will need, each value with its expiry."""
    row = connection.execute("SELECT context FROM conversations WHERE key = ?", (key,)).fetchone()
    kept: dict[str, Any] = msgspec.json.decode(row[0]) if row and row[0] else {}
    expiry = context.expires_at.timestamp() if context.expires_at else None
    kept.update({name: [value, expiry] for name, value in context.values.items()})
    connection.execute("UPDATE conversations SET context = ? WHERE key = ?", (msgspec.json.encode(kept), key))


def context_of(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """Read what is kept for an answer and has not lapsed."""
    kept: dict[str, Any] = msgspec.json.decode(row["context"]) if row["context"] else {}
    return {name: value for name, (value, expiry) in kept.items() if expiry is None or expiry > now}


def _consent(connection: sqlite3.Connection, key: str, event: ConsentChanged) -> None:
    row = connection.execute("SELECT consent FROM conversations WHERE key = ?", (key,)).fetchone()
    consent: dict[str, bool] = msgspec.json.decode(row[0]) if row and row[0] else {}
    consent[event.scope] = event.granted
    connection.execute(
        "UPDATE conversations SET consent = ? WHERE key = ?", (msgspec.json.encode(consent), key)
    )


def load(connection: sqlite3.Connection, key: str) -> Conversation | None:
    """Read a conversation."""
    row = connection.execute("SELECT * FROM conversations WHERE key = ?", (key,)).fetchone()
    return conversation_of(row) if row else None


def conversation_of(row: sqlite3.Row) -> Conversation:
    """Make a conversation of its row."""
    until = row["window_until"]
    expires = dt.datetime.fromtimestamp(until, dt.UTC) if until else None
    window = None if until is None else Window(expires_at=expires, opened_by=row["window_by"])
    return Conversation(
        account=row["account"], address=row["address"], kind=row["kind"], thread=row["thread"],
        title=row["title"], window=window,
    )  # fmt: skip


def known(connection: sqlite3.Connection, conversation: Conversation) -> Conversation | None:
    """Find the conversation that an address leads to, following aliases."""
    there = load(connection, conversation.key)
    if there or conversation.thread:
        return there
    row = connection.execute(
        "SELECT conversation FROM aliases WHERE account = ? AND address = ?",
        (conversation.account, conversation.address),
    ).fetchone()
    return load(connection, row[0]) if row else None


def where(connection: sqlite3.Connection, conversation: Conversation) -> Conversation:
    """Find the conversation that an address leads to; found it if there is none."""
    there = known(connection, conversation)
    if there is None:
        found(connection, conversation)
    return there or conversation
