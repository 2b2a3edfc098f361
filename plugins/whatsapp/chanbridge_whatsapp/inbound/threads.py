"""What concerns a conversation and is no message: preferences, hand-overs, link clicks, new ids."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

import chanbridge as cb
from chanbridge_whatsapp.identity import identities
from chanbridge_whatsapp.inbound import wire
from chanbridge_whatsapp.inbound.content import parts_of
from chanbridge_whatsapp.inbound.said import Events, echoed
from chanbridge_whatsapp.inbound.scope import Scope, moment
from chanbridge_whatsapp.inbound.wire import Stamp


class Preference(Struct, frozen=True):
    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    detail: str | None = None
    category: str | None = None
    value: str = ""
    signup_id: str | None = None
    timestamp: Stamp = None


class Party(Struct, frozen=True):
    phone_number: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    phone_number_id: str | None = None


class Handover(Struct, frozen=True):
    type: str
    sender: Party | None = None
    recipient: Party | None = None
    timestamp: Stamp = None
    control_passed: dict[str, Any] | None = None
    control_taken: dict[str, Any] | None = None


class Rotated(Struct, frozen=True):
    previous: str | None = None
    current: str | None = None


class UserIdUpdate(Struct, frozen=True):
    wa_id: str | None = None
    user_id: Rotated | None = None
    parent_user_id: Rotated | None = None
    timestamp: Stamp = None


class Clicked(Struct, frozen=True):
    action_type: str = ""
    timestamp: Stamp = None


class StandbyEcho(Struct, frozen=True):
    """A message as another application sent it."""

    id: str = ""
    timestamp: Stamp = None
    message: dict[str, Any] = {}


_preference = msgspec.json.Decoder(Preference)
_handover = msgspec.json.Decoder(Handover)
_user_id_update = msgspec.json.Decoder(UserIdUpdate)
_clicked = msgspec.json.Decoder(Clicked)
_standby_echo = msgspec.json.Decoder(StandbyEcho)
SCOPES = {"marketing_messages": "marketing"}
CONTROL: dict[str, Any] = {
    "control_passed": "passed",
    "control_taken": "taken",
    "control_requested": "requested",
    "control_released": "released",
}


def preference_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of one item of ``user_preferences[]``."""
    said = _preference.decode(raw.body or raw.content)
    base = _base(scope, raw, scope.contact(said.wa_id, said.user_id, said.parent_user_id), said.timestamp)
    if said.value not in ("stop", "resume", "signup"):
        return cb.ProviderEvent(provider_type=f"user_preferences.{said.value}", **base)
    category = said.category or ""
    return cb.ConsentChanged(
        granted=said.value != "stop",
        scope=SCOPES.get(category, category or "all"),
        via="ui",
        evidence=said.detail or "",
        extra={"x-whatsapp": {"signup_id": said.signup_id}} if said.signup_id else {},
        **base,
    )


def handover_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of a hand-over between applications."""
    said = _handover.decode(raw.body or raw.content)
    sender = said.sender or Party()
    base = _base(
        scope, raw, scope.contact(sender.phone_number or sender.wa_id, sender.user_id), said.timestamp
    )
    if said.recipient and said.recipient.phone_number_id:
        base["account_id"] = said.recipient.phone_number_id
    if said.type not in CONTROL:
        return cb.ProviderEvent(provider_type=f"messaging_handovers.{said.type}", **base)
    control = said.control_passed or said.control_taken or {}
    return cb.ControlChanged(
        change=CONTROL[said.type],
        owner=str(control.get("new_owner_app_id") or ""),
        previous=str(control.get("previous_owner_app_id") or ""),
        metadata=str(control.get("metadata") or ""),
        extra={"x-whatsapp": control} if control else {},
        **base,
    )


def user_id_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of a changed business-scoped id, in the form of early 2026."""
    said = _user_id_update.decode(raw.body or raw.content)
    user, parent = said.user_id or Rotated(), said.parent_user_id or Rotated()
    return cb.IdentityChanged(
        old=identities(said.wa_id, user.previous, parent.previous),
        new=identities(said.wa_id, user.current, parent.current),
        **_base(scope, raw, scope.contact(said.wa_id, user.previous or user.current), said.timestamp),
    )


def click_event(scope: Scope, raw: cb.Raw) -> cb.Event:
    """Give the event of a tap on a link in a marketing message, which has no uniform kind."""
    said = _clicked.decode(raw.body or raw.content)
    return cb.ProviderEvent(
        provider_type=f"user_actions.{said.action_type or 'untyped'}",
        data=msgspec.json.decode(raw.content),
        **_base(scope, raw, scope.contact(None, None), said.timestamp),
    )


def standby_echo(scope: Scope, raw: cb.Raw) -> Events:
    """Give the event of a message that another application sent: its body, as it was posted."""
    said = _standby_echo.decode(raw.body or raw.content)
    body = {key: value for key, value in said.message.items() if isinstance(key, str) and key != "context"}
    item = msgspec.convert({**body, "id": said.id, "timestamp": said.timestamp}, wire.Item)
    group = item.to if said.message.get("recipient_type") == "group" else None
    user = said.message.get("recipient")
    if not isinstance(user, str | None):
        raise cb.PayloadError("recipient: it is no text")
    to = None if group else scope.contact(item.to, user)
    item = msgspec.structs.replace(item, group_id=group)
    parts = parts_of(item, raw)
    if parts is None:
        parts = (cb.UnsupportedPart(provider_type=item.type or "untyped", raw=raw),)
    return [echoed(scope, item, raw, to, parts)]


def _base(scope: Scope, raw: cb.Raw, contact: cb.Contact | None, stamp: Stamp) -> dict[str, Any]:
    return {
        "account_id": scope.account_id,
        "conversation": scope.conversation(contact),
        "time": moment(stamp),
        "raw": raw,
        "passive": scope.passive,
    }
