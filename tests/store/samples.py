"""What the tests of the stores put in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import chanbridge as cb
from chanbridge.channel import Sent
from chanbridge.model.ids import new_id
from chanbridge.store.base import Arrival, Lane, Outgoing, Settled
from chanbridge.transcode.plan import Option, Plan, ReplyMap, Step
from tests.channels import ADA, NOW

LEASE_S = 60


def at(seconds: float) -> dt.datetime:
    """A time so long after the beginning."""
    return NOW + dt.timedelta(seconds=seconds)


def said(text: str = "Hello", id: str = "msg-TEST-1", sender: str = ADA, **fields: Any) -> cb.MessageReceived:
    """A text of Ada's, to the account ``main``."""
    fields = {"account": "main", "time": NOW, **fields}
    identities = fields.pop("identities", ())
    contact = cb.Contact(address=f"pigeon:{sender}", identities=identities)
    return cb.MessageReceived.text(text, sender=contact, provider_id=id, **fields)


def status(fact: cb.Fact, external: str = "out-TEST-1", **fields: Any) -> cb.MessageStatus:
    ref = cb.Ref(id=fields.pop("key", ""), external=external)
    return cb.MessageStatus(target=ref, fact=fact, **{"account": "main", "time": NOW, **fields})


async def bring(store: Any, *events: cb.Event, now: dt.datetime = NOW, **arrival: Any) -> list[cb.Event]:
    """Put events into the journal; give the new ones."""
    stored = await store.journal.append(Arrival(account="main", at=now, events=list(events), **arrival))
    return [entry.event for entry in stored.entries]


def outgoing(
    *texts: str, to: str = ADA, now: dt.datetime = NOW, menu: bool = False, **fields: Any
) -> Outgoing:
    """A message of a step a text."""
    first_wins = fields.pop("first_wins", False)
    id = new_id()
    fields = {"idempotency_key": id, **fields}
    message = cb.Message(
        id=id, account="main", channel="pigeon", direction="out",
        parts=tuple(cb.Text(text=text) for text in texts), **fields,
    )  # fmt: skip
    options = (
        Option(action_id="a1", label="Yes", marker="1"),
        Option(action_id="a2", label="No", marker="2"),
    )
    plan = Plan(
        steps=tuple(Step(parts=(cb.Text(text=text),)) for text in texts),
        reply_map=ReplyMap(entries=options) if menu else None,
    )
    return Outgoing(
        message=message, plan=plan, planned="direct open", at=now, first_wins=first_wins,
        conversation=cb.Conversation(address=f"pigeon:{to}", account="main"),
    )  # fmt: skip


async def lease(store: Any, owner: str = "a", now: dt.datetime = NOW, limit: int = 10) -> list[Lane]:
    lanes: list[Lane] = await store.outbox.lease(owner, now, now + dt.timedelta(seconds=LEASE_S), limit)
    return lanes


def accepted(external: str = "out-TEST-1") -> Settled:
    return Settled(state="sent", sent=Sent(external))


def failed(code: cb.ErrorCode = "recipient_invalid", state: Any = "failed", **fields: Any) -> Settled:
    return Settled(state=state, failure=cb.Failure.of(code), **fields)


async def states(store: Any, id: str) -> list[str]:
    progress = await store.outbox.progress(id)
    return list(progress.states)


async def facts(store: Any, id: str) -> list[set[str]]:
    progress = await store.outbox.progress(id)
    return list(progress.facts)


def words(lane: Lane) -> str:
    assert isinstance(lane.item.item, Step)
    return lane.item.item.text


async def sweep_all(store, now):
    """Look through all dedupe keys: a sweep begins anywhere, and ends at the last key."""
    for _ in range(2):
        await store.journal.sweep(now, 10**6)
