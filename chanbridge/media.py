"""Files on their way: fetched, kept, and handed to a channel in the form that it can take."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from chanbridge.blobs import MAX_FILE, MediaStore
from chanbridge.channel import Channel
from chanbridge.http import same
from chanbridge.model.base import Raw
from chanbridge.model.capabilities import By, Capabilities
from chanbridge.model.errors import SendError
from chanbridge.model.media import INLINE_MAX, LocalFile, Media, MediaRole
from chanbridge.model.message import Message
from chanbridge.model.parts import MediaPart
from chanbridge.transcode.plan import Step
from chanbridge.transport.drive import Driver

T = TypeVar("T")
Change = Callable[[Media, MediaRole], Awaitable[Media]]
LINK_TTL = dt.timedelta(hours=24)
_BLOCK = 1024 * 1024
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


class MediaLinks:
    """Links to our own files that anyone may follow until they expire, and nobody can make up."""

    def __init__(self, public_url: str, key: bytes) -> None:
        self._base = public_url.rstrip("/")
        self._key = key

    @property
    def possible(self) -> bool:
        """Say whether there is an address to serve them from."""
        return bool(self._base)

    def sign(self, blob: str, now: dt.datetime, ttl: dt.timedelta = LINK_TTL) -> str:
        """Give the link of a blob. The same time gives the same link, so a replayed send repeats it."""
        expires = int((now + ttl).timestamp())
        return f"{self._base}/media/{blob}?e={expires}&s={self._signature(blob, str(expires))}"

    def of(self, message: Message, now: dt.datetime) -> dict[str, str]:
        """Give a link for every file of a message that is ours, by its blob."""
        return {blob: self.sign(blob, now) for blob in _blobs(message)} if self.possible else {}

    def holds(self, blob: str, expires: str, signature: str, now: dt.datetime) -> bool:
        """Say whether a link is ours and has not expired."""
        genuine = same(signature, self._signature(blob, expires))
        return genuine and expires.isdecimal() and now.timestamp() < int(expires)

    def _signature(self, blob: str, expires: str) -> str:
        said = f"{len(blob)}:{blob}:{expires}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, said, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:24]).decode()


class MediaForms(ABC):
    """Gives files in the form that a channel takes."""

    def __init__(self, links: MediaLinks | None = None) -> None:
        self._links = links

    @abstractmethod
    async def fetch(self, media: Media, channel: Channel[Any]) -> Media:
        """Give a file as one that we have, by its blob."""

    @abstractmethod
    async def inlined(self, media: Media) -> Media:
        """Give a file that we have with its content in it."""

    async def resolve(self, step: Step, channel: Channel[Any], capabilities: Capabilities) -> Step:
        """Give a step with each file in the first form of ``by`` that we can give, links from its ``now``."""

        async def change(media: Media, role: MediaRole) -> Media:
            limits = capabilities.media.get(role)
            return await self.resolve_for(media, limits.by if limits else (), channel, step.now)

        return await map_media(step, change)

    async def resolve_for(
        self, media: Media, by: Sequence[By], channel: Channel[Any], now: dt.datetime
    ) -> Media:
        """Give a file in the first form that we can give; raise `SendError` if it is none of them."""
        forms = by or ("upload",)
        for form in sorted(forms, key=lambda form: not _is_already(media, form)):  # stable: the rest in order
            made = await self._form(media, form, channel, now)
            if made is not None:
                return made
        raise SendError(
            "media_unavailable",
            detail=f"the channel takes files by {', '.join(by)}: set public_url, or send a file",
            retryable=False,
        )

    async def _form(self, media: Media, form: By, channel: Channel[Any], now: dt.datetime) -> Media | None:
        if form == "provider_id":
            return media if media.provider_id else None
        if form == "url" and media.url.startswith(("https:", "http:")) and media.auth == "none":
            return media
        if form == "url" and (self._links is None or not self._links.possible):
            return None
        if media.provider_id and not channel.can("fetch"):
            return None
        kept = await self.fetch(media, channel)
        if form == "url" and self._links is not None:
            return kept.replace(blob="", url=self._links.sign(kept.blob, now))
        return kept if form == "upload" else await self.inlined(kept)


class MediaService(MediaForms):
    """Fetches and keeps files, through the store and the driver of flows."""

    def __init__(self, store: MediaStore, driver: Driver, links: MediaLinks | None = None) -> None:
        super().__init__(links)
        self._store = store
        self._driver = driver

    async def fetch(self, media: Media, channel: Channel[Any]) -> Media:
        """Bring a file into the store: through the channel if only it can, else by its guarded URL."""
        if media.blob:
            return media
        if media.data:
            return await self._keep(media)
        through_channel = media.auth == "channel" or not media.url
        flow = channel.fetch(media) if through_channel else Channel.fetch(channel, media)
        content = await self._driver.run(flow, channel, foreign=not through_channel)
        return _fetched(media, content.media)

    async def unload(self, value: T) -> T:
        """Replace inline data too large for a document by a blob, anywhere in a message or an event."""

        async def change(media: Media, role: MediaRole) -> Media:
            return await self._keep(media) if len(media.data) > INLINE_MAX else media

        return await map_media(value, change)

    async def import_local(self, message: Message) -> Message:
        """Copy the local files of a message into the store: those that code named by their path."""

        async def change(media: Media, role: MediaRole) -> Media:
            return await self._import(media) if isinstance(media, LocalFile) else media

        return await self.unload(await map_media(message, change))

    async def inlined(self, media: Media) -> Media:
        """Give a kept file with its content in it."""
        content = b"".join([block async for block in self._store.read(media.blob)])
        return media.replace(blob="", data=content)

    async def _keep(self, media: Media) -> Media:
        async def content() -> AsyncIterator[bytes]:
            yield media.data

        stored = await self._store.put(content(), mime=media.mime, filename=media.filename)
        return _fetched(media, stored)

    async def _import(self, media: LocalFile) -> Media:
        path = Path(url2pathname(urlsplit(media.url).path))
        try:
            stored = await self._store.put(
                _read(path), mime=media.mime, filename=media.filename or path.name, max_bytes=MAX_FILE
            )
        except OSError as error:
            raise SendError(
                "media_unavailable", detail=f"cannot read {path}: {error.strerror}", retryable=False
            ) from error
        if not stored.size:
            detail = f"{path.name} is empty: send a file that has something in it"
            raise SendError("invalid_request", detail=detail, retryable=False)
        return _fetched(Media(**msgspec.structs.asdict(media)), stored)


def _blobs(value: object) -> Iterator[str]:
    """Give the blobs of all files in a tree of structs."""
    if isinstance(value, Media):
        if value.blob:
            yield value.blob
    elif isinstance(value, tuple):
        for item in value:
            yield from _blobs(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _blobs(getattr(value, name))


def _is_already(media: Media, form: By) -> bool:
    """Say whether a file has a form already: a link that anyone may follow is not fetched to be uploaded."""
    if form == "url":
        return media.url.startswith("https:") and media.auth == "none"
    return form == "provider_id" and bool(media.provider_id)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block


def _fetched(wanted: Media, stored: Media) -> Media:
    """Join what was said of a file with what it turned out to be; only the blob refers to it."""
    if _HEX_SHA256.fullmatch(wanted.sha256) and wanted.sha256 != stored.sha256:
        raise SendError("media_unavailable", detail="the file is not the one that was announced (SHA-256)")
    return wanted.replace(
        url="",
        provider_id="",
        data=b"",
        auth="none",
        expires_at=None,
        blob=stored.blob,
        mime=stored.mime or wanted.mime,
        size=stored.size,
        sha256=stored.sha256,
        filename=wanted.filename or stored.filename,
    )


async def map_media(value: T, change: Change, role: MediaRole = "image") -> T:
    """Change every file in a tree of structs; what has none in it stays the same object.

    A file that stands in no media part (of a card, a list row) counts as an image.
    """
    changed: Any = value
    if isinstance(value, Media):
        changed = await change(value, role)
    elif isinstance(value, tuple):
        items = [await map_media(item, change, role) for item in value]
        if any(new is not old for new, old in zip(items, value, strict=True)):
            changed = tuple(items)
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Raw):
        inner = value.role if isinstance(value, MediaPart) else role
        changed = await _map_fields(value, change, inner)
    return changed  # type: ignore[no-any-return]


async def _map_fields(value: msgspec.Struct, change: Change, role: MediaRole) -> msgspec.Struct:
    changes = {}
    for name in value.__struct_fields__:
        old = getattr(value, name)
        if isinstance(old, tuple | msgspec.Struct):
            new = await map_media(old, change, role)
            if new is not old:
                changes[name] = new
    return msgspec.structs.replace(value, **changes) if changes else value
