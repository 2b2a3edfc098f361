"""A file, wherever it is. No reference ever holds a credential."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta

from chanbridge.model.base import Model, Natural

MediaRole = Literal["image", "video", "audio", "voice", "animation", "sticker", "document"]
INLINE_MAX = 64 * 1024
"""Most bytes of ``Media.data`` that a document may hold; the core makes a blob of what is larger."""


class Media(Model, kw_only=True):
    """A file by exactly one of ``url``, ``provider_id``, ``blob`` (in our store) or ``data``.

    ``auth="channel"``: only the channel's plugin can fetch it. Sizes are bytes, durations ms,
    ``sha256`` is lower-case hex of the content.
    """

    url: str = ""
    provider_id: str = ""
    blob: str = ""
    data: Annotated[bytes, Meta(max_length=INLINE_MAX)] = b""
    mime: Annotated[str, Meta(pattern=r"^$|^[^\s/;]+/[^\s/;]+(\s*;.*)?$", examples=["image/jpeg"])] = ""
    size: Natural | None = None
    sha256: Annotated[str, Meta(pattern="^$|^[0-9a-f]{64}$")] = ""
    filename: str = ""
    width: Natural | None = None
    height: Natural | None = None
    duration_ms: Natural | None = None
    thumbnail: Media | None = None
    expires_at: dt.datetime | None = None
    auth: Literal["none", "channel"] = "none"
    transcript: str = ""


class LocalFile(Media, kw_only=True):
    """A file of this machine by its ``file:`` URL, read when the message is sent.

    Only code makes one, of a path: no document is ever read into one, so that what somebody sent us
    cannot name the files that we send.
    """
