"""The events of one item: what all of them have, and the message among them."""

from __future__ import annotations

from typing import Any

import chanbridge as cb
from chanbridge_whatsapp.inbound.content import Parts
from chanbridge_whatsapp.inbound.scope import Scope, exact_number, moment
from chanbridge_whatsapp.inbound.wire import About, Item

Events = list[cb.Event]
# Bound once: `chanbridge` is lazy, and slow to ask each time.
_External, _Message, _MessageReceived = cb.External, cb.Message, cb.MessageReceived
OFTEN = 5  # "forwarded frequently" stands for this often, or more


def received(scope: Scope, item: Item, raw: cb.Raw, sender: cb.Contact | None, parts: Parts) -> cb.Event:
    """Make the event of a message of the given parts."""
    return _MessageReceived(
        message=message(item, sender, parts),
        conversation=scope.conversation(sender, item.group_id),
        account_id=scope.account_id,
        provider_id=item.id,
        time=moment(item.timestamp),
        raw=raw,
        passive=scope.passive,
        context=exact_number(sender),
    )


def echoed(scope: Scope, item: Item, raw: cb.Raw, to: cb.Contact | None, parts: Parts) -> cb.Event:
    """Make the event of a message that the business sent elsewhere."""
    said = cb.Message(
        parts=parts,
        direction="out",
        origin="echo",
        recipients=(cb.Recipient(contact=to),) if to else (),
        external=(cb.External(id=item.id),) if item.id else (),
        relation=relation(item.context),
        extra=extensions(item),
    )
    return cb.MessageEchoed(message=said, **fields(scope, item, raw, to))


def message(item: Item, sender: cb.Contact | None, parts: Parts) -> cb.Message:
    """Make the message that a contact said."""
    external = (_External(id=item.id),) if item.id else ()
    said = _Message(parts=parts, direction="in", origin="contact", sender=sender, external=external)
    if item.context is None and item.history_context is None:
        return said
    return said.replace(relation=relation(item.context), extra=extensions(item))


def relation(about: About | None) -> cb.Relation | None:
    """Say what a message refers to."""
    if about is None:
        return None
    forwarded = OFTEN if about.frequently_forwarded else int(bool(about.forwarded))
    reply_to = source(about)
    return cb.Relation(reply_to=reply_to, forwarded=forwarded) if reply_to or forwarded else None


def source(about: About | None) -> cb.Ref | None:
    """Name the message that another one answers."""
    return cb.Ref(external=about.id) if about is not None and about.id else None


def extensions(item: Item) -> dict[str, Any]:
    """Keep what has no uniform field: the product asked about, the state in a history."""
    if item.context is None and item.history_context is None:
        return {}
    own: dict[str, Any] = {}
    if item.context is not None and item.context.referred_product:
        own["referred_product"] = item.context.referred_product
    if item.history_context is not None and item.history_context.status:
        own["status"] = item.history_context.status
    return {"x-whatsapp": own} if own else {}


def fields(scope: Scope, item: Item, raw: cb.Raw, contact: cb.Contact | None) -> dict[str, Any]:
    """Give what every event of an item has."""
    return {
        "conversation": scope.conversation(contact, item.group_id),
        "account_id": scope.account_id,
        "provider_id": item.id,
        "time": moment(item.timestamp),
        "raw": raw,
        "passive": scope.passive,
        "context": exact_number(contact),
    }


def unknown(scope: Scope, item: Item, raw: cb.Raw, contact: cb.Contact | None, type: str) -> cb.Event:
    """Keep an item of a type that has no uniform kind."""
    return cb.ProviderEvent(
        provider_type=f"{scope.field}.{type or 'untyped'}", **fields(scope, item, raw, contact)
    )
