"""What becomes of a step: written down with its facts, the events that tell of them, and what follows."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Literal

import msgspec

from chanbridge.model.base import Ref
from chanbridge.model.errors import Failure
from chanbridge.model.events import ConsentChanged, Fact, MessageStatus
from chanbridge.model.message import Message
from chanbridge.store import menus
from chanbridge.store.base import Entry, Lane, Settled
from chanbridge.store.documents import unpack_as
from chanbridge.store.journal import Journal
from chanbridge.store.lanes import following, held
from chanbridge.store.places import alias, load, remember
from chanbridge.store.targets import Known, add_fact, name, settle_unknown, step_key
from chanbridge.store.written import unpack
from chanbridge.transcode.plan import Step

Outcome = Literal["sent", "again", "drop"]
_DROP = (  # not what may be under way: nobody knows what comes of that
    "UPDATE outbox SET state = 'canceled' WHERE message = ? AND (state = 'blocked' OR state = 'queued' AND"
    " NOT (frozen IS NOT NULL AND EXISTS (SELECT 1 FROM sending s"
    " WHERE s.conversation = outbox.conversation AND s.owner <> ''))) RETURNING step, kind"
)
_ACCEPTED = "UPDATE outbox SET state = 'sent', error = NULL WHERE seq = ? AND state = ?"


class Settling:
    """Settles steps and gestures, within a transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def settle(
        self, lane: Lane, settled: Settled, now: dt.datetime, connection: sqlite3.Connection
    ) -> tuple[list[Entry], Lane | None]:
        """Write down what became of an item; give its events, and the next item of the conversation.

        Whose lease was lost may only say that an item was sent: that is true whoever holds it now.
        """
        ours = held(connection, lane)
        if ours:
            _probed(connection, lane, settled, now.timestamp())
        if settled.state == "sent":
            entries = self._sent(connection, lane, settled, now)
        elif not ours:
            return [], None
        elif settled.state in {"retry", "held"}:
            _again(connection, lane, settled, now.timestamp())
            return [], None
        elif settled.state == "unknown":
            entries = []
            _unknown(connection, lane, settled.failure, now.timestamp())
        else:
            entries = self._ended(connection, lane, settled, now)
        if not ours:
            return entries, None
        return entries, following(
            connection, lane.conversation.key, lane.account, now.timestamp(), lane.owner, lane.turn
        )

    def _sent(
        self, connection: sqlite3.Connection, lane: Lane, settled: Settled, now: dt.datetime
    ) -> list[Entry]:
        item, sent, at = lane.item, settled.sent, now.timestamp()
        assert sent is not None
        if connection.execute(_ACCEPTED, (item.seq, "queued")).rowcount == 0:
            settle_unknown(connection, Known(item.message, item.step), "sent", at)
        if item.kind == "gesture":
            return []
        known = Known(item.message, item.step)
        for part, external in sent.ids.items() or ({"": sent.id} if sent.id else {}).items():
            name(connection, lane.account, external, known, part, at)
        if sent.context:
            remember(connection, lane.conversation.key, sent.context)
        if sent.address:
            alias(connection, lane.account, sent.address, lane.conversation.key)
        if item.last:
            menus.open(connection, item.message, lane.conversation.key, at)
        entries = self.tell(connection, known, "submitted", None, now)
        for external in {sent.id, *sent.ids.values()} - {""}:
            entries += self._late(connection, lane.account, external, now)
        return entries

    def _late(
        self, connection: sqlite3.Connection, account: str, external: str, now: dt.datetime
    ) -> list[Entry]:
        """Bring the statuses that have overtaken their send."""
        rows = connection.execute(
            "DELETE FROM waiting WHERE account = ? AND external = ? RETURNING data", (account, external)
        ).fetchall()
        return [
            entry for row in rows for entry in self._journal.place(connection, unpack(row[0], account), now)
        ]

    def _ended(
        self, connection: sqlite3.Connection, lane: Lane, settled: Settled, now: dt.datetime
    ) -> list[Entry]:
        """End an item for good, and with it what follows of its message."""
        item, failure = lane.item, settled.failure
        ended = connection.execute(
            "UPDATE outbox SET state = ?, error = ? WHERE seq = ? AND state = 'queued'",
            (settled.state, msgspec.json.encode(failure) if failure else None, item.seq),
        )
        if ended.rowcount == 0 or item.kind == "gesture":
            return []
        rest = connection.execute(
            "UPDATE outbox SET state = 'canceled' WHERE message = ? AND state = 'queued' RETURNING step",
            (item.message,),
        ).fetchall()
        fact: Fact = "expired" if settled.state == "expired" else "failed"
        entries = self.tell(connection, Known(item.message, item.step), fact, failure, now)
        entries += self._canceled(connection, item.message, [row[0] for row in rest], failure, now)
        return entries + self._opted_out(connection, lane, failure, now)

    def _opted_out(
        self, connection: sqlite3.Connection, lane: Lane, failure: Failure | None, now: dt.datetime
    ) -> list[Entry]:
        """Believe a provider that refuses because the contact does not want to be written to."""
        if failure is None or failure.code != "recipient_opted_out" or failure.provider is None:
            return []
        item = lane.item.item
        marketing = isinstance(item, Step) and item.category == "marketing"
        event = ConsentChanged(
            account=lane.account,
            conversation=lane.conversation,
            time=now,
            granted=False,
            scope="marketing" if marketing else "all",
            via="block",
            evidence=f"the provider refused with {failure.provider.code}",
        )
        return self._journal.place(connection, event, now)

    def _canceled(
        self, connection: sqlite3.Connection, message: str, steps: list[int], failure: Failure | None,
        now: dt.datetime,
    ) -> list[Entry]:  # fmt: skip
        return [
            entry
            for step in steps
            for entry in self.tell(connection, Known(message, step), "canceled", failure, now)
        ]

    def tell(
        self, connection: sqlite3.Connection, known: Known, fact: Fact, failure: Failure | None,
        now: dt.datetime,
    ) -> list[Entry]:  # fmt: skip
        """Add a fact that we know ourselves, and make its event if it is new."""
        row = connection.execute(
            "SELECT account, conversation, data, losses FROM messages WHERE id = ?", (known.message,)
        ).fetchone()
        event = MessageStatus(
            account=row["account"],
            conversation=load(connection, row["conversation"]),
            time=now,
            target=Ref(id=known.message, external=_external(connection, known)),
            fact=fact,
            step=known.step,
            error=failure,
            metadata=unpack_as(Message, row["data"]).metadata,
            losses=tuple(msgspec.json.decode(row["losses"])),
        )
        if not add_fact(connection, known, event, now.timestamp()):
            return []
        return [self._journal.insert(connection, event, now)]

    def resolve(
        self, known: Known, outcome: Outcome, now: dt.datetime, connection: sqlite3.Connection
    ) -> bool:
        """End an unknown outcome by a person's word; False if there is none."""
        row = connection.execute(
            "SELECT kind FROM outbox WHERE message = ? AND step = ? AND state = 'unknown'", known
        ).fetchone()
        if row is None:
            return False
        if outcome == "again":
            connection.execute(
                "UPDATE outbox SET record = NULL, frozen = NULL, attempt = 0 WHERE message = ? AND step = ?",
                known,
            )
            settle_unknown(connection, known, "queued", now.timestamp())
            return True
        state: Literal["sent", "canceled"] = "sent" if outcome == "sent" else "canceled"
        rest = settle_unknown(connection, known, state, now.timestamp())
        if row["kind"] == "step":
            fact: Fact = "submitted" if outcome == "sent" else "canceled"
            self.tell(connection, known, fact, None, now)
            self._canceled(connection, known.message, rest, None, now)
        return True

    def drop(self, message: str, now: dt.datetime, connection: sqlite3.Connection) -> int:
        """Cancel what has not begun to leave of a message; give how many steps."""
        rows = connection.execute(_DROP, (message,)).fetchall()
        self._canceled(connection, message, [row[0] for row in rows if row["kind"] == "step"], None, now)
        return len(rows)


