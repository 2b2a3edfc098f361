"""What an event is about: the message that a status, a reaction or a quote names."""

from __future__ import annotations

import re
import sqlite3
from typing import Literal, NamedTuple

import msgspec

from chanbridge.model.base import Ref
from chanbridge.model.events import (
    Event,
    MessageEchoed,
    MessageReceived,
    MessageStatus,
    ReceiptUpdated,
)
from chanbridge.store import menus
from chanbridge.store.dedupe import external_key
from chanbridge.store.places import load
from chanbridge.store.written import pack

WAIT_S = 60.0
"""How long a status waits for the send that it overtook."""
_STEP = re.compile("[0-9]{1,6}")


class Known(NamedTuple):
    """A step that we sent."""

    message: str
    step: int


def step_key(message: str, step: int) -> str:
    """Name a step for the outside: for correlation, and as a provider's idempotency key."""
    return f"{message}.{step}"


def read_key(key: str) -> Known | None:
    """Read a step key back; None if it is none of ours."""
    message, _, step = key.rpartition(".")
    return Known(message, int(step)) if message and _STEP.fullmatch(step) else None


def about(connection: sqlite3.Connection, event: Event, now: float) -> Event | None:
    """Add what we know of an event's target. None: it says nothing new, or must wait."""
    match event:
        case MessageStatus():
            return _status(connection, event, now)
        case MessageEchoed(provider_id=external) if external:
            return _echo(connection, event, now)
        case ReceiptUpdated():
            _watermark(connection, event)
        case MessageReceived():
            return _received(connection, event)
    target: object = getattr(event, "target", None)
    if not isinstance(target, Ref):
        return event
    return event.replace(target=refer(connection, event.account, target))


def at_home(connection: sqlite3.Connection, event: MessageStatus) -> MessageStatus:
    """Put a status into the conversation of its message, however its recipient is named now."""
    known = sent(connection, event.account, event.target.external) or read_key(event.target.id)
    row = (
        known
        and connection.execute(
            "SELECT conversation FROM messages WHERE id = ? AND account = ?", (known.message, event.account)
        ).fetchone()
    )
    return event.replace(conversation=load(connection, row[0])) if row else event


def _echo(connection: sqlite3.Connection, event: MessageEchoed, now: float) -> Event | None:
    """Take an echo of our own send for a ``sent`` fact; while one is under way, wait whether it is that."""
    known = sent(connection, event.account, event.provider_id)
    if known:
        ours = Ref(id=known.message, external=event.provider_id)
        return _status(connection, _sent_fact(event, ours), now)
    under_way = connection.execute(
        "SELECT 1 FROM outbox WHERE conversation = ? AND state = 'queued' AND frozen IS NOT NULL LIMIT 1",
        (event.key,),
    ).fetchone()
    if under_way is None:
        return event
    _wait(connection, event, event.provider_id, now)
    return None


def _sent_fact(event: MessageEchoed, target: Ref) -> MessageStatus:
    return MessageStatus(
        account=event.account,
        conversation=event.conversation,
        time=event.time,
        raw=event.raw,
        target=target,
        fact="sent",
    )


def _received(connection: sqlite3.Connection, event: MessageReceived) -> Event:
    relation = event.message.relation
    if not (relation and relation.reply_to):
        return event
    quoted = refer(connection, event.account, relation.reply_to)
    return event.replace(message=event.message.replace(relation=relation.replace(reply_to=quoted)))


def sent(connection: sqlite3.Connection, account: str, external: str) -> Known | None:
    """Find a step by the provider's id."""
    row = connection.execute(
        "SELECT message, step FROM externals WHERE account = ? AND external = ?", (account, external)
    ).fetchone()
    return Known(row[0], row[1]) if row else None


def refer(connection: sqlite3.Connection, account: str, ref: Ref) -> Ref:
    """Add our id of a message that a provider's id names."""
    if ref.id or not ref.external:
        return ref
    known = sent(connection, account, ref.external)
    if known:
        return ref.replace(id=known.message)
    keys = [external_key(account, ref.external, plain=plain) for plain in (False, True)]
    row = connection.execute("SELECT ref FROM seen WHERE key IN (?, ?)", keys).fetchone()
    return ref.replace(id=row[0]) if row and row[0] else ref


