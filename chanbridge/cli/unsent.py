"""The files of a dry run: in the form that sending would give them, none fetched and none kept."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from chanbridge.media import MediaForms, MediaLinks
from chanbridge.model.media import Media

if TYPE_CHECKING:
    from chanbridge.channel import Channel
    from chanbridge.transcode.plan import Step

_NOT_FETCHED = "0" * 64


class UnsentFiles(MediaForms):
    """Gives links and handles as sending would; what it would fetch has a handle that stands in."""

    def __init__(self, links: MediaLinks) -> None:
        super().__init__(links)
        self._data: dict[str, bytes] = {}

    def resolved(self, step: Step, channel: Channel[Any]) -> Step:
        """Give a step as its channel would get it; raise `SendError` for a file that it could not take."""
        return asyncio.run(self.resolve(step, channel, channel.capabilities_for(step.to)))

    async def fetch(self, media: Media, channel: Channel[Any]) -> Media:
        if media.blob:
            return media
        blob = hashlib.sha256(media.data).hexdigest() if media.data else _NOT_FETCHED
        self._data[blob] = media.data
        size = len(media.data) if media.data else media.size
        return media.replace(url="", provider_id="", data=b"", auth="none", blob=blob, size=size)

    async def inlined(self, media: Media) -> Media:
        return media.replace(blob="", data=self._data.get(media.blob, b""))
