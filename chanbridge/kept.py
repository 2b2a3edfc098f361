"""What the journal keeps of a request: no credential, and no large file inside an event."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from chanbridge.blobs import MediaStore
from chanbridge.http import Headers, HttpRequest
from chanbridge.model.events import Event
from chanbridge.model.media import INLINE_MAX, Media
from chanbridge.redact import MASK, redact_url

_CREDENTIAL = re.compile(r"authorization|cookie|token|secret|api-?key|password|credential|session")


@lru_cache(maxsize=1024)
def _is_credential(header: str) -> bool:
    # A signature is none: it fits this one body, and proves at a replay whose request it was.
    return _CREDENTIAL.search(header) is not None


def kept_request(request: HttpRequest, token: str = "") -> HttpRequest:
    """Give a verified webhook as the journal may keep it; ``token`` is its secret piece of the path."""
    url = request.url.replace(token, MASK) if token else request.url
    headers = {name: MASK if _is_credential(name) else value for name, value in request.headers.items()}
    return HttpRequest(
        method=request.method,
        url=redact_url(url) if "?" in url else url,
        headers=Headers(headers),
        body=request.body,
    )


def may_hold_files(request: HttpRequest) -> bool:
    """Say whether events of a request can hold more than fits inline: only a large or packed body can."""
    return len(request.content) > INLINE_MAX or "content-encoding" in request.headers


async def with_blobs(events: Sequence[Event], store: MediaStore) -> list[Event]:
    """Put bytes that are too many for an event into the media store; give the events that refer to them."""
    return [await _with_blobs(event, store) for event in events]


async def _with_blobs(event: Event, store: MediaStore) -> Event:
    kept = {id(media): await _kept(media, store) for media in _large(event)}
    changed: Event = _replaced(event, kept) if kept else event
    return changed


async def _kept(media: Media, store: MediaStore) -> Media:
    put = await store.put(_chunks(media.data), mime=media.mime, filename=media.filename)
    return media.replace(
        data=b"", blob=put.blob, sha256=put.sha256, size=put.size, mime=media.mime or put.mime
    )


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _large(value: Any) -> Iterator[Media]:
    """Give the media anywhere inside a value whose bytes do not fit inline."""
    if isinstance(value, Media) and len(value.data) > INLINE_MAX:
        yield value
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _large(getattr(value, field))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _large(item)


def _replaced(value: Any, kept: dict[int, Media]) -> Any:
    if id(value) in kept:
        value = kept[id(value)]
    if isinstance(value, msgspec.Struct):
        fields = {field: getattr(value, field) for field in value.__struct_fields__}
        changed = {name: new for name, old in fields.items() if (new := _replaced(old, kept)) is not old}
        return msgspec.structs.replace(value, **changed) if changed else value
    if isinstance(value, tuple | list):
        items = [_replaced(item, kept) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    return value
