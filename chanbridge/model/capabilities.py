"""What a channel can carry, with limits, as data.

The transcoder, the documentation and the conformance kit all read it. A kind with limits is
``native`` without being listed; what is named nowhere is ``reject``. ``None`` is no limit.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from chanbridge.model.base import Model

Level = Literal["native", "partial", "convert", "drop", "reject"]
Unit = Literal["graphemes", "codepoints", "utf16", "bytes", "gsm", "weighted"]
By = Literal["url", "upload", "provider_id", "inline"]
Receipt = Literal["native", "inferred", "none"]
Surface = Literal["quick_reply", "button", "list", "card_button"]


class Direction(Model, kw_only=True):
    """Levels of part kinds and of event kinds (inbound) or gestures (outbound)."""

    parts: dict[str, Level] = {}
    events: dict[str, Level] = {}


class TextLimits(Model, kw_only=True):
    """``max`` in ``unit``; ``gsm`` counts septets, or UCS-2 units where a text needs them.

    ``dialect`` names how formatting is written: ``plain``, ``whatsapp``, ``markdown``, ``html``, ...
    """

    max: int | None = None
    unit: Unit = "codepoints"
    dialect: str = "plain"
    formatting: dict[
        str, Level
    ] = {}  # bold, italic, strike, code, codeblock, quote, link, ul, ol, heading, table, mention
    split: Literal["allow", "forbid"] = "allow"
    max_segments: int | None = None
    preview_links: bool = False


class MediaLimits(Model, kw_only=True):
    """Of one role; ``mimes`` maps a pattern (``image/*``) to a level."""

    mimes: dict[str, Level] = {}
    max_bytes: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    max_duration_ms: int | None = None
    caption: Level = "reject"
    caption_max: int | None = None
    caption_unit: Unit = "codepoints"
    by: tuple[By, ...] = ()
    view_once: bool = False
    inbound_url_ttl_s: int | None = None
    inbound_needs_auth: bool = False


class Album(Model, kw_only=True):
    """Several media in one visible act."""

    min: int = 2
    max: int
    roles: tuple[str, ...]
    caption: Literal["first", "each", "none"] = "first"
    actions: bool = False
    max_total_bytes: int | None = None


class ActionLimits(Model, kw_only=True):
    """Of one surface on which actions can stand."""

    kinds: tuple[str, ...] = ("reply",)
    max: int
    min: int = 1
    label_max: int | None = None
    label_unit: Unit = "codepoints"
    payload_max: int | None = None
    payload_unit: Unit = "codepoints"
    unique_labels: bool = False
    label_forbid: tuple[Literal["newline", "markdown", "emoji", "variable"], ...] = ()
    mix: tuple[tuple[str, ...], ...] = ()  # sets of kinds that may stand together; empty: any of kinds
    needs_body: bool = True
    body_max: int | None = None
    header_max: int | None = None
    footer_max: int | None = None
    persists: bool = True
    with_media: tuple[str, ...] = ()  # roles that may stand above them


class ListLimits(Model, kw_only=True):
    items_max: int
    sections_max: int = 1
    title_max: int | None = None
    body_max: int | None = None
    footer_max: int | None = None
    section_title_max: int | None = None
    item_title_max: int | None = None
    item_desc_max: int | None = None
    button_label_max: int | None = None
    payload_max: int | None = None
    select_many: bool = False
    unit: Unit = "codepoints"


class CardLimits(Model, kw_only=True):
    """A body is what stands below the title: subtitle, body and footer, a line each."""

    title_max: int | None = None
    body_max: int | None = None
    text_max: int | None = None  # of title and body together
    footer_max: int | None = None
    media: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()  # fields; a tap stands for actions
    tap_is_button: bool = False  # the card cannot be tapped itself: its tap must fit among its buttons
    unit: Unit = "codepoints"


class CarouselLimits(Model, kw_only=True):
    min: int = 1
    max: int
    homogeneous: bool = False
    body: bool = True
    body_required: bool = False
    body_max: int | None = None
    card: CardLimits | None = None  # of each of its cards; none: as of a card alone
    card_button: ActionLimits | None = None  # on each of its cards; none: as on a card alone


class Feature(Model, kw_only=True):
    """A kind with its level and its own maxima (``location``, ``contact``, ``poll``, ``form``, ...)."""

    level: Level = "native"
    max: int | None = None
    kinds: tuple[str, ...] = ()


class TemplateLimits(Model, kw_only=True):
    """``names`` is the pattern of this channel's own: a template of another is shown by its preview."""

    level: Level = "native"
    required_outside_window: bool = False
    parameter_style: Literal["positional", "named", "both"] = "positional"
    names: str = ""
    categories: tuple[str, ...] = ()


class Mutability(Model, kw_only=True):
    """Of edits and deletions."""

    level: Level = "reject"
    max_age_s: int | None = None
    max_count: int | None = None


class Reactions(Model, kw_only=True):
    level: Level = "reject"
    per_user_max: int = 1
    allowed: tuple[str, ...] | None = None
    remove: bool = True


class Relations(Model, kw_only=True):
    reply: Level = "reject"
    thread: Level = "reject"
    edit: Mutability = Mutability()
    delete: Mutability = Mutability()
    reaction: Reactions = Reactions()


class Receipts(Model, kw_only=True):
    submitted: Receipt = "native"
    sent: Receipt = "none"
    delivered: Receipt = "none"
    read: Receipt = "none"
    played: Receipt = "none"
    failed: Receipt = "none"
    watermark: bool = False
    failure_reasons: bool = False


class Presence(Model, kw_only=True):
    typing_out: Level = "reject"
    typing_in: Level = "reject"
    typing_ttl_s: int | None = None
    typing_implies_read: bool = False
    read_out: Level = "reject"


class WindowLimits(Model, kw_only=True):
    """The service window; ``outside`` says what may be sent when it is closed."""

    kind: Literal["none", "rolling"] = "none"
    seconds: int | None = None
    outside: Literal["free", "template", "tag", "reject"] = "free"
    max_consecutive: int | None = None
    opened_by: tuple[str, ...] = ()  # an override with one of these goes out as if it were open
    open_to: tuple[str, ...] = ()  # and so does a message of one of these categories


class Addressing(Model, kw_only=True):
    can_initiate: bool = True
    groups: bool = False
    max_recipients: int = 1


class EmailLimits(Model, kw_only=True):
    html: bool = True
    cc: bool = True
    bcc: bool = True
    max_total_bytes: int | None = None
    threading: bool = True


class Idempotency(Model, kw_only=True):
    outbound: Literal["native", "none"] = "none"
    field: str = ""
    ttl_s: int | None = None
    inbound_id: Literal["native", "hash"] = "native"


class Rate(Model, kw_only=True):
    """``count`` requests in ``per_s`` seconds, for each account, recipient pair, or the channel."""

    scope: Literal["account", "recipient", "channel"]
    count: int
    per_s: float
    burst: int | None = None


class Limits(Model, kw_only=True):
    request_bytes: int | None = None
    parts_per_call: int = 1
    rate: tuple[Rate, ...] = ()


class ReplyMatching(Model, kw_only=True):
    default: Literal["native", "marker", "label", "off"] = "marker"
    reserved_keywords: tuple[str, ...] = ()


SCHEMA = "chanbridge/capabilities/1"


class Capabilities(Model, kw_only=True):
    """One record of what a channel (or one variant of it) can carry."""

    schema: str = msgspec.field(default_factory=lambda: SCHEMA)  # a default that is always written
    channel: str = ""  # filled in by the core, as are variant, plugin and plugin_version
    variant: str = ""
    plugin: str = ""
    plugin_version: str = ""
    as_of: dt.date | None = None
    sources: tuple[str, ...] = ()
    inbound: Direction = Direction()
    outbound: Direction = Direction()
    text: TextLimits | None = None
    media: dict[str, MediaLimits] = {}
    album: Album | None = None
    actions: dict[str, ActionLimits] = {}
    list: ListLimits | None = None
    card: CardLimits | None = None
    carousel: CarouselLimits | None = None
    location: Feature | None = None
    contact: Feature | None = None
    poll: Feature | None = None
    form: Feature | None = None
    product: Feature | None = None
    order: Feature | None = None
    payment: Feature | None = None
    template: TemplateLimits | None = None
    relation: Relations = Relations()
    receipts: Receipts = Receipts()
    presence: Presence = Presence()
    window: WindowLimits = WindowLimits()
    addressing: Addressing = Addressing()
    email: EmailLimits | None = None
    idempotency: Idempotency = Idempotency()
    limits: Limits = Limits()
    reply_matching: ReplyMatching = ReplyMatching()
    details: dict[str, tuple[str, ...]] = {}  # what is shown beside a kind's words: {"media": ("alt",)}
    replaced_by: tuple[str, ...] = ()  # an override without these is laid over each step; none: any replaces

    def level(self, kind: str) -> Level:
        """Say how a part kind fares outbound."""
        if kind in self.outbound.parts:
            return self.outbound.parts[kind]
        field = "contact" if kind == "contacts" else kind
        limits = getattr(self, field, None) if field in _KINDS_WITH_LIMITS else None
        if not limits:
            return "reject"
        return limits.level if isinstance(limits, Feature | TemplateLimits) else "native"


_KINDS_WITH_LIMITS = frozenset(
    {"text", "media", "list", "card", "carousel", "location", "contact", "poll", "form", "product",
     "order", "payment", "template"}
)  # fmt: skip
