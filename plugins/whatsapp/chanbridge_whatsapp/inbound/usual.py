"""The usual body, of messages and statuses only: decoded once, its items left raw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.inbound import wire
from chanbridge_whatsapp.inbound.messages import message_events
from chanbridge_whatsapp.inbound.scope import BACKFILL, Scope, scope_of
from chanbridge_whatsapp.inbound.statuses import status_event

ReadItem = Callable[[Scope, cb.Raw], Any]
_Raw = cb.Raw  # bound once: `chanbridge` is lazy, and slow to ask each time
OBJECT = "whatsapp_business_account"
_FIELDS = frozenset({"messages", "calls", BACKFILL})
_PATH = "entry[%d].changes[%d].value.%s[]"


def usual_events(body: wire.Body) -> Iterator[Any] | None:
    """Give the events of a usual body; None: it is another."""
    if body.object != OBJECT:
        return None
    found: list[Any] = []
    try:
        for entry in body.entry:
            for change in entry.changes:
                value = change.value
                if change.field not in _FIELDS or not (value.messages or value.statuses):
                    return None
                scope = scope_of(entry.id, change.field, value.metadata, value.contacts)
                for item in value.messages:
                    found += message_events(scope, _Raw(body=str(item, "utf-8")))
                for item in value.statuses:
                    found.append(status_event(scope, _Raw(body=str(item, "utf-8"))))
            if not entry.changes:
                return None
    except Exception:  # an item fails: one by one, so that it takes no other with it
        return _one_by_one(body) if _is_usual(body) else None
    return iter(found)


def _is_usual(body: wire.Body) -> bool:
    """Say whether a body holds nothing but messages and statuses."""
    changes = [change for entry in body.entry for change in entry.changes]
    told = all(
        change.field in _FIELDS and (change.value.messages or change.value.statuses) for change in changes
    )
    return told and body.object == OBJECT and all(entry.changes for entry in body.entry)


def _one_by_one(body: wire.Body) -> Iterator[Any]:
    for number, entry in enumerate(body.entry):
        for place, change in enumerate(entry.changes):
            value = change.value
            scope = scope_of(entry.id, change.field, value.metadata, value.contacts)
            path = _PATH % (number, place, "messages")
            yield from each_item(value.messages, message_events, scope, path)
            path = _PATH % (number, place, "statuses")
            yield from each_item(value.statuses, status_event, scope, path)


def each_item(items: list[msgspec.Raw], read: ReadItem, scope: Scope, path: str) -> Iterator[Any]:
    """Give the events of items of one scope, whatever the others of them hold."""
    return cb.each(map(_raw, items), partial(read, scope), account_id=scope.account_id, path=path)


def _raw(item: msgspec.Raw) -> cb.Raw:
    try:
        return _Raw(body=str(item, "utf-8"))
    except UnicodeDecodeError:
        return cb.Raw.of(bytes(item))
