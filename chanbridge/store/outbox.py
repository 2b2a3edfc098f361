"""The outbox: what is to go out, in order within a conversation, each step once."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from chanbridge.channel import Gesture
from chanbridge.model.address import Conversation
from chanbridge.model.errors import Failure
from chanbridge.model.ids import new_id
from chanbridge.model.message import Message
from chanbridge.store import menus
from chanbridge.store.base import Entry, Lane, Outgoing, Progress, Settled
from chanbridge.store.documents import fingerprint, pack, unpack_as
from chanbridge.store.engine import Engine
from chanbridge.store.journal import Journal
from chanbridge.store.lanes import following, hasten, held, queue
from chanbridge.store.places import known, load, named, reached, resolve, where
from chanbridge.store.progress import listed, progress
from chanbridge.store.repeats import kept_already, repeated
from chanbridge.store.settling import Outcome, Settling
from chanbridge.store.targets import Known, step_key
from chanbridge.transcode.plan import Step

ONE_FOR_HELD = "UPDATE holds SET probe = ?, until = ?, since = ? WHERE account = ?"
_DUE = (
    "SELECT s.conversation, s.account, h.account FROM sending s LEFT JOIN holds h ON h.account = s.account"
    " WHERE s.due <= ?1 AND s.until <= ?1 AND (h.account IS NULL OR h.until <= ?1) ORDER BY s.due LIMIT ?2"
)
_TAKE = (
    "UPDATE sending SET owner = ?1, until = ?2, due = ?2, backoff = 0, turn = abs(random())"
    " WHERE conversation = ?3 RETURNING turn"
)
_RECORD = (  # only while it is ours to send: leased, and neither dropped nor planned anew
    "UPDATE outbox SET record = ?1, frozen = ?2 WHERE seq = ?3 AND state = 'queued' AND EXISTS"
    " (SELECT 1 FROM sending s WHERE s.conversation = outbox.conversation AND s.owner = ?4 AND s.turn = ?5)"
)


class Outbox:
    """The outbox on SQLite."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._settling = Settling(journal)

    async def add(self, outgoing: Outgoing) -> str:
        """Keep a message and its steps; give its id, or the id of what its key named already.

        Raise `ValidationError` if the key names another content or recipient, or the id another message.
        """
        return await self._engine.write(partial(self._add, outgoing))

    def _add(self, outgoing: Outgoing, connection: sqlite3.Connection) -> str:
        message, now = outgoing.message, outgoing.at.timestamp()
        mark = fingerprint(outgoing.asked or message)
        if kept := kept_already(connection, outgoing, mark):
            return kept
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
        menus.answered(connection, conversation.key)
        queue(connection, conversation, message.not_before.timestamp() if message.not_before else now, now)
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
        kept = gesture.replace(key=key, to=conversation.replace(address=""))
        connection.execute(
            "INSERT INTO outbox (conversation, account, kind, message, step, rank, state, data)"
            " VALUES (?, ?, 'gesture', ?, 0, ?, 'queued', ?)",
            (conversation.key, account, key, _next_rank(connection), pack(kept)),
        )
        queue(connection, conversation, now, now)
        return key

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Lane]:
        """Take up to ``limit`` conversations that have something to send."""
        return await self._engine.write(
            partial(self._lease, owner, now.timestamp(), until.timestamp(), limit)
        )

    def _lease(
        self, owner: str, now: float, until: float, limit: int, connection: sqlite3.Connection
    ) -> list[Lane]:
        lanes: list[Lane] = []
        held: set[str] = set()
        for key, account, hold in connection.execute(_DUE, (now, limit)).fetchall():
            if account in held:
                continue
            turn = connection.execute(_TAKE, (owner, until, key)).fetchall()[0][0]
            lane = following(connection, key, account, now, owner, turn)
            if lane is None:
                continue
            lanes.append(lane)
            if hold:
                connection.execute(ONE_FOR_HELD, (key, until, now, account))
                held.add(account)
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

    async def hasten(self, now: dt.datetime) -> None:
        """Bring near what a clock that was set back has put far away, by no more than that."""
        await self._engine.write(partial(hasten, now.timestamp()))

    async def give_back(self, owner: str) -> None:
        """Give back all that an owner holds: it stops."""
        await self._engine.write(
            lambda c: c.execute(
                "UPDATE sending SET owner = '', until = 0, due = backoff WHERE owner = ?", (owner,)
            )
        )

    async def replan(self, outgoing: Outgoing) -> bool:
        """Replace the plan of a message of which nothing has left; False if it has, or was dropped."""
        return await self._engine.write(partial(self._replan, outgoing))

    def _replan(self, outgoing: Outgoing, connection: sqlite3.Connection) -> bool:
        id, plan = outgoing.message.id, outgoing.plan
        begun = connection.execute(
            "SELECT 1 FROM outbox WHERE message = ? AND (state <> 'queued' OR frozen IS NOT NULL)", (id,)
        ).fetchone()
        if begun:
            return False
        connection.execute(
            "UPDATE messages SET losses = ?, reply_map = ?, planned = ? WHERE id = ?",
            (pack(list(plan.losses)), pack(plan.reply_map), outgoing.planned, id),
        )
        rank = connection.execute(
            "DELETE FROM outbox WHERE message = ? AND kind = 'step' RETURNING rank", (id,)
        ).fetchall()[0][0]
        key = connection.execute("SELECT conversation FROM messages WHERE id = ?", (id,)).fetchone()[0]
        _add_steps(connection, outgoing, load(connection, key) or outgoing.conversation, id, rank)
        return True

    async def record(self, lane: Lane, record: bytes, item: Step | Gesture) -> bool:
        """Keep the answers so far, the request in flight, and what is asked for, from now on the same.

        False: the item is no longer ours to send, and nothing was written.
        """
        row = (record, pack(item), lane.item.seq, lane.owner, lane.turn)
        return await self._engine.write(lambda c: c.execute(_RECORD, row).rowcount == 1)

    async def thaw(self, lane: Lane) -> bool:
        """Forget a record in which nothing has left: the item may be planned anew."""
        row = (None, None, lane.item.seq, lane.owner, lane.turn)
        return await self._engine.write(lambda c: c.execute(_RECORD, row).rowcount == 1)

    async def settle(self, lane: Lane, settled: Settled, now: dt.datetime) -> tuple[list[Entry], Lane | None]:
        """Write down what became of an item; give its events, and the next item of the conversation.

        Of a lane whose lease was lost only ``sent`` is written down.
        """
        return await self._engine.write(partial(self._settling.settle, lane, settled, now))

    async def next(self, lane: Lane, now: dt.datetime) -> Lane | None:
        """Go on with a conversation without an outcome: give its next item; None if it is no longer held."""
        return await self._engine.write(partial(_next, lane, now.timestamp()))

    async def hold(
        self, lane: Lane, failure: Failure, now: dt.datetime, wait_s: Callable[[int], float]
    ) -> int:
        """Hold an account's outbox; give how often in a row, or 0 if it was held already.

        ``wait_s`` says for that number how long; then one conversation tries whether it is mended.
        """
        return await self._engine.write(partial(_hold, lane, failure, now.timestamp(), wait_s))

    async def holds(self) -> dict[str, tuple[int, Failure]]:
        """The held accounts: how often in a row, and why."""
        rows = await self._engine.read(lambda c: c.execute("SELECT * FROM holds").fetchall())
        return {r["account"]: (r["attempt"], msgspec.json.decode(r["error"], type=Failure)) for r in rows}

    async def release(self, account: str, now: dt.datetime) -> None:
        """Let a held account send again."""
        await self._engine.write(partial(_release, account, now.timestamp()))

    async def resolve_unknown(self, message: str, step: int, outcome: Outcome, now: dt.datetime) -> bool:
        """Settle an unknown outcome by a person's word; False if there is none."""
        return await self._engine.write(partial(self._settling.resolve, Known(message, step), outcome, now))

    async def consent(self, conversation: str) -> dict[str, bool]:
        """What the contact agreed to, by scope."""
        row = await self._engine.read(
            lambda c: c.execute("SELECT consent FROM conversations WHERE key = ?", (conversation,)).fetchone()
        )
        return msgspec.json.decode(row[0], type=dict[str, bool]) if row and row[0] else {}

    async def repeated(self, message: Message, conversation: Conversation) -> str | None:
        """Give the id of the message kept under the same key; raise `ValidationError` if it is another."""
        mark = fingerprint(message)
        return await self._engine.read(lambda c: repeated(c, message, conversation, mark))

    async def find_conversation(self, wanted: Conversation, *, by_name: bool = False) -> Conversation:
        """Find the conversation that an address leads to or names; as it is, if there is none."""
        find = named if by_name else known
        return await self._engine.read(lambda c: find(c, wanted) or wanted)

    async def reached(self, conversation: Conversation) -> Conversation:
        """Give a conversation with the address that answers go to."""
        return await self._engine.read(lambda c: reached(c, conversation))

    async def find_key(self, key: str) -> str | None:
        """Find the key of the conversation that ACCOUNT/ID leads to, by any of its addresses."""
        return await self._engine.read(lambda c: resolve(c, key))

    async def progress(self, message: str) -> Progress | None:
        """Say how a message stands; None if there is none."""
        return await self._engine.read(partial(progress, message))

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
        return [listed(row) for row in rows]

    async def drop(self, message: str, now: dt.datetime) -> int:
        """Cancel what has not begun to leave of a message; give how many steps."""
        return await self._engine.write(partial(self._settling.drop, message, now))

    async def queued(self) -> int:
        """Count what is queued."""
        return await self._engine.read(
            lambda c: c.execute("SELECT count(*) FROM outbox WHERE state = 'queued'").fetchone()[0]
        )


