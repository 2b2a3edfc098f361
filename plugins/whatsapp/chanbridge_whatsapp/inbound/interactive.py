"""Taps, forms and permissions: what a contact answers to something interactive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

import chanbridge as cb
from chanbridge_whatsapp.inbound.said import Events, fields, message, source, unknown
from chanbridge_whatsapp.inbound.scope import Scope, moment
from chanbridge_whatsapp.inbound.wire import Interactive, Item


def interactive(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    """Give the event of an ``interactive`` message; its type is an open list."""
    answer = item.interactive
    if answer is None:
        raise cb.PayloadError("interactive: the message has no such object")
    read = READERS.get(answer.type)
    if read is None:
        return [unknown(scope, item, raw, sender, f"interactive.{answer.type or 'untyped'}")]
    event = read(scope, item, answer, fields(scope, item, raw, sender), sender)
    if event is None:
        raise cb.PayloadError(f"{answer.type}: the answer has no such object, or nothing in it")
    return [event]


def button(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    """Give the event of a template's quick reply, whose payload is its label where none was sent."""
    tapped = item.button
    if tapped is None or not (tapped.text or tapped.payload):
        raise cb.PayloadError("button: the message has no such object, or nothing in it")
    label = tapped.text or ""
    return [_tap(item, tapped.payload or label, label, fields(scope, item, raw, sender), sender)]


def _tap(item: Item, wire_id: str, label: str, base: dict[str, Any], sender: cb.Contact | None) -> cb.Event:
    return cb.InteractionReceived(
        action_id=wire_id,
        payload=wire_id,
        label=label,
        source=source(item.context),
        sender=sender,
        message=message(item, sender, (cb.Text(text=label),)),
        **base,
    )


def _reply(
    scope: Scope, item: Item, answer: Interactive, base: dict[str, Any], sender: cb.Contact | None
) -> cb.Event | None:
    reply = answer.button_reply or answer.list_reply
    return _tap(item, reply.id, reply.title or "", base, sender) if reply else None


def _form(
    scope: Scope, item: Item, answer: Interactive, base: dict[str, Any], sender: cb.Contact | None
) -> cb.Event | None:
    reply = answer.nfm_reply
    if reply is None or reply.response_json is None:
        return None
    answers = _object(reply.response_json)
    unreadable = "" if answers is not None else str(reply.response_json or "")
    token = str((answers or {}).get("flow_token") or "")
    return cb.FormSubmitted(
        form=token or reply.name or "",
        answers=answers or {},
        body=unreadable,
        source=source(item.context),
        sender=sender,
        **base,
    )


def _object(response: object) -> dict[str, Any] | None:
    """Read the answers of a form: JSON within JSON, which may be broken or no object."""
    if isinstance(response, dict):
        return response
    try:
        decoded = msgspec.json.decode(response) if isinstance(response, str) else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _permission(
    scope: Scope, item: Item, answer: Interactive, base: dict[str, Any], sender: cb.Contact | None
) -> cb.Event | None:
    reply = answer.call_permission_reply
    if reply is None or not reply.response:
        return None
    return cb.ConsentChanged(
        granted=reply.response == "accept",
        scope="calls",
        via="ui",
        evidence=reply.response_source or "",
        expires_at=moment(reply.expiration_timestamp),
        **base,
    )


Reader = Callable[[Scope, Item, Interactive, dict[str, Any], "cb.Contact | None"], "cb.Event | None"]
READERS: dict[str, Reader] = {
    "button_reply": _reply,
    "list_reply": _reply,
    "nfm_reply": _form,
    "call_permission_reply": _permission,
}
