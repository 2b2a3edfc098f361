"""The provider's JSON: only the fields that are used; the rest stays in the raw payload."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct, field

Stamp = str | int | float | None


class Profile(Struct, frozen=True, gc=False):
    name: str | None = None
    username: str | None = None


class Person(Struct, frozen=True, gc=False):
    """Of ``contacts[]``."""

    profile: Profile | None = None
    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    identity_key_hash: str | None = None


class Metadata(Struct, frozen=True, gc=False):
    display_phone_number: str | None = None
    phone_number_id: str | None = None


class Said(Struct, frozen=True, gc=False):
    body: str | None = None


class About(Struct, frozen=True, gc=False):
    """Of ``context``: what a message refers to."""

    id: str | None = None
    forwarded: bool | None = None
    frequently_forwarded: bool | None = None
    referred_product: dict[str, Any] | None = None


class File(Struct, frozen=True, gc=False):
    id: str = ""
    link: str | None = None  # of what another application sent
    mime_type: str | None = None
    sha256: str | None = None
    caption: str | None = None
    filename: str | None = None
    voice: bool | None = None
    animated: bool | None = None


class Place(Struct, frozen=True, gc=False):
    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None
    url: str | None = None


class Reacted(Struct, frozen=True, gc=False):
    message_id: str
    emoji: str | None = None


class Tapped(Struct, frozen=True, gc=False):
    """Of a button of a template."""

    text: str | None = None
    payload: str | None = None


class Interactive(Struct, frozen=True, gc=False):
    type: str = ""
    button_reply: Reply | None = None
    list_reply: Reply | None = None
    nfm_reply: FlowReply | None = None
    call_permission_reply: CallPermission | None = None


class Reply(Struct, frozen=True, gc=False):
    id: str
    title: str | None = None
    description: str | None = None


class FlowReply(Struct, frozen=True, gc=False):
    name: str | None = None
    body: str | None = None
    response_json: Any = None


class CallPermission(Struct, frozen=True, gc=False):
    response: str = ""
    is_permanent: bool | None = None
    expiration_timestamp: Stamp = None
    response_source: str | None = None


class Basket(Struct, frozen=True, gc=False):
    catalog_id: str | None = None
    text: str | None = None
    product_items: list[BasketItem] = []


class BasketItem(Struct, frozen=True, gc=False):
    product_retailer_id: str
    quantity: float | str | None = None
    item_price: float | str | None = None
    currency: str | None = None


class Referral(Struct, frozen=True, gc=False):
    source_url: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    headline: str | None = None
    body: str | None = None
    image_url: str | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    ctwa_clid: str | None = None
    ref: str | None = None


class Unsupported(Struct, frozen=True, gc=False):
    type: str | None = None


class Changed(Struct, frozen=True, gc=False):
    """Of ``edit`` and ``revoke``."""

    original_message_id: str
    message: Raw = Raw(b"{}")


class SystemNotice(Struct, frozen=True, gc=False):
    type: str = ""
    wa_id: str | None = None
    new_wa_id: str | None = None
    customer: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    previous_user_id: str | None = None
    previous_parent_user_id: str | None = None


class HistoryContext(Struct, frozen=True, gc=False):
    status: str | None = None


class Item(Struct, frozen=True, gc=False):
    """Of ``messages[]``, ``message_echoes[]`` and the messages of a history.

    First what most of them hold, in the order in which it comes: msgspec looks from the last field on.
    """

    from_: str | None = field(name="from", default=None)
    from_user_id: str | None = None
    id: str = ""
    timestamp: Stamp = None
    type: str = ""
    text: Said | None = None
    from_parent_user_id: str | None = None
    to: str | None = None
    to_user_id: str | None = None
    to_parent_user_id: str | None = None
    group_id: str | None = None
    context: About | None = None
    image: File | None = None
    video: File | None = None
    audio: File | None = None
    document: File | None = None
    sticker: File | None = None
    location: Place | None = None
    contacts: list[Any] | None = None
    reaction: Reacted | None = None
    interactive: Interactive | None = None
    button: Tapped | None = None
    order: Basket | None = None
    referral: Referral | None = None
    unsupported: Unsupported | None = None
    errors: list[Any] | None = None
    edit: Changed | None = None
    revoke: Changed | None = None
    system: SystemNotice | None = None
    identity: dict[str, Any] | None = None
    history_context: HistoryContext | None = None


class Pricing(Struct, frozen=True, gc=False):
    billable: bool | None = None
    pricing_model: str | None = None
    type: str | None = None
    category: str | None = None


class Origin(Struct, frozen=True, gc=False):
    type: str | None = None


class Talk(Struct, frozen=True, gc=False):
    """Of ``conversation`` in a status: the unit that was once billed, and its free entry point."""

    expiration_timestamp: Stamp = None
    origin: Origin | None = None
    pricing: Pricing | None = None


class Status(Struct, frozen=True, gc=False):
    """Of ``statuses[]``: of messages, calls and payments."""

    id: str
    status: str
    type: str | None = None
    timestamp: Stamp = None
    recipient_type: str | None = None
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    recipient_parent_user_id: str | None = None
    parent_recipient_user_id: str | None = None
    recipient_participant_id: str | None = None
    participant_recipient_id: str | None = None
    recipient_participant_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    template_id: str | int | None = None
    pricing: Pricing | None = None
    conversation: Talk | None = None
    errors: list[Any] | None = None
    payment: dict[str, Any] | None = None


class Value(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """The usual ``value``; one that holds anything else is read key by key."""

    messaging_product: str = ""
    metadata: Metadata
    contacts: list[Person] = []
    messages: list[Raw] = []
    statuses: list[Raw] = []


class Change(Struct, frozen=True, gc=False):
    field: str
    value: Value


class Entry(Struct, frozen=True, gc=False):
    id: str
    changes: list[Change]


class Body(Struct, frozen=True, gc=False):
    object: str
    entry: list[Entry]


class AnyChange(Struct, frozen=True, gc=False):
    field: str
    value: Raw


class AnyEntry(Struct, frozen=True, gc=False):
    id: str = ""
    time: Stamp = None
    changes: list[Raw] = []


class AnyBody(Struct, frozen=True, gc=False):
    entry: list[Raw]
    object: str = ""


# Bound methods: what is read for every item is looked up once.
read_body = msgspec.json.Decoder(Body).decode
read_any_entry = msgspec.json.Decoder(AnyEntry).decode
read_any_change = msgspec.json.Decoder(AnyChange).decode
read_keys = msgspec.json.Decoder(dict[str, Raw]).decode
read_item = msgspec.json.Decoder(Item).decode
read_status = msgspec.json.Decoder(Status).decode
