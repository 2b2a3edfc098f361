"""What a plan depends on beside the message: the service window, links. Looked up, or assumed and told."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from chanbridge.cli.output import note
from chanbridge.model.parts import Template

if TYPE_CHECKING:
    from chanbridge.channel import Channel
    from chanbridge.config import Settings
    from chanbridge.media import MediaLinks
    from chanbridge.model.address import Conversation
    from chanbridge.model.message import Message
    from chanbridge.transcode.plan import Situation

_SAMPLE_URL = "https://bridge.example.com"


class Surroundings:
    """Tells how things stand for sending. Each assumption is told once."""

    def __init__(self, settings: Settings | None, *, quiet: bool = False) -> None:
        self._settings = settings
        self._quiet = quiet
        self._told: set[str] = set()

    @property
    def links(self) -> MediaLinks:
        """Give what makes links to our files; in a plan they need not open anything."""
        from chanbridge.media import MediaLinks

        return MediaLinks(self._settings.public_url if self._settings else _SAMPLE_URL, b"")

    def of(self, channel: Channel[Any], to: Conversation, message: Message) -> tuple[Conversation, Situation]:
        """Give the conversation as the store knows it, and the situation of planning for it."""
        from chanbridge import planner

        now = dt.datetime.now(dt.UTC)
        if self._settings is None:
            self._assume("there is no configuration: the service window is open, files can be linked to")
            known = planner.situation(channel, to, now, message, self.links)
            return to, known.replace(window_open=True)
        there = self._kept(to)
        known = planner.situation(channel, there or to, now, message, self.links)
        free = not all(isinstance(part, Template) for part in message.parts)
        if there is None and free and not known.window_open:
            self._assume(f"nobody has written from {to.address}: the service window is closed")
        return there or to, known

    def _assume(self, words: str) -> None:
        if words not in self._told and not self._quiet:
            note(f"assumed, for {words}")
            self._told.add(words)

    def _kept(self, to: Conversation) -> Conversation | None:
        """Look a conversation up in the store, without writing and without waiting for whoever does."""
        from chanbridge.store.engine import StoreError
        from chanbridge.store.opening import peek

        assert self._settings
        try:
            return peek(self._settings.store, to)
        except StoreError as error:
            self._assume(f"the store cannot be read ({error}): nobody has written")
            return None