def _status(connection: sqlite3.Connection, event: MessageStatus, now: float) -> Event | None:
    known = sent(connection, event.account, event.target.external) or _by_key(connection, event, now)
    if known is None:
        _wait(connection, event, event.target.external, now)
        return None
    at = event.time.timestamp() if event.time else now
    if not add_fact(connection, known, event, at):
        return None
    row = connection.execute(
        "SELECT conversation, data, losses FROM messages WHERE id = ?", (known.message,)
    ).fetchone()
    if row is None:
        return event
    metadata = msgspec.json.decode(row["data"], type=_Kept).metadata
    return event.replace(
        conversation=load(connection, row["conversation"]),
        target=event.target.replace(id=known.message),
        step=known.step,
        metadata=metadata,
        losses=tuple(msgspec.json.decode(row["losses"])),
    )


class _Kept(msgspec.Struct):
    metadata: dict[str, str] = {}


def add_fact(connection: sqlite3.Connection, known: Known, event: MessageStatus, at: float) -> bool:
    """Add a fact to the set; say whether it is new."""
    error = msgspec.json.encode(event.error) if event.error else None
    added = connection.execute(
        "INSERT OR IGNORE INTO facts (message, step, recipient, fact, at, error) VALUES (?, ?, ?, ?, ?, ?)",
        (known.message, known.step, event.recipient, event.fact, at, error),
    )
    return added.rowcount == 1


def _by_key(connection: sqlite3.Connection, event: MessageStatus, now: float) -> Known | None:
    """Find a step by our own key, where the provider echoes it: this settles an unknown outcome."""
    known = read_key(event.target.id)
    if known is None:
        return None
    row = connection.execute(
        "SELECT state, conversation, account FROM outbox WHERE message = ? AND step = ? AND kind = 'step'",
        known,
    ).fetchone()
    if row is None or row["account"] != event.account:
        return None
    if event.target.external:
        name(connection, event.account, event.target.external, known, "", now)
    if row["state"] == "unknown":
        settle_unknown(connection, known, "sent", now)
    return known


def settle_unknown(
    connection: sqlite3.Connection, known: Known, state: Literal["sent", "queued", "canceled"], now: float
) -> list[int]:
    """End an unknown outcome; what of its message waited behind it goes out now, or never.

    Give the steps that are canceled with it.
    """
    connection.execute(
        "UPDATE outbox SET state = ?, error = NULL WHERE message = ? AND step = ? AND state = 'unknown'",
        (state, *known),
    )
    rest = connection.execute(
        "UPDATE outbox SET state = ? WHERE message = ? AND state = 'blocked' RETURNING step",
        ("canceled" if state == "canceled" else "queued", known.message),
    ).fetchall()
    connection.execute(
        "INSERT OR IGNORE INTO sending (conversation, account)"
        " SELECT conversation, account FROM outbox WHERE message = ? AND state = 'queued' LIMIT 1",
        (known.message,),
    )
    connection.execute("DELETE FROM parked WHERE kind = 'step' AND ref = ?", (step_key(*known),))
    if state == "sent":
        menus.open_if_last(connection, *known, now)
    return [row[0] for row in rest] if state == "canceled" else []


def name(
    connection: sqlite3.Connection, account: str, external: str, known: Known, part: str, now: float
) -> None:
    """Write down a provider's id of a step."""
    connection.execute(
        "INSERT OR IGNORE INTO externals (account, external, message, step, part, at) VALUES (?,"
        " ?, ?, ?, ?, ?)",
        (account, external, *known, part, now),
    )


def _wait(connection: sqlite3.Connection, event: Event, external: str, now: float) -> None:
    connection.execute(
        "INSERT INTO waiting (account, external, until, data) VALUES (?, ?, ?, ?)",
        (event.account, external, now + WAIT_S, pack(event)),
    )


def _watermark(connection: sqlite3.Connection, event: ReceiptUpdated) -> None:
    """Add a fact for every earlier message of the conversation."""
    connection.execute(
        "INSERT OR IGNORE INTO facts (message, step, recipient, fact, at)"
        " SELECT o.message, o.step, '', ?1, ?2 FROM outbox o JOIN facts f"
        " ON f.message = o.message AND f.step = o.step AND f.fact = 'submitted'"
        " WHERE o.conversation = ?3 AND o.kind = 'step' AND o.state = 'sent' AND f.at <= ?2",
        (event.fact, event.until.timestamp(), event.key),
    )
