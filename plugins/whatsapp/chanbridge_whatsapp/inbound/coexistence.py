"""A number that is shared with the WhatsApp Business app: its history and its address book."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct

import chanbridge as cb
from chanbridge_whatsapp.errors import failure, problem_of
from chanbridge_whatsapp.inbound.messages import message_events
from chanbridge_whatsapp.inbound.said import Events
from chanbridge_whatsapp.inbound.scope import Scope, moment
from chanbridge_whatsapp.inbound.wire import Stamp


class Thread(Struct, frozen=True):
    id: str = ""
    messages: list[Raw] = []


class Chunk(Struct, frozen=True):
    metadata: dict[str, Any] | None = None
    threads: list[Raw] = []
    errors: list[Any] | None = None


class SyncTime(Struct, frozen=True):
    timestamp: Stamp = None


class Synced(Struct, frozen=True):
    type: str = ""
    action: str = ""
    contact: dict[str, Any] | None = None
    metadata: SyncTime | None = None


_chunk = msgspec.json.Decoder(Chunk)
_thread = msgspec.json.Decoder(Thread)
_synced = msgspec.json.Decoder(Synced)


def history_events(scope: Scope, raw: cb.Raw) -> Iterator[Any]:
    """Give the old messages of one chunk of a history, and how far it has come."""
    chunk = _chunk.decode(raw.body or raw.content)
    for error in chunk.errors or []:
        problem = failure(problem_of(error))
        yield cb.AccountStatus(topic="history", status="failed", error=problem, account_id=scope.account_id)
    read = partial(_thread_events, scope)
    yield from cb.each(chunk.threads, read, account_id=scope.account_id, path="history.threads[]")
    if chunk.metadata:
        progress = str(chunk.metadata.get("progress", ""))
        yield cb.AccountStatus(
            topic="history", status=progress, detail=chunk.metadata, account_id=scope.account_id
        )


def _thread_events(scope: Scope, raw: Raw) -> Iterator[Any]:
    thread = _thread.decode(raw)
    items = (cb.Raw.of(bytes(item)) for item in thread.messages)
    read = partial(_old, scope, thread.id)
    return cb.each(items, read, account_id=scope.account_id, path="history.threads.messages[]")


def _old(scope: Scope, other: str, raw: cb.Raw) -> Events:
    """Give the events of an old message; one of ours may leave out whom it went to."""
    return [
        event
        if event.conversation
        else event.replace(conversation=scope.conversation(scope.contact(other, None)))
        for event in message_events(scope, raw)
    ]


def sync_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of a change in the phone's address book, which has no uniform kind."""
    synced = _synced.decode(raw.body or raw.content)
    person = synced.contact or {}
    number, user_id = (
        known if isinstance(known := person.get(name), str) else None for name in ("phone_number", "user_id")
    )
    contact = scope.contact(number, user_id)
    return cb.ProviderEvent(
        provider_type=f"{scope.field}.{synced.type}.{synced.action}",
        data=person,
        conversation=scope.conversation(contact),
        account_id=scope.account_id,
        time=moment(synced.metadata.timestamp) if synced.metadata else None,
        passive="backfill",
        raw=raw,
    )
