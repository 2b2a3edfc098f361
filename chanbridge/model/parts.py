"""The parts that a message is made of, and the actions that hang on them.

The wire's discriminator is ``kind``. A part of a kind that is not here is an `OtherPart`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chanbridge.model.base import JSON, Filled, Model, Money, Natural, Raw
from chanbridge.model.media import Media, MediaRole

PartKind = Literal[
    "text", "media", "location", "contacts", "list", "card", "carousel", "template", "form",
    "product", "order", "payment", "poll", "story", "link", "system", "unsupported",
]  # fmt: skip
ActionKind = Literal[
    "reply", "url", "call", "location_request", "calendar", "copy", "webview", "share", "signin"
]
TextFormat = Literal["plain", "markdown", "html"]
TemplateCategory = Literal["service", "utility", "marketing", "authentication"]
Payload = Annotated[str, Meta(max_length=2048)]
_QUICK_REPLY = ("payload", "quick_reply")


class Action(Model, kw_only=True):
    """Something a person can tap. ``payload`` (at most 2048) is opaque and never shown to anyone."""

    id: str = ""
    kind: ActionKind = "reply"
    label: Filled
    short_label: str = ""
    payload: Payload = ""
    url: str = ""
    phone: str = ""
    event: dict[str, JSON] = {}
    style: str = ""
    image: Media | None = None
    disabled: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """What a link line shows: the URL, or ``tel:`` the number."""
        return self.url or (f"tel:{self.phone}" if self.phone else "")


class Part(Model, kw_only=True):
    """One piece of a message."""

    id: str = ""
    actions: tuple[Action, ...] = ()
    fallback_text: str = ""

    @property
    def kind(self) -> str:
        return kind_of(type(self))


class Entity(Model, kw_only=True):
    """A stretch of a text that means something; ``start`` and ``end`` count code points."""

    type: str
    start: Natural
    end: Natural
    ref: str = ""


def kind_of(part: type[Part]) -> str:
    """Give the wire kind of a class of parts; empty for those that have none of their own."""
    return str(part.__struct_config__.tag or "")


class Text(Part, kw_only=True, tag_field="kind", tag="text"):
    """Words. ``format`` says how ``text`` is marked up; after transcoding it is the channel's own dialect."""

    text: str
    format: TextFormat = "plain"
    entities: tuple[Entity, ...] = ()
    preview: bool | None = None


class MediaPart(Part, kw_only=True, tag_field="kind", tag="media"):
    """A picture, a film, a voice note, a sticker, a file."""

    role: MediaRole
    media: Media
    caption: Text | None = None
    alt: str = ""
    spoiler: bool = False
    view_once: bool = False
    group: str = ""


class Live(Model, kw_only=True):
    """A position that moves until the given time; heading in degrees."""

    until: dt.datetime | None = None
    heading: Annotated[float, Meta(ge=0, le=360)] | None = None


class Location(Part, kw_only=True, tag_field="kind", tag="location"):
    """A place, in WGS84 degrees."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    accuracy_m: Annotated[float, Meta(ge=0)] | None = None
    name: str = ""
    address: str = ""
    url: str = ""
    live: Live | None = None


class Labeled(Model, kw_only=True):
    """A phone number, an e-mail address or a URL with what it is for (``home``, ``work``)."""

    value: str
    type: str = ""
    wa_id: str = ""


class PostalAddress(Model, kw_only=True):
    """Where somebody lives or works."""

    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    country_code: str = ""
    type: str = ""


class ContactCard(Model, kw_only=True):
    """A person's card, as an address book shares it."""

    name: str
    first_name: str = ""
    last_name: str = ""
    phones: tuple[Labeled, ...] = ()
    emails: tuple[Labeled, ...] = ()
    urls: tuple[Labeled, ...] = ()
    addresses: tuple[PostalAddress, ...] = ()
    org: str = ""
    department: str = ""
    title: str = ""
    birthday: str = ""
    vcard: str = ""


class Contacts(Part, kw_only=True, tag_field="kind", tag="contacts"):
    """Shared address-book cards."""

    contacts: Annotated[tuple[ContactCard, ...], Meta(min_length=1)]


class ListItem(Model, kw_only=True):
    """A row to pick. Its id is an action id."""

    id: str = ""
    title: Filled
    description: str = ""
    media: Media | None = None
    payload: Payload = ""
    aliases: tuple[str, ...] = ()


class Section(Model, kw_only=True):
    """A group of rows under a title."""

    items: Annotated[tuple[ListItem, ...], Meta(min_length=1)]
    title: str = ""


class ListPart(Part, kw_only=True, tag_field="kind", tag="list"):
    """A menu that opens on a button."""

    body: str
    sections: Annotated[tuple[Section, ...], Meta(min_length=1)]
    title: str = ""
    footer: str = ""
    button: str = ""
    select: Literal["one", "many"] = "one"


class Card(Part, kw_only=True, tag_field="kind", tag="card"):
    """A picture with a title, a text and actions."""

    title: str = ""
    subtitle: str = ""
    body: str = ""
    footer: str = ""
    media: Media | None = None
    tap: Action | None = None


