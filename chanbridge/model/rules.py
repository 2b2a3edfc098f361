"""What single pieces of a message demand beyond their types.

Each rule gives (path within the value, what must hold) for what does not hold. Limits of one field
stand in its annotation; here is what takes two fields, or more than a limit can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from chanbridge.model.links import NO_FILE, NO_LINK, OPENED, RUNS, WEB, is_local
from chanbridge.model.media import LocalFile, Media
from chanbridge.model.message import Message
from chanbridge.model.parts import (
    PARTS,
    Action,
    Card,
    Entity,
    Form,
    LineItem,
    Link,
    Location,
    OtherPart,
    Part,
    Payment,
    Product,
    Text,
    UnsupportedPart,
)

Broken = Iterator[tuple[str, str]]
METADATA_MAX = 4096
"""Most bytes of all keys and values of ``Message.metadata`` together."""


def _media(media: Media) -> Broken:
    sources = [name for name in ("url", "provider_id", "blob", "data") if getattr(media, name)]
    if len(sources) != 1:
        given = " and ".join(sources) or "none of them"
        yield "", f"must have exactly one of url, provider_id, blob and data, has {given}"
    if media.size == 0:
        yield "size", "the file is empty: send one that has something in it"
    if media.url:
        yield from _url(media.url, (*WEB, "file"))
    if is_local(media.url) and not isinstance(media, LocalFile):
        yield "url", "file: URLs are taken only from code: give the bytes or an http(s) URL"


def _url(url: str, schemes: tuple[str, ...] = ()) -> Broken:
    """Say what is wrong with a URL; without ``schemes`` any will do that a person may safely open."""
    try:
        parts = urlsplit(url)
    except ValueError:
        yield "url", "must be a URL"
        return
    if not parts.scheme or (parts.scheme in WEB and not parts.hostname):
        yield "url", "must be a whole URL, as in https://example.com/mug.png"
    elif schemes and parts.scheme not in schemes:
        yield "url", NO_FILE
    elif not schemes and not _opens(parts):
        yield "url", NO_LINK
    if parts.password is not None:
        yield "url", "must hold no password: use auth='channel' with provider_id"


def _opens(parts: SplitResult) -> bool:
    return parts.scheme in OPENED or bool(parts.netloc and parts.scheme not in RUNS)


# What each kind of action cannot do without.
_NEEDS = {"url": "url", "webview": "url", "signin": "url", "call": "phone", "calendar": "event"}


def _action(action: Action) -> Broken:
    needed = _NEEDS.get(action.kind)
    if needed and not getattr(action, needed):
        yield needed, f"is required for an action of kind {action.kind}"
    yield from _link(action)


def _text(text: Text) -> Broken:
    if not text.text:
        yield "text", "must not be empty"
    for index, entity in enumerate(text.entities):
        if entity.end > len(text.text):
            yield f"entities[{index}].end", f"must be within the text, which has {len(text.text)} code points"


def _entity(entity: Entity) -> Broken:
    if entity.end <= entity.start:
        yield "end", "must be greater than start"


def _card(card: Card) -> Broken:
    if not (card.title or card.body or card.media):
        yield "", "must have a title, a body or media"


def _form(form: Form) -> Broken:
    if not (form.ref or form.fields or form.url):
        yield "", "must have a ref, fields or a url"


def _line(line: LineItem) -> Broken:
    if line.qty <= 0:
        yield "qty", "must be greater than 0"


def _link(link: Action | Form | Link | Location | Payment | Product) -> Broken:
    if link.url:
        yield from _url(link.url)


def _unsupported(part: UnsupportedPart) -> Broken:
    if part.raw is None:
        yield "raw", "is required: nothing that came in is lost"


def _other(part: OtherPart) -> Broken:
    if not part.fallback_text:
        yield "fallback_text", f"is required, since not every reader knows parts of kind '{part.kind}'"
    if part.kind in PARTS:
        yield "kind", f"'{part.kind}' is known: use {PARTS[part.kind].__name__}"


def _part(part: Part) -> Broken:
    yield "", "must be of a kind of part: Text, MediaPart, ..."


def _message(message: Message) -> Broken:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in message.metadata.items())
    if size > METADATA_MAX:
        yield "metadata", f"must be at most {METADATA_MAX} bytes in all, is {size}"
    for channel, override in message.overrides.items():
        if not isinstance(override, dict):
            yield f"overrides.{channel}", "must be an object: the native payload for this channel"
    start, end = message.not_before, message.expires_at
    if start and end and end <= start:
        yield "expires_at", "must be later than not_before"


RULES: dict[type, tuple[Callable[[Any], Broken], ...]] = {
    Action: (_action,),
    Card: (_card,),
    Entity: (_entity,),
    Form: (_form, _link),
    LineItem: (_line,),
    Link: (_link,),
    Location: (_link,),
    LocalFile: (_media,),
    Media: (_media,),
    Message: (_message,),
    OtherPart: (_other,),
    Part: (_part,),
    Payment: (_link,),
    Product: (_link,),
    Text: (_text,),
    UnsupportedPart: (_unsupported,),
}
