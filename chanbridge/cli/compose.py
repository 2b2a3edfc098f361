"""From the options of ``chanbridge send`` to a message."""

from __future__ import annotations

import mimetypes
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import click

from chanbridge.cli.common import pairs
from chanbridge.cli.reading import json_problem, text_of
from chanbridge.model.base import Ref
from chanbridge.model.errors import ValidationError
from chanbridge.model.media import LocalFile, Media, MediaRole
from chanbridge.model.message import Message, Relation, actions
from chanbridge.model.parts import MediaPart, Part, Template, Text

_ROLES: dict[str, MediaRole] = {"image": "image", "video": "video", "audio": "audio"}


class Wanted(NamedTuple):
    """What the options of a message say."""

    text: str | None
    media: tuple[str, ...] = ()
    caption: str = ""
    buttons: tuple[str, ...] = ()
    quick_replies: tuple[str, ...] = ()
    template: str = ""
    language: str = ""
    params: tuple[str, ...] = ()
    document: Path | None = None
    reply_to: str = ""
    category: Any = None


def compose(wanted: Wanted) -> Message:
    """Build the message; raise `click.UsageError`, naming the option, where they do not go together."""
    if wanted.document:
        return _from_document(wanted)
    for name, given in (("--param", wanted.params), ("--language", wanted.language)):
        if given and not wanted.template:
            raise click.UsageError(f"{name}: needs --template")
    if wanted.template and wanted.media:
        raise click.UsageError("--media: not together with --template, whose file is a parameter: use --json")
    if wanted.caption and not wanted.media:
        raise click.UsageError("--caption: needs --media")
    parts = _parts(wanted)
    parts[-1] = parts[-1].replace(actions=actions(wanted.buttons))
    return Message(
        parts=tuple(parts),
        quick_replies=actions(wanted.quick_replies),
        relation=_relation(wanted.reply_to),
        category=wanted.category,
    )


def _from_document(wanted: Wanted) -> Message:
    from chanbridge.model.codec import decode_message

    others = {"TEXT": wanted.text, "--media": wanted.media, "--template": wanted.template,
              "--button": wanted.buttons, "--quick-reply": wanted.quick_replies}  # fmt: skip
    for name, value in others.items():
        if value:
            raise click.UsageError(f"{name}: not together with --json, which has the whole message")
    assert wanted.document is not None
    try:
        document = sys.stdin.buffer.read() if str(wanted.document) == "-" else wanted.document.read_bytes()
    except OSError as error:
        raise click.UsageError(f"--json: {wanted.document} cannot be read: {type(error).__name__}") from error
    problem = json_problem(document)
    if problem:
        raise click.UsageError(f"--json: {_named(wanted.document)} {problem}")
    try:
        message = decode_message(document)
    except ValidationError as error:
        raise click.UsageError(f"--json: {_named(wanted.document)}: {error}") from error
    relation = _relation(wanted.reply_to) or message.relation
    return message.replace(relation=relation, category=wanted.category or message.category)


def _named(document: Path) -> str:
    return "standard input" if str(document) == "-" else str(document)


def _parts(wanted: Wanted) -> list[Part]:
    if wanted.template:
        shown = (Text(text=wanted.text),) if wanted.text else ()
        values = pairs(wanted.params, "--param")
        return [
            Template(name=wanted.template, language=wanted.language or "en", parameters=values, preview=shown)
        ]
    files = [_file(source) for source in wanted.media]
    text = wanted.text if wanted.text is not None else "" if files else _piped()
    words: list[Part] = [Text(text=text)] if text.strip() else []
    if not files:
        if not words:
            raise click.UsageError("TEXT: there is nothing to send")
        return words
    caption = wanted.caption or text
    if caption.strip():
        files[0] = files[0].replace(caption=Text(text=caption))
    return [*(words if wanted.caption else []), *files]


def _piped() -> str:
    """The text on standard input."""
    try:
        return text_of(sys.stdin.buffer.read()).rstrip("\n")
    except ValueError as error:
        raise click.UsageError(f"TEXT: standard input {error}") from error


def _file(source: str) -> MediaPart:
    mime = mimetypes.guess_type(source.partition("?")[0])[0] or ""
    role = _ROLES.get(mime.partition("/")[0], "document")
    if source.startswith(("http://", "https://")):
        return MediaPart(role=role, media=Media(url=source, mime=mime))
    if "://" in source:
        scheme = source.partition("://")[0]
        raise click.UsageError(f"--media: {scheme}:// is not fetched: use a path or an http(s) URL")
    path = Path(source)
    if not path.is_file():
        raise click.UsageError(f"--media: no file '{source}'")
    size = path.stat().st_size
    if not size:
        raise click.UsageError(f"--media: '{source}' is empty: send a file that has something in it")
    url = path.absolute().as_uri()
    return MediaPart(role=role, media=LocalFile(url=url, filename=path.name, mime=mime, size=size))


def _relation(reply_to: str) -> Relation | None:
    if not reply_to:
        return None
    try:
        return Relation(reply_to=Ref(id=str(uuid.UUID(reply_to))))
    except ValueError:
        return Relation(reply_to=Ref(external=reply_to))
