"""What the events of one request have found out already, so that ten messages of one person ask once."""

from __future__ import annotations

from chanbridge.model.address import Contact, Conversation

Stated = tuple[str, Conversation, Contact | None]
"""What decides where an event belongs: our account, the conversation and the contact that it names."""


class Visit:
    """Valid within one piece of work: nothing else changes the store meanwhile."""

    __slots__ = ("conversation", "last", "menuless", "queued", "stated", "until")

    def __init__(self) -> None:
        self.stated: Stated | None = None  # by the last event
        self.conversation: Conversation | None = None  # where that led
        self.until = 0.0  # the window that it opened
        self.menuless: set[str] = set()  # conversations without a menu to answer
        self.queued: set[str] = set()  # conversations that every consumer is to look at
        self.last = 0  # the newest event's place in the journal
