"""The outbox: what is to go out, in order within a conversation, each step once."""

from __future__ import annotations

import datetime as dt
import hashlib
import sqlite3
from functools import partial
from typing import Any, Literal

import msgspec

from chanbridge.channel import Gesture
from chanbridge.model.address import Conversation
from chanbridge.model.base import Ref
from chanbridge.model.codec import decode_event, from_wire, to_wire
from chanbridge.model.errors import Failure, ValidationError
from chanbridge.model.events import Fact, MessageStatus
from chanbridge.model.ids import new_id
from chanbridge.model.message import Message
from chanbridge.store import replies
from chanbridge.store.base import Entry, Lane, Outgoing, Progress, Queued, Settled
from chanbridge.store.engine import Engine
from chanbridge.store.journal import Journal
from chanbridge.store.places import alias, context_of, known, load, remember, where
from chanbridge.store.targets import Known, add_fact, name, settle_unknown, step_key, unpack
from chanbridge.transcode.plan import Step

QUEUE = "SELECT * FROM outbox WHERE conversation = ? AND state = 'queued' ORDER BY rank, step LIMIT 1"


class Outbox:
    """The outbox on SQLite."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal

    async def add(self, outgoing: Outgoing) -> str:
        """Keep a message and its steps; give its id, or the id of what its key named already.

        Raise `ValidationError` if the key names another content.
        """
        return await self._engine.write(partial(self._add, outgoing))

    def _add(self, outgoing: Outgoing, connection: sqlite3.Connection) -> str:
        message, now = outgoing.message, outgoing.at.timestamp()
        known = connection.execute(
            "SELECT id, fingerprint FROM messages WHERE account = ? AND key = ?",
            (message.account, message.idempotency_key),
        ).fetchone()
        mark = fingerprint(message)
        if known:
            if known["fingerprint"] != mark and not outgoing.first_wins:
                raise ValidationError("idempotency_key", "was used for another content: choose another key")
            return str(known["id"])
        conversation = where(connection, outgoing.conversation)
        message = message.replace(conversation=conversation.key)
        plan = outgoing.plan
        connection.execute(
            "INSERT INTO messages (id, account, conversation, key, fingerprint, at, data, losses,"
            " reply_map, planned)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (message.id, message.account, conversation.key, message.idempotency_key, mark, now,
             pack(message), pack(list(plan.losses)), pack(plan.reply_map), outgoing.planned),
        )  # fmt: skip
        _add_steps(connection, outgoing, conversation, message.id, _next_rank(connection))
        replies.answered(connection, conversation.key)
        due = message.not_before.timestamp() if message.not_before else now
        _queue(connection, conversation, due)
        return message.id

    async def add_gesture(self, account: str, gesture: Gesture, at: dt.datetime) -> str:
        """Keep a gesture, in order with the steps of its conversation; give its key."""
        return await self._engine.write(partial(self._add_gesture, account, gesture, at.timestamp()))

    def _add_gesture(self, account: str, gesture: Gesture, now: float, connection: sqlite3.Connection) -> str:
        if gesture.key:
            row = connection.execute(
                "SELECT 1 FROM outbox WHERE message = ? AND step = 0", (gesture.key,)
            ).fetchone()
            if row:
                return gesture.key
        key = gesture.key or new_id()
        conversation = where(connection, gesture.to.replace(account=account))
        kept = gesture.replace(key=key, to=conversation)
        connection.execute(
            "INSERT INTO outbox (conversation, account, kind, message, step, rank, state, data)"
            " VALUES (?, ?, 'gesture', ?, 0, ?, 'queued', ?)",
            (conversation.key, account, key, _next_rank(connection), pack(kept)),
        )
        _queue(connection, conversation, now)
        return key

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Lane]:
        """Take up to ``limit`` conversations that have something to send."""
        return await self._engine.write(
            partial(self._lease, owner, now.timestamp(), until.timestamp(), limit)
        )

    def _lease(
        self, owner: str, now: float, until: float, limit: int, connection: sqlite3.Connection
    ) -> list[Lane]:
        rows = connection.execute(
            "SELECT conversation, account FROM sending s WHERE due <= ?1 AND until <= ?1 AND NOT EXISTS"
            " (SELECT 1 FROM holds h WHERE h.account = s.account AND h.until > ?1) ORDER BY due LIMIT ?2",
            (now, limit),
        ).fetchall()
        lanes = []
        for key, account in rows:
            connection.execute(
                "UPDATE sending SET owner = ?, until = ?, due = ? WHERE conversation = ?",
                (owner, until, until, key),
            )
            lane = _lane(connection, key, account, now)
            if lane:
                lanes.append(lane)
        return lanes

    async def renew(self, owner: str, conversation: str, until: dt.datetime) -> bool:
        """Hold a conversation longer; False if it is no longer held."""
        at = until.timestamp()
        return await self._engine.write(
            lambda c: (
                c.execute(
                    "UPDATE sending SET until = ?1, due = ?1 WHERE conversation = ?2 AND owner = ?3",
                    (at, conversation, owner),
                ).rowcount
                == 1
            )
        )

    async def replan(self, outgoing: Outgoing) -> None:
        """Replace the plan of a message of which nothing has left."""
        await self._engine.write(partial(self._replan, outgoing))

    def _replan(self, outgoing: Outgoing, connection: sqlite3.Connection) -> None:
        id, plan = outgoing.message.id, outgoing.plan
        row = connection.execute("SELECT conversation FROM messages WHERE id = ?", (id,)).fetchone()
        removed = connection.execute(
            "DELETE FROM outbox WHERE message = ? AND kind = 'step' RETURNING rank", (id,)
        ).fetchall()
        connection.execute(
            "UPDATE messages SET losses = ?, reply_map = ?, planned = ? WHERE id = ?",
            (pack(list(plan.losses)), pack(plan.reply_map), outgoing.planned, id),
        )
        conversation = load(connection, row[0]) or outgoing.conversation
        _add_steps(connection, outgoing, conversation, id, removed[0][0])

    async def record(self, seq: int, record: bytes, item: Step | Gesture | None = None) -> None:
        """Keep the answers so far, and the request in flight; with the first, fix what is asked for."""
        data = pack(item) if item else None
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE outbox SET record = ?, data = coalesce(?, data), frozen = 1 WHERE seq = ?",
                (record, data, seq),
            )
        )

    async def thaw(self, seq: int) -> None:
        """Forget a record in which nothing has left: the item may be planned anew."""
        await self._engine.write(
            lambda c: c.execute("UPDATE outbox SET record = NULL, frozen = 0 WHERE seq = ?", (seq,))
        )

    async def settle(self, lane: Lane, settled: Settled, now: dt.datetime) -> tuple[list[Entry], Lane | None]:
        """Write down what became of an item; give its events, and the next item of the conversation."""
        return await self._engine.write(partial(self._settle, lane, settled, now))

    def _settle(
        self, lane: Lane, settled: Settled, now: dt.datetime, connection: sqlite3.Connection
    ) -> tuple[list[Entry], Lane | None]:
        item, at = lane.item, now.timestamp()
        key = lane.conversation.key
        if settled.state in {"retry", "held"}:
            _again(connection, lane, settled, at)
            return [], None
        error = msgspec.json.encode(settled.failure) if settled.failure else None
        connection.execute(
            "UPDATE outbox SET state = ?, error = ? WHERE seq = ? AND state = 'queued'",
            (settled.state, error, item.seq),
        )
        connection.execute(
            "DELETE FROM holds WHERE account = ? AND ? = 'sent'", (lane.account, settled.state)
        )
        entries = self._facts(connection, lane, settled, now) if item.kind == "step" else []
        following = _lane(connection, key, lane.account, at)
        return entries, following

    def _facts(
        self, connection: sqlite3.Connection, lane: Lane, settled: Settled, now: dt.datetime
    ) -> list[Entry]:
        item = lane.item
        known = Known(item.message, item.step)
        if settled.state == "sent" and settled.sent:
            return self._accepted(connection, lane, settled, now)
        if settled.state == "unknown":
            connection.execute(
                "UPDATE outbox SET state = 'blocked' WHERE message = ? AND state = 'queued'", (item.message,)
            )
            _park_step(connection, lane, settled, now.timestamp())
            return self._tell(connection, lane, known, None, settled.failure, now)
        rest = connection.execute(
            "UPDATE outbox SET state = 'canceled' WHERE message = ? AND state = 'queued' RETURNING step",
            (item.message,),
        ).fetchall()
        fact: Fact = settled.state if settled.state in {"expired", "canceled"} else "failed"
        entries = self._tell(connection, lane, known, fact, settled.failure, now)
        for row in rest:
            entries += self._tell(
                connection, lane, Known(item.message, row[0]), "canceled", settled.failure, now
            )
        return entries

    def _accepted(
        self, connection: sqlite3.Connection, lane: Lane, settled: Settled, now: dt.datetime
    ) -> list[Entry]:
        item, sent, at = lane.item, settled.sent, now.timestamp()
        assert sent is not None
        known = Known(item.message, item.step)
        for part, external in sent.ids.items() or ({"": sent.id} if sent.id else {}).items():
            name(connection, lane.account, external, known, part, at)
        if sent.context:
            remember(connection, lane.conversation.key, sent.context)
        if sent.address:
            alias(connection, lane.account, sent.address, lane.conversation.key)
        if item.last:
            replies.open(connection, item.message, lane.conversation.key, at)
        entries = self._tell(connection, lane, known, "submitted", None, now)
        for external in {sent.id, *sent.ids.values()} - {""}:
            late = connection.execute(
                "DELETE FROM waiting WHERE account = ? AND external = ? RETURNING data",
                (lane.account, external),
            ).fetchall()
            for row in late:
                entries += self._journal.place(connection, unpack(row[0]), now, None)
        return entries

    def _tell(
        self, connection: sqlite3.Connection, lane: Lane, known: Known, fact: Fact | None,
        failure: Failure | None, now: dt.datetime,
    ) -> list[Entry]:  # fmt: skip
        """Make the event of a fact that we know ourselves (none: the outcome is not known)."""
        row = connection.execute(
            "SELECT data, losses FROM messages WHERE id = ?", (known.message,)
        ).fetchone()
        message = unpack_as(Message, row["data"])
        event = MessageStatus(
            account=lane.account,
            conversation=lane.conversation,
            time=now,
            target=Ref(id=known.message, external=_external(connection, known)),
            fact=fact or "submitted",
            step=known.step,
            error=failure,
            metadata=message.metadata,
            losses=tuple(msgspec.json.decode(row["losses"])),
        )
        if fact and not add_fact(connection, known, event, now.timestamp()):
            return []
        return [self._journal.insert(connection, event, now, None)] if fact else []

    async def hold(self, account: str, until: dt.datetime, failure: Failure) -> int:
        """Hold an account's outbox; give how often it was held in a row."""
        return await self._engine.write(
            lambda c: c.execute(
                "INSERT INTO holds (account, until, error) VALUES (?1, ?2, ?3) ON CONFLICT"
                " (account) DO UPDATE"
                " SET until = ?2, error = ?3, attempt = attempt + 1 RETURNING attempt",
                (account, until.timestamp(), msgspec.json.encode(failure)),
            ).fetchone()[0]
        )

    async def holds(self) -> dict[str, tuple[int, Failure]]:
        """The held accounts: how often in a row, and why."""
        rows = await self._engine.read(lambda c: c.execute("SELECT * FROM holds").fetchall())
        return {r["account"]: (r["attempt"], msgspec.json.decode(r["error"], type=Failure)) for r in rows}

    async def release(self, account: str, now: dt.datetime) -> None:
        """Let a held account send again."""
        await self._engine.write(partial(_release, account, now.timestamp()))

    async def resolve_unknown(
        self, message: str, step: int, outcome: Literal["sent", "again", "drop"]
    ) -> bool:
        """Settle an unknown outcome by a person's word; False if there is none."""
        return await self._engine.write(partial(_resolve, Known(message, step), outcome))

    async def consent(self, conversation: str) -> dict[str, bool]:
        """What the contact agreed to, by scope."""
        row = await self._engine.read(
            lambda c: c.execute("SELECT consent FROM conversations WHERE key = ?", (conversation,)).fetchone()
        )
        return msgspec.json.decode(row[0], type=dict[str, bool]) if row and row[0] else {}

    async def find_conversation(self, wanted: Conversation) -> Conversation:
        """Find the conversation that an address leads to, following aliases; as it is, if there is none."""
        return await self._engine.read(lambda c: known(c, wanted) or wanted)

    async def progress(self, message: str) -> Progress | None:
        """Say how a message stands; None if there is none."""
        return await self._engine.read(partial(_progress, message))

    async def find(self, account: str, key: str) -> str | None:
        """Find a message by its idempotency key."""
        row = await self._engine.read(
            lambda c: c.execute(
                "SELECT id FROM messages WHERE account = ? AND key = ?", (account, key)
            ).fetchone()
        )
        return row[0] if row else None

    async def steps(self, message: str) -> list[Step]:
        """The steps of a message, as they went out."""
        rows = await self._engine.read(
            lambda c: c.execute(
                "SELECT data FROM outbox WHERE message = ? AND kind = 'step' ORDER BY step", (message,)
            ).fetchall()
        )
        return [unpack_as(Step, row[0]) for row in rows]

    async def list(self, state: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """List items of the outbox, the oldest first."""
        sql = (
            "SELECT message, step, kind, state, attempt, account, conversation, error FROM outbox"
            " WHERE (?1 = '' AND state <> 'sent') OR state = ?1 ORDER BY seq LIMIT ?2"
        )
        rows = await self._engine.read(lambda c: c.execute(sql, (state, limit)).fetchall())
        return [_listed(row) for row in rows]

    async def drop(self, message: str) -> int:
        """Cancel what has not left of a message; give how many steps."""
        return await self._engine.write(
            lambda c: (
                c.execute(
                    "UPDATE outbox SET state = 'canceled' WHERE message = ? AND state IN"
                    " ('queued', 'blocked')",
                    (message,),
                ).rowcount
            )
        )

    async def queued(self) -> int:
        """Count what is queued."""
        return await self._engine.read(
            lambda c: c.execute("SELECT count(*) FROM outbox WHERE state = 'queued'").fetchone()[0]
        )


def fingerprint(message: Message) -> bytes:
    """Mark the content of a message, whatever its ids are."""
    return hashlib.blake2b(pack(message.replace(id="", conversation="")), digest_size=16).digest()


def pack(value: Any) -> bytes:
    """Write a document of the store."""
    if value is None:
        return b"null"
    return msgspec.json.encode(
        [to_wire(each) for each in value] if isinstance(value, list) else to_wire(value)
    )


def unpack_as(type: Any, data: bytes) -> Any:
    """Read a document of the store."""
    return from_wire(type, msgspec.json.decode(data))


def _next_rank(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    return row[0] + 1 if row else 1


def _add_steps(
    connection: sqlite3.Connection, outgoing: Outgoing, conversation: Conversation, id: str, rank: int
) -> None:
    for index, step in enumerate(outgoing.plan.steps):
        kept = step.replace(key=step_key(id, index), message=id, to=conversation, index=index)
        connection.execute(
            "INSERT INTO outbox (conversation, account, kind, message, step, rank, state, data)"
            " VALUES (?, ?, 'step', ?, ?, ?, 'queued', ?)",
            (conversation.key, conversation.account, id, index, rank, pack(kept)),
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
    row = connection.execute("SELECT data FROM events WHERE id = ?", (ref.id,)).fetchone()
    message = getattr(decode_event(row[0]), "message", None) if row else None
    return ref.replace(external=message.external[0].id) if message and message.external else ref


def _external(connection: sqlite3.Connection, known: Known) -> str:
    row = connection.execute(
        "SELECT external FROM externals WHERE message = ? AND step = ?", known
    ).fetchone()
    return row[0] if row else ""


def _queue(connection: sqlite3.Connection, conversation: Conversation, due: float) -> None:
    connection.execute(
        "INSERT INTO sending (conversation, account, due) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (conversation) DO UPDATE SET due = min(due, ?3) WHERE owner = ''",
        (conversation.key, conversation.account, due),
    )


def _lane(connection: sqlite3.Connection, key: str, account: str, now: float) -> Lane | None:
    """Give the next item of a held conversation; if there is none, give the conversation back."""
    row = connection.execute(QUEUE, (key,)).fetchone()
    if row is None:
        connection.execute("DELETE FROM sending WHERE conversation = ?", (key,))
        return None
    place = connection.execute("SELECT * FROM conversations WHERE key = ?", (key,)).fetchone()
    conversation = load(connection, key)
    assert conversation is not None
    last = connection.execute(
        "SELECT max(step) FROM outbox WHERE message = ? AND kind = 'step'", (row["message"],)
    ).fetchone()[0]
    planned = connection.execute("SELECT planned FROM messages WHERE id = ?", (row["message"],)).fetchone()
    item: Step | Gesture = unpack_as(Step if row["kind"] == "step" else Gesture, row["data"])
    if not row["frozen"]:
        item = _refer(connection, item.replace(context=context_of(place, now), to=conversation))
    queued = Queued(
        seq=row["seq"], kind=row["kind"], message=row["message"], step=row["step"], attempt=row["attempt"],
        item=item, frozen=bool(row["frozen"]), record=row["record"] or b"",
        planned=planned[0] if planned else "", last=row["step"] == last,
    )  # fmt: skip
    return Lane(account, conversation, queued, now)


def _refer(connection: sqlite3.Connection, item: Step | Gesture) -> Step | Gesture:
    """Add the provider's ids of the messages that an item names."""
    if isinstance(item, Gesture):
        return item.replace(target=_target(connection, item.to.account, item.target))
    return item.replace(
        reply_to=_target(connection, item.to.account, item.reply_to),
        replaces=_target(connection, item.to.account, item.replaces),
    )


def _again(connection: sqlite3.Connection, lane: Lane, settled: Settled, now: float) -> None:
    tries = 1 if settled.state == "retry" else 0  # a held account is no fault of the message
    connection.execute(
        "UPDATE outbox SET attempt = attempt + ?, error = ? WHERE seq = ?",
        (tries, msgspec.json.encode(settled.failure) if settled.failure else None, lane.item.seq),
    )
    due = settled.due.timestamp() if settled.due else now
    connection.execute(
        "UPDATE sending SET owner = '', until = 0, due = ? WHERE conversation = ?",
        (due, lane.conversation.key),
    )


def _release(account: str, now: float, connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM holds WHERE account = ?", (account,))
    connection.execute("UPDATE sending SET due = ? WHERE account = ? AND owner = ''", (now, account))


def _park_step(connection: sqlite3.Connection, lane: Lane, settled: Settled, now: float) -> None:
    failure = settled.failure
    connection.execute(
        "INSERT INTO parked (kind, ref, conversation, at, error) VALUES ('step', ?, ?, ?, ?)",
        (step_key(lane.item.message, lane.item.step), lane.conversation.key, now,
         f"{failure.code}: {failure.detail}" if failure else ""),
    )  # fmt: skip


def _resolve(known: Known, outcome: str, connection: sqlite3.Connection) -> bool:
    row = connection.execute(
        "SELECT seq FROM outbox WHERE message = ? AND step = ? AND state = 'unknown'", known
    ).fetchone()
    if row is None:
        return False
    if outcome == "again":
        connection.execute("UPDATE outbox SET record = NULL WHERE seq = ?", (row[0],))
        settle_unknown(connection, known, "queued")
        connection.execute(
            "UPDATE outbox SET state = 'queued' WHERE message = ? AND state = 'canceled'", (known.message,)
        )
    else:
        settle_unknown(connection, known, "sent" if outcome == "sent" else "canceled")
    connection.execute("DELETE FROM parked WHERE kind = 'step' AND ref = ?", (step_key(*known),))
    return True


def _progress(message: str, connection: sqlite3.Connection) -> Progress | None:
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


def _listed(row: sqlite3.Row) -> dict[str, Any]:
    listed = dict(row)
    listed["error"] = msgspec.json.decode(row["error"]) if row["error"] else None
    return listed
