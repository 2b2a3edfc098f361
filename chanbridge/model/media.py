"""A file, wherever it is. No reference ever holds a credential."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from chanbridge.model.base import Model

MediaRole = Literal["image", "video", "audio", "voice", "animation", "sticker", "document"]
INLINE_MAX = 64 * 1024
"""Most bytes of ``Media.data`` that a document may hold; the core makes a blob of what is larger."""


class Media(Model):
    """A file by exactly one of ``url``, ``provider_id``, ``blob`` (in our store) or ``data``.

    ``auth="channel"``: only the channel's plugin can fetch it. Sizes are bytes, durations ms,
    ``sha256`` is lower-case hex of the content.
    """

    url: str = ""
    provider_id: str = ""
    blob: str = ""
    data: bytes = b""
    mime: str = ""
    size: int | None = None
    sha256: str = ""
    filename: str = ""
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    thumbnail: Media | None = None
    expires_at: dt.datetime | None = None
    auth: Literal["none", "channel"] = "none"
    transcript: str = ""
