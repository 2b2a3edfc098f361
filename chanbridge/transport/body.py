"""Request bodies as they go over the wire: their length first, then their bytes, piece by piece."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Callable

import msgspec

from chanbridge.blobs import MediaStore
from chanbridge.http import Body, Field, MediaBody, Multipart
from chanbridge.model.errors import SendError

Chunks = Callable[[], AsyncIterator[bytes]]


class Prepared(msgspec.Struct, frozen=True):
    """A body that is ready to leave: bytes, or a stream of known length."""

    length: int
    content: bytes = b""
    chunks: Chunks | None = None
    content_type: str = ""


async def prepare(body: Body, store: MediaStore | None) -> Prepared:
    """Find what a body needs before anything leaves; raise `SendError` if a file of it is missing."""
    match body:
        case bytes():
            return Prepared(len(body), body)
        case MediaBody():
            return await _media(body, store)
        case Multipart():
            return await _multipart(body, store)


async def _media(body: MediaBody, store: MediaStore | None) -> Prepared:
    media = body.media
    if not media.blob:
        if media.data:
            content = media.data[body.start : body.end]
            return Prepared(len(content), content, content_type=media.mime)
        raise SendError("internal", detail="a file must be in the media store before it is sent")
    if store is None:
        raise SendError("internal", detail="there is no media store to read a file from")
    known = await store.stat(media.blob)
    size = known.size or 0
    start = min(body.start, size)
    end = size if body.end is None else max(start, min(body.end, size))
    read = store.read
    return Prepared(
        end - start,
        chunks=lambda: read(media.blob, start, end),
        content_type=media.mime or known.mime,
    )


async def _multipart(body: Multipart, store: MediaStore | None) -> Prepared:
    boundary = f"chanbridge-{secrets.token_hex(16)}"
    pieces: list[Prepared] = []
    for field in body.fields:
        content = await prepare(_value(field), store)
        pieces.append(_bytes(field_head(field, boundary, content.content_type)))
        pieces += [content, _bytes(b"\r\n")]
    pieces.append(_bytes(f"--{boundary}--\r\n".encode()))
    return _joined(pieces, f"multipart/form-data; boundary={boundary}")


def _joined(pieces: list[Prepared], content_type: str) -> Prepared:
    length = sum(piece.length for piece in pieces)
    if all(piece.chunks is None for piece in pieces):
        content = b"".join(piece.content for piece in pieces)
        return Prepared(length, content, content_type=content_type)

    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            if piece.chunks is None:
                yield piece.content
            else:
                async for chunk in piece.chunks():
                    yield chunk

    return Prepared(length, chunks=chunks, content_type=content_type)


def _bytes(content: bytes) -> Prepared:
    return Prepared(len(content), content)


def _value(field: Field) -> bytes | MediaBody:
    return field.value.encode() if isinstance(field.value, str) else field.value


def field_head(field: Field, boundary: str, guessed: str = "") -> bytes:
    """Write the head of one field: whatever its names hold, they cannot end the header."""
    filename = field.filename or _own_name(field)
    disposition = f'form-data; name="{_quoted(field.name)}"'
    if filename:
        disposition += f'; filename="{_quoted(filename)}"'
    content_type = field.content_type or guessed or ("application/octet-stream" if filename else "")
    lines = [f"--{boundary}", f"Content-Disposition: {disposition}"]
    if content_type:
        lines.append(f"Content-Type: {_CONTROL.sub('', content_type)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def _own_name(field: Field) -> str:
    """A file needs a file name: many servers take a field without one for text."""
    return (field.value.media.filename or "file") if isinstance(field.value, MediaBody) else ""


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(r'["\x00-\x1f\x7f]')
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}  # as HTML forms do


def _quoted(name: str) -> str:
    return _UNSAFE.sub(lambda found: _ESCAPES.get(found[0], "_"), name)