def _unknown(connection: sqlite3.Connection, lane: Lane, failure: Failure | None, now: float) -> None:
    """Leave an item whose outcome nobody knows to a person, unless a status has told it meanwhile."""
    item = lane.item
    told = connection.execute(
        "SELECT 1 FROM facts WHERE message = ? AND step = ? LIMIT 1", (item.message, item.step)
    ).fetchone()
    if told:
        connection.execute(_ACCEPTED, (item.seq, "queued"))
        menus.open_if_last(connection, item.message, item.step, now)
        return
    connection.execute(
        "UPDATE outbox SET state = 'unknown', error = ? WHERE seq = ? AND state = 'queued'",
        (msgspec.json.encode(failure) if failure else None, item.seq),
    )
    connection.execute(
        "UPDATE outbox SET state = 'blocked' WHERE message = ? AND state = 'queued'", (item.message,)
    )
    connection.execute(
        "INSERT OR REPLACE INTO parked (kind, ref, conversation, at, error) VALUES ('step', ?, ?, ?, ?)",
        (step_key(item.message, item.step), lane.conversation.key, now,
         f"{failure.code}: {failure.detail}" if failure else ""),
    )  # fmt: skip


def _probed(connection: sqlite3.Connection, lane: Lane, settled: Settled, now: float) -> None:
    """Where this was the trial of a held account: release it, or let another conversation try."""
    place = (lane.account, lane.conversation.key)
    if settled.state == "sent":
        connection.execute("DELETE FROM holds WHERE account = ? AND probe = ?", place)
    else:
        due = settled.due.timestamp() if settled.due else now
        connection.execute(
            "UPDATE holds SET probe = '', until = ?, since = ? WHERE account = ? AND probe = ?",
            (due, now, *place),
        )


def _again(connection: sqlite3.Connection, lane: Lane, settled: Settled, now: float) -> None:
    tries = 1 if settled.state == "retry" else 0  # a held account is no fault of the message
    connection.execute(
        "UPDATE outbox SET attempt = attempt + ?, error = ? WHERE seq = ?",
        (tries, msgspec.json.encode(settled.failure) if settled.failure else None, lane.item.seq),
    )
    due = settled.due.timestamp() if settled.due else now
    connection.execute(
        "UPDATE sending SET owner = '', until = 0, due = ?1, backoff = ?1, since = ?2"
        " WHERE conversation = ?3",
        (due, now, lane.conversation.key),
    )


def _external(connection: sqlite3.Connection, known: Known) -> str:
    row = connection.execute(
        "SELECT external FROM externals WHERE message = ? AND step = ?", known
    ).fetchone()
    return row[0] if row else ""
