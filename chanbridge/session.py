"""What the core gives to a channel that holds a session."""

from __future__ import annotations

import datetime as dt

from chanbridge.accounts import Clock
from chanbridge.blobs import MediaStore
from chanbridge.model.errors import SendError
from chanbridge.model.media import Media


class LiveSession:
    """What a channel's session is given: where it stands, the time, and files to send."""

    def __init__(self, cursor: str | None, clock: Clock, blobs: MediaStore | None) -> None:
        self.cursor = cursor
        self._clock = clock
        self._blobs = blobs

    def now(self) -> dt.datetime:
        """The time."""
        return self._clock()

    async def read(self, media: Media) -> bytes:
        """Give the bytes of a file that is ours; raise `SendError` if it is not."""
        if media.data:
            return media.data
        if not media.blob or self._blobs is None:
            raise SendError("media_unavailable", detail="the file is not in the media store", retryable=False)
        return b"".join([block async for block in self._blobs.read(media.blob)])
