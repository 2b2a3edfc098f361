"""``groups[]``: life, members, settings and standing of groups."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

import chanbridge as cb
from chanbridge_whatsapp.inbound.said import Events
from chanbridge_whatsapp.inbound.scope import Scope, moment
from chanbridge_whatsapp.inbound.wire import Stamp


class Member(Struct, frozen=True):
    input: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    username: str | None = None


class Group(Struct, frozen=True):
    group_id: str = ""
    type: str = ""
    timestamp: Stamp = None
    request_id: str | None = None
    subject: str | None = None
    reason: str | None = None
    initiated_by: str | None = None
    added_participants: list[Member] = []
    removed_participants: list[Member] = []
    failed_participants: list[Any] = []
    errors: list[Any] | None = None


_group = msgspec.json.Decoder(Group)
CHANGES: dict[str, Any] = {
    "group_create": "opened",
    "group_delete": "closed",
    "group_suspend": "closed",
    "group_suspend_cleared": "opened",
}


def group_events(scope: Scope, raw: cb.Raw) -> Events:
    """Give the events of one item of ``groups[]``: one for each member who came or went."""
    group = _group.decode(raw.body or raw.content)
    base = _base(scope, group, raw)
    members = _members(scope, group, base)
    if group.type in CHANGES and not group.errors:
        return [cb.ConversationChanged(change=CHANGES[group.type], reason=group.type, **base)]
    if members and not group.failed_participants:
        return members
    return [*members, cb.ProviderEvent(provider_type=f"{scope.field}.{group.type or 'untyped'}", **base)]


def _base(scope: Scope, group: Group, raw: cb.Raw) -> dict[str, Any]:
    where = scope.conversation(None, group.group_id)
    return {
        "account_id": scope.account_id,
        "conversation": where.replace(title=group.subject or "") if where else None,
        "time": moment(group.timestamp),
        "raw": raw,
        "passive": scope.passive,
    }


def _members(scope: Scope, group: Group, base: dict[str, Any]) -> Events:
    changed: list[tuple[Any, list[Member]]] = [
        ("joined", group.added_participants),
        ("left", group.removed_participants),
    ]
    return [
        cb.MemberChanged(
            change=change,
            member=_contact(scope, member),
            by=group.initiated_by or "",
            reason=group.reason or "",
            **base,
        )
        for change, members in changed
        for member in members
    ]


def _contact(scope: Scope, member: Member) -> cb.Contact:
    contact = scope.contact(member.wa_id or member.input, member.user_id)
    if contact is None:
        raise cb.PayloadError("a member of a group without an id")
    return contact.replace(username=member.username.removeprefix("@")) if member.username else contact
