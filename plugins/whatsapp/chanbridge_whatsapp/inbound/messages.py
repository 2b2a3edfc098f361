"""``messages[]`` and ``message_echoes[]``: what somebody said, tapped, ordered, changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.identity import identities
from chanbridge_whatsapp.inbound import wire
from chanbridge_whatsapp.inbound.content import READERS, order_of, parts_of
from chanbridge_whatsapp.inbound.interactive import button, interactive
from chanbridge_whatsapp.inbound.plain import plain_text
from chanbridge_whatsapp.inbound.said import Events, echoed, fields, message, received, unknown
from chanbridge_whatsapp.inbound.scope import Scope
from chanbridge_whatsapp.inbound.wire import Item, SystemNotice, read_item

NUMBER_CHANGES = ("user_changed_number", "customer_changed_number", "user_changed_user_id")


def message_events(scope: Scope, raw: cb.Raw) -> Events:
    """Give the events of one item of ``messages[]``; one from our own number is an echo."""
    told = plain_text(scope, raw)
    return [told] if told is not None else any_events(scope, raw)


def any_events(scope: Scope, raw: cb.Raw) -> Events:
    """Give the events of an item of whatever type."""
    item = read_item(raw.body or raw.content)
    if scope.number and item.from_ == scope.number:
        return _echo(scope, item, raw)
    sender = scope.sender(item)
    read = READERS.get(item.type)
    if read is not None and (sender or item.group_id):
        events = [received(scope, item, raw, sender, read(item, raw))]
    else:
        events = HANDLERS.get(item.type, _unknown)(scope, item, raw, sender)
    if item.referral is not None:
        events.append(referral(item, item.referral, fields(scope, item, raw, sender)))
    return events


def _unknown(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    return [unknown(scope, item, raw, sender, item.type)]


def echo_events(scope: Scope, raw: cb.Raw) -> Events:
    """Give the events of one item of ``message_echoes[]``: the business wrote in its phone app."""
    return _echo(scope, read_item(raw.body or raw.content), raw)


def _echo(scope: Scope, item: Item, raw: cb.Raw) -> Events:
    to = scope.contact(item.to, item.to_user_id, item.to_parent_user_id)
    if item.type in BOTH_SIDES:
        return BOTH_SIDES[item.type](scope, item, raw, to, by="business")
    parts = parts_of(item, raw)
    if parts is None:
        return [unknown(scope, item, raw, to, item.type)]
    return [echoed(scope, item, raw, to, parts)]


def _reaction(
    scope: Scope, item: Item, raw: cb.Raw, contact: cb.Contact | None, by: str = "contact"
) -> Events:
    reaction = _needed(item.reaction, "reaction")
    return [
        cb.ReactionChanged(
            target=cb.Ref(external=reaction.message_id),
            emoji=reaction.emoji or "",
            set=bool(reaction.emoji),
            sender=contact if by == "contact" else None,
            **fields(scope, item, raw, contact),
        )
    ]


def _edit(scope: Scope, item: Item, raw: cb.Raw, contact: cb.Contact | None, by: Any = "contact") -> Events:
    edit = _needed(item.edit, "edit")
    new = read_item(edit.message)
    parts = parts_of(new, raw)
    if parts is None:
        return [unknown(scope, item, raw, contact, f"edit.{new.type}")]
    target = cb.Ref(external=edit.original_message_id)
    return [cb.MessageEdited(target=target, parts=parts, by=by, **fields(scope, item, raw, contact))]


def _revoke(scope: Scope, item: Item, raw: cb.Raw, contact: cb.Contact | None, by: Any = "contact") -> Events:
    revoke = _needed(item.revoke, "revoke")
    target = cb.Ref(external=revoke.original_message_id)
    return [cb.MessageDeleted(target=target, by=by, **fields(scope, item, raw, contact))]


def _order(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    order = order_of(_needed(item.order, "order"), ref=item.id)
    return [
        cb.OrderPlaced(
            items=order.items,
            catalog=order.catalog,
            text=order.text,
            ref=order.ref,
            total=order.total,
            sender=sender,
            message=message(item, sender, (order,)),
            **fields(scope, item, raw, sender),
        )
    ]


def _welcome(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    base = fields(scope, item, raw, sender)
    return [cb.ConversationChanged(change="opened", reason="request_welcome", **base)]


def _system(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None) -> Events:
    notice = _needed(item.system, "system")
    before = item.from_user_id or notice.previous_user_id
    contact = scope.contact(item.from_ or notice.customer, before, item.from_parent_user_id) or sender
    base = fields(scope, item, raw, contact)
    if notice.type in NUMBER_CHANGES:
        return [_new_number(item, notice, base)]
    if notice.type == "customer_identity_changed":
        known = contact.identities if contact else ()
        extra = {"x-whatsapp": {"identity": item.identity or {}}}
        return [cb.IdentityChanged(old=known, new=known, method=notice.type, extra=extra, **base)]
    return [unknown(scope, item, raw, contact, f"system.{notice.type}")]


def _new_number(item: Item, notice: SystemNotice, base: dict[str, Any]) -> cb.Event:
    old_number = item.from_ or notice.customer
    old_user = notice.previous_user_id or item.from_user_id
    return cb.IdentityChanged(
        old=identities(old_number, old_user, notice.previous_parent_user_id),
        new=identities(notice.wa_id or notice.new_wa_id, notice.user_id, notice.parent_user_id),
        **base,
    )


def referral(item: Item, from_: wire.Referral, base: dict[str, Any]) -> cb.Event:
    """Make the event of what brought a contact here."""
    kind: Any = from_.source_type if from_.source_type in ("ad", "post") else "link"
    shown = from_.image_url or from_.video_url
    return cb.ReferralReceived(
        kind=kind,
        ref=from_.ref or "",
        source_id=from_.source_id or "",
        url=from_.source_url or "",
        headline=from_.headline or "",
        body=from_.body or "",
        click_id=from_.ctwa_clid or "",
        media=_preview(shown, from_.thumbnail_url) if shown else None,
        message=cb.Ref(external=item.id),
        **base,
    )


def _preview(url: str, thumbnail: str | None) -> cb.Media:
    return cb.Media(url=url, thumbnail=cb.Media(url=thumbnail) if thumbnail else None)


def _needed(value: Any, name: str) -> Any:
    if value is None:
        raise cb.PayloadError(f"{name}: the message has no such object")
    return value


BOTH_SIDES: dict[str, Callable[..., Events]] = {"reaction": _reaction, "edit": _edit, "revoke": _revoke}
HANDLERS: dict[str, Callable[..., Events]] = {
    **BOTH_SIDES,
    "interactive": interactive,
    "button": button,
    "order": _order,
    "request_welcome": _welcome,
    "system": _system,
}
