"""What one side said: a message of ordered parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from chanbridge.model.address import Contact, Recipient
from chanbridge.model.base import JSON, Model, Raw, Ref
from chanbridge.model.errors import ValidationError
from chanbridge.model.media import LocalFile, Media, MediaRole
from chanbridge.model.parts import (
    Action,
    ListItem,
    ListPart,
    Location,
    MediaPart,
    Part,
    Section,
    Template,
    TemplateCategory,
    Text,
    TextFormat,
)

Origin = Literal["contact", "agent", "bot", "system", "echo"]
Choice = str | Action
Parts = Annotated[tuple[Part, ...], Meta(min_length=1)]
Locale = Annotated[str, Meta(pattern="^$|^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", examples=["pt-BR"])]


class External(Model, kw_only=True):
    """One provider id that a message became: by which step, carrying which parts, when."""

    id: str
    step: int = 0
    parts: tuple[str, ...] = ()
    at: dt.datetime | None = None


class Relation(Model, kw_only=True):
    """How a message hangs together with others."""

    reply_to: Ref | None = None
    thread: str = ""
    replaces: Ref | None = None
    forwarded: int = 0  # how often; providers that only know "often" give 5


class EmailProfile(Model, kw_only=True):
    """What only e-mail has."""

    subject: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    auto_submitted: str = ""


class Alternative(Model, kw_only=True):
    """A poorer form of the same message, written by its author."""

    parts: Parts
    quick_replies: tuple[Action, ...] = ()


class Message(Model, kw_only=True):
    """What one side said. Ours to send: build one with `Message.text` and its siblings."""

    parts: Parts
    id: str = ""
    external: tuple[External, ...] = ()
    direction: Literal["in", "out"] = "out"
    origin: Origin = "agent"
    origin_detail: str = ""
    account: str = ""
    channel: str = ""
    conversation: str = ""
    sender: Contact | None = None
    recipients: tuple[Recipient, ...] = ()
    quick_replies: tuple[Action, ...] = ()
    relation: Relation | None = None
    overrides: dict[str, JSON] = {}
    alternatives: tuple[Alternative, ...] = ()
    fallback_text: str = ""
    locale: Locale = ""
    expires_at: dt.datetime | None = None
    not_before: dt.datetime | None = None
    category: TemplateCategory | None = None
    idempotency_key: Annotated[str, Meta(max_length=128)] = ""
    email: EmailProfile | None = None
    metadata: dict[str, str] = {}
    raw: Raw | None = None

    @classmethod
    def of(cls, *parts: Part, quick_replies: Iterable[Choice] = (), **fields: Any) -> Message:
        """Build a message of any parts."""
        return cls(parts=parts, quick_replies=actions(quick_replies), **fields)

    @classmethod
    def text(
        cls,
        text: str,
        *,
        format: TextFormat = "plain",
        buttons: Iterable[Choice] = (),
        quick_replies: Iterable[Choice] = (),
        **fields: Any,
    ) -> Message:
        """Build a text: ``Message.text("Pick", quick_replies=["Yes", "No"])``."""
        part = Text(text=text, format=format, actions=actions(buttons))
        return cls.of(part, quick_replies=quick_replies, **fields)

    @classmethod
    def image(cls, source: str | Path | Media, **kwargs: Any) -> Message:
        """Build a picture with an optional ``caption``, from a path, a URL or a `Media`."""
        return cls.file(source, role="image", **kwargs)

    @classmethod
    def file(
        cls,
        source: str | Path | Media,
        *,
        role: MediaRole = "document",
        caption: str = "",
        alt: str = "",
        buttons: Iterable[Choice] = (),
        **fields: Any,
    ) -> Message:
        """Build a message of one file of the given role."""
        part = MediaPart(
            role=role,
            media=media(source),
            caption=Text(text=caption) if caption else None,
            alt=alt,
            actions=actions(buttons),
        )
        return cls.of(part, **fields)

    @classmethod
    def location(cls, lat: float, lon: float, *, name: str = "", address: str = "", **fields: Any) -> Message:
        """Build a place, in WGS84 degrees."""
        return cls.of(Location(lat=lat, lon=lon, name=name, address=address), **fields)

    @classmethod
    def menu(cls, body: str, items: Iterable[str | ListItem], *, button: str = "", **fields: Any) -> Message:
        """Build a list of one section."""
        rows = tuple(ListItem(title=item) if isinstance(item, str) else item for item in items)
        return cls.of(ListPart(body=body, button=button, sections=(Section(items=rows),)), **fields)

    @classmethod
    def template(
        cls,
        name: str,
        *,
        language: str,
        parameters: dict[str, JSON] | None = None,
        preview: str = "",
        **fields: Any,
    ) -> Message:
        """Build a template; ``preview`` is its text for channels that have none."""
        shown = (Text(text=preview),) if preview else ()
        part = Template(name=name, language=language, parameters=parameters or {}, preview=shown)
        return cls.of(part, **fields)

    @property
    def plain(self) -> str:
        """The words of the message: its texts and captions, a line each."""
        texts = (part.caption if isinstance(part, MediaPart) else part for part in self.parts)
        return "\n".join(part.text for part in texts if isinstance(part, Text))


def said(message: object) -> Message:
    """Make a message of a text; raise `ValidationError` for what is neither."""
    if isinstance(message, str):
        return Message.text(message)
    if not isinstance(message, Message):
        raise ValidationError("message", f"must be a text or a Message, not {type(message).__name__}")
    return message


def actions(choices: Iterable[Choice]) -> tuple[Action, ...]:
    """Make actions of labels: ``["Yes", "No"]``."""
    return tuple(Action(label=choice) if isinstance(choice, str) else choice for choice in choices)


def media(source: str | Path | Media) -> Media:
    """Make a `Media` of a path or a URL; the file itself is read when the message is sent."""
    if isinstance(source, Media):
        return source
    text = str(source)
    if text.startswith(("http://", "https://")):
        return Media(url=text)
    if text.startswith("file:"):
        return LocalFile(url=text)
    path = Path(text)
    return LocalFile(url=path.absolute().as_uri(), filename=path.name)
