"""What sending a message will do, as data: steps, losses, and the way back."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from chanbridge.model.address import Conversation, Recipient
from chanbridge.model.base import JSON, Model, Ref
from chanbridge.model.message import EmailProfile
from chanbridge.model.parts import Action, MediaPart, Part, TemplateCategory, Text

LossLevel = Literal["none", "presentation", "affordance", "content", "rejected"]
LOSS_ORDER: tuple[LossLevel, ...] = ("none", "presentation", "affordance", "content", "rejected")


class Loss(Model, kw_only=True):
    """What does not arrive as it was meant: where (JSON Pointer), how bad, by which rule, why."""

    path: str
    level: LossLevel
    rule: str
    reason: str
    limit: JSON = None
    actual: JSON = None


class Step(Model, kw_only=True):
    """One visible act at the provider, its uploads included: all that a plugin's ``send`` needs.

    ``parts`` fit the channel's capabilities already, and are ordered as they should appear: one
    part with its ``actions``, an album of media, or for e-mail everything together. A `Text` is
    written in the channel's dialect. ``carries`` names the part ids of the message it stands for.
    ``key``, ``to``, ``now``, ``context`` and ``relation`` are filled in by the core, and frozen as the first
    request leaves: every replay sees the same.
    """

    parts: tuple[Part, ...]
    index: int = 0
    carries: tuple[str, ...] = ()
    quick_replies: tuple[Action, ...] = ()
    html: str = ""  # the same words as HTML, where capabilities.email.html (D21)
    override: dict[str, JSON] | None = None  # the author's native payload for this channel
    variant: str = ""
    locale: str = ""
    category: TemplateCategory | None = None
    key: str = ""  # ours, the same on every try: for correlation, and as a provider's idempotency key
    message: str = ""
    to: Conversation = Conversation(address="")
    now: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    expires_at: dt.datetime | None = None
    reply_to: Ref | None = None
    thread: str = ""
    replaces: Ref | None = None
    recipients: tuple[Recipient, ...] = ()
    email: EmailProfile | None = None
    context: dict[str, JSON] = {}
    metadata: dict[str, str] = {}

    @property
    def media(self) -> tuple[MediaPart, ...]:
        """Its media parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, MediaPart))

    @property
    def text(self) -> str:
        """Its words: texts and captions, a line each, in the channel's dialect."""
        texts = (part.caption if isinstance(part, MediaPart) else part for part in self.parts)
        return "\n".join(part.text for part in texts if isinstance(part, Text))

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions of its parts, in order."""
        return tuple(action for part in self.parts for action in part.actions)


class Option(Model, kw_only=True):
    """One option of a menu as it was sent: all that its answer may look like."""

    action_id: str
    label: str
    marker: str = ""  # "2" or "B", where the options were numbered
    token: str = ""  # what stands in the provider's payload, where the payload did not fit
    payload: str = ""
    aliases: tuple[str, ...] = ()
    part: str = ""  # the part id it belongs to
    step: int = 0  # the step that shows it


class ReplyMap(Model, kw_only=True):
    """The way back: from what a person answers to the option they chose."""

    message: str = ""
    conversation: str = ""
    entries: tuple[Option, ...] = ()
    expires_at: dt.datetime | None = None


class Plan(Model, kw_only=True):
    """Steps in order, what is lost, and the reply map (none if nothing can be chosen)."""

    steps: tuple[Step, ...]
    losses: tuple[Loss, ...] = ()
    reply_map: ReplyMap | None = None

    @property
    def loss(self) -> LossLevel:
        """The worst of its losses."""
        return max((loss.level for loss in self.losses), key=LOSS_ORDER.index, default="none")


class Policy(Model, kw_only=True):
    """What an account allows when a message does not fit."""

    max_loss: LossLevel = "affordance"
    max_steps: int = 5  # of a carousel
    quote_replies: bool = False  # D18: quote the message where the channel cannot refer to it
    map_ttl_s: int = 7 * 24 * 3600  # how long a menu can be answered in words
    locale: str = "en"  # of hints, where the message names none
    numbering: bool = True  # false: never number options (D6 becomes a content loss)
    sms_encoding: Literal["keep", "smart", "accents"] = "keep"  # look-alikes that keep a text GSM-7


class Situation(Model, kw_only=True):
    """What the core knows at the moment of planning."""

    window_open: bool = True
    can_serve_links: bool = False  # our media server gives signed links
    links: dict[str, str] = {}  # those made already, by the media's blob or url: for links within a text
    subject: str = ""  # of the thread, for D21
    quoted: str = ""  # the words of the message that is replied to, for D18
    now: dt.datetime | None = None  # fills in the reply map's expiry
