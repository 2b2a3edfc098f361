"""The envelope of a webhook: entries, changes, values, items.

The usual body is `usual`'s. Any other is read level by level, so that what is malformed or unknown
at one place takes nothing else with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.errors import failure, problem_of
from chanbridge_whatsapp.inbound import wire
from chanbridge_whatsapp.inbound.account import account_event
from chanbridge_whatsapp.inbound.calls import call_event
from chanbridge_whatsapp.inbound.coexistence import history_events, sync_event
from chanbridge_whatsapp.inbound.groups import group_events
from chanbridge_whatsapp.inbound.messages import echo_events, message_events
from chanbridge_whatsapp.inbound.scope import Scope, moment, scope_of
from chanbridge_whatsapp.inbound.statuses import status_event
from chanbridge_whatsapp.inbound.threads import (
    click_event,
    handover_event,
    preference_event,
    standby_echo,
    user_id_event,
)
from chanbridge_whatsapp.inbound.usual import OBJECT, ReadItem, each_item, usual_events

ReadPlaced = Callable[[str, msgspec.Raw], Any]
_AROUND = frozenset({"messaging_product", "metadata", "contacts"})
_list_of_raw = msgspec.json.Decoder(list[msgspec.Raw])


def parse(content: bytes) -> Iterator[Any]:
    """Give every event of a webhook's body; what is no webhook at all is one `ProviderEvent`, too."""
    try:
        body = wire.read_body(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = cb.with_whole_characters(content)  # else half of an emoji would cost every message
        return _any_body(content) if mended == content else parse(mended)
    usual = usual_events(body)
    return _any_body(content) if usual is None else usual


def _any_body(content: bytes) -> Iterator[Any]:
    return cb.each([cb.Raw.of(content)], _whole, path="")


def _whole(raw: cb.Raw) -> Any:
    body: wire.AnyBody = cb.decode_json(raw.content, wire.AnyBody)
    if body.object != OBJECT:
        return cb.ProviderEvent(provider_type=body.object or "untyped")
    places = [(f"entry[{index}]", entry) for index, entry in enumerate(body.entry)]
    return _placed(places, _entry)


def _placed(
    items: Iterable[tuple[str, msgspec.Raw]], read: ReadPlaced, account_id: str = ""
) -> Iterator[Any]:
    """Parse items that hold others, each by a function that is told where it stands."""
    for path, item in items:
        yield from cb.each([item], partial(read, path), account_id=account_id, path=path)


def _entry(path: str, raw: msgspec.Raw) -> Any:
    entry = wire.read_any_entry(raw)
    if not entry.changes:
        return cb.ProviderEvent(provider_type="entry", account_id=entry.id, time=moment(entry.time))
    places = [(f"{path}.changes[{index}]", change) for index, change in enumerate(entry.changes)]
    return _placed(places, partial(_change, entry), entry.id)


def _change(entry: wire.AnyEntry, path: str, raw: msgspec.Raw) -> Any:
    change = wire.read_any_change(raw)
    base: dict[str, Any] = {"account_id": entry.id, "time": moment(entry.time)}
    try:
        value = wire.read_keys(change.value)
    except msgspec.ValidationError:  # no object: nothing that we know of
        return cb.ProviderEvent(provider_type=change.field, **base)
    scope = scope_of(entry.id, change.field, _metadata(value), _people(value))
    base["account_id"] = scope.account_id
    if change.field == "messaging_handovers":
        return handover_event(scope, cb.Raw.of(bytes(change.value)))
    data = msgspec.json.decode(change.value)
    whole = account_event(change.field, data, base)
    if whole is not None:
        return whole
    found = []
    if "metadata" in value or any(key in ITEMS for key in value):
        found = list(_keys(scope, entry, f"{path}.value", value))
    return found or cb.ProviderEvent(provider_type=change.field, data=data, **base)


def _keys(scope: Scope, entry: wire.AnyEntry, path: str, value: dict[str, msgspec.Raw]) -> Iterator[Any]:
    """Give the events of the keys of a value, each whatever the others hold."""
    for key, content in value.items():
        if key not in _AROUND:
            items = [(f"{path}.{key}", content)]
            yield from _placed(items, partial(_items, scope, entry, key), scope.account_id)


def _items(scope: Scope, entry: wire.AnyEntry, key: str, path: str, content: msgspec.Raw) -> Any:
    if key == "standby":
        return _standby(scope, entry, path, content)
    if key == "errors":
        return cb.each(_list_of_raw.decode(content), partial(_error, scope, entry), path=f"{path}[]")
    read = STANDBY_ITEMS.get(key) if scope.passive == "standby" else ITEMS.get(key)
    if read is not None:
        return each_item(_list_of_raw.decode(content), read, scope, f"{path}[]")
    if bytes(content) in (b"null", b"[]", b"{}"):
        return ()
    return cb.ProviderEvent(
        provider_type=f"{scope.field}.{key}",
        data=msgspec.json.decode(content),
        account_id=scope.account_id,
        conversation=scope.conversation(scope.contact(None, None)),
        time=moment(entry.time),
        passive=scope.passive,
    )


def _standby(scope: Scope, entry: wire.AnyEntry, path: str, content: msgspec.Raw) -> Iterator[Any]:
    """Give the events of a conversation that another application has."""
    value = wire.read_keys(content)
    inner = Scope(
        scope.account_id,
        field=scope.field,
        number=scope.number,
        people=_people(value) or scope.people,
        passive="standby",
    )
    return _keys(inner, entry, path, value)


def _error(scope: Scope, entry: wire.AnyEntry, raw: msgspec.Raw) -> cb.Event:
    problem = problem_of(msgspec.json.decode(raw))
    return cb.AccountStatus(
        topic="error",
        status=str(problem.code) if problem.code >= 0 else "",
        error=failure(problem),
        account_id=scope.account_id,
        time=moment(entry.time),
    )


def _metadata(value: dict[str, msgspec.Raw]) -> wire.Metadata:
    try:
        return msgspec.json.decode(value["metadata"], type=wire.Metadata)
    except (KeyError, msgspec.ValidationError):
        return wire.Metadata()


def _people(value: dict[str, msgspec.Raw]) -> list[wire.Person]:
    """Read who is named, as far as that can be read."""
    try:
        people = _list_of_raw.decode(value["contacts"])
    except (KeyError, msgspec.ValidationError):
        return []
    return [person for raw in people if (person := _person(raw)) is not None]


def _person(raw: msgspec.Raw) -> wire.Person | None:
    try:
        return msgspec.json.decode(raw, type=wire.Person)
    except msgspec.ValidationError:
        return None


ITEMS: dict[str, ReadItem] = {
    "messages": message_events,
    "message_echoes": echo_events,
    "statuses": status_event,
    "calls": call_event,
    "groups": group_events,
    "history": history_events,
    "state_sync": sync_event,
    "user_preferences": preference_event,
    "user_actions": click_event,
    "user_id_update": user_id_event,
}
STANDBY_ITEMS: dict[str, ReadItem] = {**ITEMS, "message_echoes": standby_echo}