class Carousel(Part, kw_only=True, tag_field="kind", tag="carousel"):
    """Cards side by side."""

    cards: Annotated[tuple[Card, ...], Meta(min_length=1)]
    body: str = ""


class Template(Part, kw_only=True, tag_field="kind", tag="template"):
    """A message approved beforehand by the provider.

    ``parameters`` maps a slot to its value: ``"body.1"`` or ``"body.first_name"``, ``"header"``,
    ``"button.0"``; a plain string, or an object with ``type`` (the plugin's README lists them).
    ``preview`` is what a person would read, for channels that have no templates.
    """

    name: Filled
    namespace: str = ""
    language: str = ""
    category: TemplateCategory | None = None
    parameters: dict[str, JSON] = {}
    preview: tuple[Part, ...] = ()

    @property
    def buttons(self) -> tuple[tuple[int, Action], ...]:
        """Its actions, which stand in the order of its buttons, each with the number of its button.

        A button with a parameter of another kind is no reply's: the reply stands at the next. A payload
        among the parameters is the one that is sent, and so the one that comes back.
        """
        found: list[tuple[int, Action]] = []
        index = 0
        for action in self.actions:
            if action.kind == "reply":
                while _of_another(self.parameters.get(f"button.{index}")):
                    index += 1
                payload = _payload(self.parameters.get(f"button.{index}"))
                action = action.replace(payload=payload) if payload else action
            found.append((index, action))
            index += 1
        return tuple(found)


def _of_another(value: JSON) -> bool:
    """Say whether a button's parameter is that of a button which is no quick reply."""
    return value is not None and not (isinstance(value, dict) and value.get("type") in _QUICK_REPLY)


def _payload(value: JSON) -> str:
    given = value.get("payload") if isinstance(value, dict) else None
    return "" if given is None else str(given)


class Form(Part, kw_only=True, tag_field="kind", tag="form"):
    """Questions to fill in: a provider's form by ``ref``, or ``fields`` (a JSON-Schema subset)."""

    ref: str = ""
    body: str = ""
    title: str = ""
    fields: dict[str, JSON] = {}
    submit: str = ""
    url: str = ""
    data: dict[str, JSON] = {}


class LineItem(Model, kw_only=True):
    """One line of an order."""

    sku: Filled
    name: str = ""
    qty: float = 1
    unit_price: Money | None = None


class Product(Part, kw_only=True, tag_field="kind", tag="product"):
    """Things from a catalogue."""

    catalog: str = ""
    skus: tuple[str, ...] = ()
    title: str = ""
    body: str = ""
    footer: str = ""
    sections: tuple[dict[str, JSON], ...] = ()  # {title, skus}
    url: str = ""


class Order(Part, kw_only=True, tag_field="kind", tag="order"):
    """A basket: what somebody orders, or what we ask them to pay for."""

    ref: str = ""
    catalog: str = ""
    items: tuple[LineItem, ...] = ()
    total: Money | None = None
    status: str = ""
    text: str = ""


class Payment(Part, kw_only=True, tag_field="kind", tag="payment"):
    """A request to pay, or how it stands."""

    ref: str = ""
    amount: Money | None = None
    status: str = ""
    body: str = ""
    url: str = ""
    settings: dict[str, JSON] = {}


class PollOption(Model, kw_only=True):
    """One answer of a poll. Its id is an action id."""

    id: str = ""
    label: Filled
    votes: int | None = None


class Poll(Part, kw_only=True, tag_field="kind", tag="poll"):
    """A question with given answers."""

    question: Filled
    options: Annotated[tuple[PollOption, ...], Meta(min_length=1)]
    multiple: bool = False
    anonymous: bool = False
    closes_at: dt.datetime | None = None


class Story(Part, kw_only=True, tag_field="kind", tag="story"):
    """A mention in a story, or a reply to one."""

    mode: Literal["mention", "reply"]
    media: Media | None = None
    story_id: str = ""
    expires_at: dt.datetime | None = None


class Link(Part, kw_only=True, tag_field="kind", tag="link"):
    """A link with what its page says of itself."""

    url: Filled
    title: str = ""
    description: str = ""
    image: Media | None = None


class System(Part, kw_only=True, tag_field="kind", tag="system"):
    """A notice of the platform, not of a person."""

    code: Filled
    text: str = ""


class UnsupportedPart(Part, kw_only=True, tag_field="kind", tag="unsupported"):
    """Something the provider would not hand over, with what it said of it."""

    provider_type: str
    reason: str = ""
    raw: Raw | None = None


class OtherPart(Part, kw_only=True):
    """A part of a kind that this version does not know: kept unchanged, shown by its ``fallback_text``."""

    type: Filled = msgspec.field(name="kind")

    @property
    def kind(self) -> str:
        return self.type


PARTS: dict[str, type[Part]] = {
    kind_of(part): part
    for part in (
        Text, MediaPart, Location, Contacts, ListPart, Card, Carousel, Template, Form, Product,
        Order, Payment, Poll, Story, Link, System, UnsupportedPart,
    )
}  # fmt: skip
"""The classes by their wire kind."""
