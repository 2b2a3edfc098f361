"""Anything that happened.

On the wire an event is a CloudEvent (see `chanbridge.model.codec`): its ``type`` is
``chanbridge.`` and `Event.type`. ``parse`` fills in what the provider says; ``id``, ``account``,
``sequence``, ``recorded_at`` and our side of a reference are the core's.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote

from chanbridge.model.address import Contact, Conversation, Identity, Window
from chanbridge.model.base import JSON, Context, Model, Money, Raw, Ref
from chanbridge.model.errors import Failure
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.model.parts import Action, LineItem, Part, Text

Fact = Literal["submitted", "sent", "delivered", "read", "played", "failed", "expired", "canceled"]
Passive = Literal["backfill", "standby", "automatic"]
Via = Literal["native", "token", "quote", "marker", "label", "alias"]


class Segment(Model, kw_only=True):
    """This is piece ``index`` (from 0) of ``total`` of one message; the core joins those of one ``key``."""

    key: str
    index: int
    total: int


class Event(Model, kw_only=True):
    """What every event carries."""

    TYPE: ClassVar[str] = ""
    ACCOUNT_WIDE: ClassVar[bool] = False  # concerns no conversation

    id: str = ""
    account: str = ""
    account_id: str = ""  # the provider's id of our account, where its webhook names one
    conversation: Conversation | None = None
    time: dt.datetime | None = None
    recorded_at: dt.datetime | None = None
    provider_id: str = ""
    sequence: str = ""
    raw: Raw | None = None
    context: Context | None = None
    segment: Segment | None = None
    passive: Passive | None = None
    window: Window | None = None  # only where it differs from what the capabilities open
    attributes: dict[str, JSON] = {}  # CloudEvents attributes that are not ours (traceparent, ...)

    @property
    def type(self) -> str:
        """The wire type without its ``chanbridge.`` prefix."""
        return self.TYPE

    @property
    def key(self) -> str:
        """The key of its conversation: the domain in which order holds."""
        return self.conversation.key if self.conversation else f"{quote(self.account, safe='')}/"


class MessageReceived(Event, kw_only=True):
    """The contact said something."""

    TYPE = "message.received"
    message: Message

    @classmethod
    def of(
        cls,
        *parts: Part,
        sender: Contact,
        conversation: Conversation | None = None,
        provider_id: str = "",
        message: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Self:
        """Build one of parts; ``message`` holds further fields of the `Message`."""
        said = incoming(*parts, sender=sender, provider_id=provider_id, **(message or {}))
        where = conversation or Conversation(address=sender.address)
        return cls(message=said, conversation=where, provider_id=provider_id, **fields)

    @classmethod
    def text(cls, text: str, *, sender: Contact, **fields: Any) -> Self:
        """Build one of a plain text."""
        return cls.of(Text(text=text), sender=sender, **fields)


def incoming(*parts: Part, sender: Contact, provider_id: str = "", **fields: Any) -> Message:
    """Build the `Message` of something a contact said."""
    from chanbridge.model.message import External

    fields.setdefault("origin", "contact")
    fields.setdefault("external", (External(id=provider_id),) if provider_id else ())
    return Message(parts=parts, direction="in", sender=sender, **fields)


class MessageEchoed(MessageReceived, kw_only=True):
    """The business said something elsewhere: in its phone app, by another tool."""

    TYPE = "message.echoed"


class MessageEdited(Event, kw_only=True):
    """A message was changed: its new parts."""

    TYPE = "message.edited"
    target: Ref
    parts: tuple[Part, ...] = ()
    by: Literal["contact", "business"] = "contact"


class MessageDeleted(Event, kw_only=True):
    """A message was taken back."""

    TYPE = "message.deleted"
    target: Ref
    by: Literal["contact", "business", "platform"] = "contact"


class MessageStatus(Event, kw_only=True):
    """One fact about a message that we sent, for one recipient."""

    TYPE = "message.status"
    target: Ref
    fact: Fact
    recipient: str = ""  # an address; empty where there is only one
    step: int | None = None
    error: Failure | None = None
    price: Price | None = None
    losses: tuple[dict[str, JSON], ...] = ()
    metadata: dict[str, str] = {}


class Price(Model, kw_only=True):
    """What a message cost, as far as the provider says: category, model, amount."""

    amount: Money | None = None
    billable: bool | None = None
    category: str = ""
    model: str = ""
    type: str = ""


class InteractionReceived(Event, kw_only=True):
    """A person chose an option, by a tap or in words. ``message`` is what the transcript shows."""

    TYPE = "interaction.received"
    action_id: str
    payload: str = ""
    label: str = ""
    source: Ref | None = None
    via: Via = "native"
    text: str = ""  # what they typed, if they typed
    stale: bool = False
    sender: Contact | None = None
    message: Message | None = None


class FormSubmitted(Event, kw_only=True):
    """Answers of a form or flow; ``body`` is what the provider sent where it is no object."""

    TYPE = "form.submitted"
    form: str = ""
    answers: dict[str, JSON] = {}
    body: str = ""
    source: Ref | None = None
    sender: Contact | None = None


class ReactionChanged(Event, kw_only=True):
    """A reaction was set or taken back."""

    TYPE = "reaction.changed"
    target: Ref
    emoji: str = ""
    set: bool = True
    sender: Contact | None = None


class ReceiptUpdated(Event, kw_only=True):
    """Everything of ours up to ``until`` was delivered or read."""

    TYPE = "receipt.updated"
    fact: Fact
    until: dt.datetime


class TypingChanged(Event, kw_only=True):
    """Somebody began or stopped to type."""

    TYPE = "typing.changed"
    on: bool = True
    expires_at: dt.datetime | None = None


class ConsentChanged(Event, kw_only=True):
    """The contact agreed to be written to, or no longer. ``evidence`` is what they said or did."""

    TYPE = "consent.changed"
    granted: bool
    scope: str = "all"  # all, marketing, calls, ...
    via: Literal["keyword", "ui", "block", "complaint", "unsubscribe"] = "ui"
    evidence: str = ""
    expires_at: dt.datetime | None = None
    handled: bool = False  # the provider has answered already
    message: Message | None = None


class ReferralReceived(Event, kw_only=True):
    """What brought the contact here: an ad, a link, a QR code, a story."""

    TYPE = "referral.received"
    kind: Literal["ad", "post", "link", "qr", "story", "code"] = "link"
    ref: str = ""
    source_id: str = ""
    url: str = ""
    headline: str = ""
    body: str = ""
    click_id: str = ""
    media: Media | None = None
    message: Ref | None = None


class ConversationChanged(Event, kw_only=True):
    """A conversation was opened or closed, or its service window changed."""

    change: Literal["opened", "closed", "window"] = "window"
    reason: str = ""

    @property
    def type(self) -> str:
        return f"conversation.{self.change}"


class MemberChanged(Event, kw_only=True):
    """Somebody joined or left a group."""

    change: Literal["joined", "left"]
    member: Contact
    by: str = ""
    reason: str = ""

    @property
    def type(self) -> str:
        return f"member.{self.change}"


class IdentityChanged(Event, kw_only=True):
    """A person is known by other identities: who says so, how certain (0 to 1)."""

    change: Literal["changed", "linked", "unlinked"] = "changed"
    old: tuple[Identity, ...] = ()
    new: tuple[Identity, ...] = ()
    method: str = "provider"
    certainty: float = 1.0

    @property
    def type(self) -> str:
        return f"identity.{self.change}"


class ControlChanged(Event, kw_only=True):
    """Another application has, or hands over, the thread."""

    TYPE = "control.changed"
    change: Literal["passed", "taken", "requested", "released"]
    owner: str = ""
    previous: str = ""
    metadata: str = ""


class CallChanged(Event, kw_only=True):
    """A call, as an event of the conversation; times and ``duration_s`` once it has ended."""

    change: Literal["offered", "accepted", "ended", "missed"]
    call_id: str = ""
    inbound: bool = True
    status: str = ""
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    duration_s: float | None = None
    payload: str = ""
    session: dict[str, JSON] = {}
    media: Media | None = None

    @property
    def type(self) -> str:
        return f"call.{self.change}"


class OrderPlaced(Event, kw_only=True):
    """The contact ordered something."""

    TYPE = "order.placed"
    items: tuple[LineItem, ...]
    catalog: str = ""
    text: str = ""
    ref: str = ""
    total: Money | None = None
    sender: Contact | None = None
    message: Message | None = None


class PaymentUpdated(Event, kw_only=True):
    """How a payment stands."""

    TYPE = "payment.updated"
    ref: str = ""
    status: str = ""
    amount: Money | None = None
    transaction: dict[str, JSON] = {}
    target: Ref | None = None


class EmailFeedback(Event, kw_only=True):
    """What became of a mail. ``status`` is the enhanced status code (RFC 3463)."""

    change: Literal["bounced", "deferred", "complained", "opened", "clicked"]
    target: Ref | None = None
    recipient: str = ""
    status: str = ""
    reason: str = ""
    url: str = ""

    @property
    def type(self) -> str:
        return f"email.{self.change}"


class TemplateStatus(Event, kw_only=True):
    """A template was approved, rejected, paused, or its quality changed."""

    TYPE = "template.status"
    ACCOUNT_WIDE = True
    name: str
    language: str = ""
    template_id: str = ""
    status: str = ""
    category: str = ""
    quality: str = ""
    reason: str = ""
    detail: str = ""


class AccountStatus(Event, kw_only=True):
    """Something about an account: its token, its limits, its quality, its standing."""

    TYPE = "account.status"
    ACCOUNT_WIDE = True
    topic: str  # token, quality, limit, name, restriction, security, payment, alert, ...
    status: str = ""
    reason: str = ""
    error: Failure | None = None
    detail: dict[str, JSON] = {}


class ProviderEvent(Event, kw_only=True):
    """Anything else: the provider's name for it, and its raw payload. Never dropped.

    ``error`` is set where the payload should have been understood and was not: its request is
    quarantined, and `chanbridge replay` runs it again after the plugin is mended.
    """

    TYPE = "provider.event"
    provider_type: str
    error: str = ""
    data: JSON = None


class OtherEvent(Event, kw_only=True):
    """An event of a type that this version does not know: kept unchanged, its fields in ``extra``."""

    name: str

    @property
    def type(self) -> str:
        return self.name


class Wake(Model, kw_only=True):
    """A bell without content: the core keeps it and calls ``poll`` with it."""

    key: str = ""
    data: dict[str, JSON] = {}


EVENTS: dict[str, type[Event]] = {
    "message.received": MessageReceived,
    "message.echoed": MessageEchoed,
    "message.edited": MessageEdited,
    "message.deleted": MessageDeleted,
    "message.status": MessageStatus,
    "interaction.received": InteractionReceived,
    "form.submitted": FormSubmitted,
    "reaction.changed": ReactionChanged,
    "receipt.updated": ReceiptUpdated,
    "typing.changed": TypingChanged,
    "consent.changed": ConsentChanged,
    "referral.received": ReferralReceived,
    **dict.fromkeys(
        ["conversation.opened", "conversation.closed", "conversation.window"], ConversationChanged
    ),
    **dict.fromkeys(["member.joined", "member.left"], MemberChanged),
    **dict.fromkeys(["identity.changed", "identity.linked", "identity.unlinked"], IdentityChanged),
    "control.changed": ControlChanged,
    **dict.fromkeys(["call.offered", "call.accepted", "call.ended", "call.missed"], CallChanged),
    "order.placed": OrderPlaced,
    "payment.updated": PaymentUpdated,
    **dict.fromkeys(
        ["email.bounced", "email.deferred", "email.complained", "email.opened", "email.clicked"],
        EmailFeedback,
    ),
    "template.status": TemplateStatus,
    "account.status": AccountStatus,
    "provider.event": ProviderEvent,
}
"""The classes by their wire type (without ``chanbridge.``)."""


def chosen(action: Action, **fields: Any) -> InteractionReceived:
    """Build the interaction of a chosen action."""
    return InteractionReceived(action_id=action.id, payload=action.payload, label=action.label, **fields)