def _next_rank(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    return row[0] + 1 if row else 1


def _add_steps(
    connection: sqlite3.Connection, outgoing: Outgoing, conversation: Conversation, id: str, rank: int
) -> None:
    due = outgoing.message.not_before.timestamp() if outgoing.message.not_before else 0.0
    for index, step in enumerate(outgoing.plan.steps):
        to = conversation.replace(address=outgoing.address)
        kept = step.replace(key=step_key(id, index), message=id, to=to, index=index)
        connection.execute(
            "INSERT INTO outbox (conversation, account, kind, message, step, rank, state, due, data)"
            " VALUES (?, ?, 'step', ?, ?, ?, 'queued', ?, ?)",
            (conversation.key, conversation.account, id, index, rank, due, pack(kept)),
        )


def _next(lane: Lane, now: float, connection: sqlite3.Connection) -> Lane | None:
    if not held(connection, lane):
        return None
    return following(connection, lane.conversation.key, lane.account, now, lane.owner, lane.turn)


def _hold(
    lane: Lane, failure: Failure, now: float, wait_s: Callable[[int], float], connection: sqlite3.Connection
) -> int:
    row = connection.execute("SELECT * FROM holds WHERE account = ?", (lane.account,)).fetchone()
    if row and row["until"] > now and row["probe"] != lane.conversation.key:
        return 0  # others were under way when it was found out
    attempt: int = row["attempt"] + 1 if row else 1
    connection.execute(
        "INSERT OR REPLACE INTO holds (account, until, since, attempt, probe, error)"
        " VALUES (?, ?, ?, ?, '', ?)",
        (lane.account, now + wait_s(attempt), now, attempt, msgspec.json.encode(failure)),
    )
    return attempt


def _release(account: str, now: float, connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM holds WHERE account = ?", (account,))
    connection.execute(
        "UPDATE sending SET due = ?1, since = ?1, backoff = 0 WHERE account = ?2 AND owner = ''",
        (now, account),
    )
