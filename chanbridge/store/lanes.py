"""Conversations that have something to send: when it is due, and what is next."""

from __future__ import annotations

import sqlite3

from chanbridge.channel import Gesture
from chanbridge.model.address import Conversation
from chanbridge.model.base import Ref
from chanbridge.store import blocks
from chanbridge.store.base import Lane, Queued
from chanbridge.store.documents import unpack_as
from chanbridge.store.places import context_of, delivered, load
from chanbridge.transcode.plan import Step

_NEXT = (
    "SELECT * FROM outbox WHERE conversation = ? AND state = 'queued' AND due <= ? ORDER BY due, rank, step"
    " LIMIT 1"
)


_SHIFT = (  # as far as the clock is known to have been set back, and no further
    "UPDATE sending SET backoff = backoff - since + ?1, due = backoff - since + ?1, since = ?1"
    " WHERE owner = '' AND due > ?1 AND since > ?1 AND backoff > 0",
    "UPDATE holds SET until = until - since + ?1, since = ?1 WHERE until > ?1 AND since > ?1",
    "UPDATE sending SET since = ?1, due = (SELECT coalesce(min(o.due), 0) FROM outbox o"
    " WHERE o.conversation = sending.conversation AND o.state = 'queued')"
    " WHERE owner = '' AND due > ?1 AND since > ?1 AND backoff = 0",
)


def queue(connection: sqlite3.Connection, conversation: Conversation, due: float, now: float) -> None:
    """Note that a conversation has something to send; a wait that a provider asked for stands."""
    connection.execute(
        "INSERT INTO sending (conversation, account, due, since) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (conversation) DO UPDATE SET due = max(backoff, min(due, ?3)), since = max(since, ?4)"
        " WHERE owner = ''",
        (conversation.key, conversation.account, due, now),
    )


def hasten(now: float, connection: sqlite3.Connection) -> None:
    """Bring near what waits by a clock that was set back since; a time that an author named stands.

    A lease is left alone: whoever holds it renews it by the new clock.
    """
    for statement in _SHIFT:
        connection.execute(statement, (now,))


def held(connection: sqlite3.Connection, lane: Lane) -> bool:
    """Say whether a conversation is still held by the one who leased it."""
    row = connection.execute(
        "SELECT 1 FROM sending WHERE conversation = ? AND owner = ? AND turn = ?",
        (lane.conversation.key, lane.owner, lane.turn),
    ).fetchone()
    return row is not None


def following(
    connection: sqlite3.Connection, key: str, account: str, now: float, owner: str, turn: int
) -> Lane | None:
    """Give the next item of a held conversation; if there is none just now, give the conversation back."""
    row = connection.execute(_NEXT, (key, now)).fetchone()
    if row is None:
        _give_back(connection, key, now)
        return None
    place = connection.execute("SELECT * FROM conversations WHERE key = ?", (key,)).fetchone()
    conversation = load(connection, key)
    assert conversation is not None
    last = connection.execute(
        "SELECT max(step) FROM outbox WHERE message = ? AND kind = 'step'", (row["message"],)
    ).fetchone()[0]
    planned = connection.execute("SELECT planned FROM messages WHERE id = ?", (row["message"],)).fetchone()
    item: Step | Gesture = unpack_as(Step if row["kind"] == "step" else Gesture, row["frozen"] or row["data"])
    if not row["frozen"]:
        item = _refer(
            connection,
            item.replace(
                context=context_of(place, now), to=delivered(connection, conversation, item.to.address)
            ),
        )
    queued = Queued(
        seq=row["seq"], kind=row["kind"], message=row["message"], step=row["step"], attempt=row["attempt"],
        item=item, frozen=bool(row["frozen"]), record=row["record"] or b"",
        planned=planned[0] if planned else "", last=row["step"] == last,
    )  # fmt: skip
    return Lane(account, conversation, queued, now, owner, turn)


def _give_back(connection: sqlite3.Connection, key: str, now: float) -> None:
    due = connection.execute(
        "SELECT min(due) FROM outbox WHERE conversation = ? AND state = 'queued'", (key,)
    ).fetchone()[0]
    if due is None:
        connection.execute("DELETE FROM sending WHERE conversation = ?", (key,))
    else:
        connection.execute(
            "UPDATE sending SET owner = '', until = 0, due = ?, since = ? WHERE conversation = ?",
            (due, now, key),
        )


def _refer(connection: sqlite3.Connection, item: Step | Gesture) -> Step | Gesture:
    """Add the provider's ids of the messages that an item names."""
    if isinstance(item, Gesture):
        return item.replace(target=_target(connection, item.to.account, item.target))
    return item.replace(
        reply_to=_target(connection, item.to.account, item.reply_to),
        replaces=_target(connection, item.to.account, item.replaces),
    )


def _target(connection: sqlite3.Connection, account: str, ref: Ref | None) -> Ref | None:
    """Add the provider's id of a message that is named by ours."""
    if ref is None or ref.external or not ref.id:
        return ref
    row = connection.execute(
        "SELECT external FROM externals WHERE message = ? AND account = ? AND (?3 = '' OR part ="
        " ?3) ORDER BY step",
        (ref.id, account, ref.part),
    ).fetchone()
    if row:
        return ref.replace(external=row[0])
    message = getattr(blocks.find(connection, ref.id), "message", None)
    return ref.replace(external=message.external[0].id) if message and message.external else ref
