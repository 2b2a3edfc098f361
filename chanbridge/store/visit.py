"""One group of requests on its way into the store: what it has found out, and the rows it writes together.

It is valid within one piece of work: nothing else changes the store meanwhile. Rows are gathered and
written with one statement a table; who asks the store what they would change writes them first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chanbridge.model.address import Contact, Conversation
from chanbridge.model.events import Event
from chanbridge.store import blocks, marks, requests
from chanbridge.store.base import Arrival, Entry
from chanbridge.store.blocks import Block
from chanbridge.store.said import Body, Shared

Stated = tuple[str, Conversation, Contact | None]
"""What decides where an event belongs: our account, the conversation and the contact that it names."""
Row = tuple[Any, ...]
Queue = Callable[[sqlite3.Connection, dict[str, int]], dict[str, tuple[str, ...]]]
"""Queues conversations from a position on; gives the consumers for which each was leased at once."""

_WINDOW = (
    "UPDATE conversations SET"
    " window_by = CASE WHEN ?1 >= coalesce(window_until, 0) THEN ?2 ELSE window_by END,"
    " window_until = max(coalesce(window_until, 0), ?1) WHERE key = ?3"
)


class Drawn(NamedTuple):
    """An event with its place in the journal."""

    seq: int
    event: Event
    key: str


class Visit:
    """What a group knows and what it is about to write."""

    __slots__ = (
        "_at", "_events", "_requests", "_windows", "body", "connection", "conversation", "files", "fresh",
        "last_event", "last_request", "menuless", "plain_keys", "queued", "stated", "until",
    )  # fmt: skip

    def __init__(
        self, connection: sqlite3.Connection, menuless: set[str], *, plain_keys: bool = False
    ) -> None:
        self.connection = connection
        self.plain_keys = plain_keys
        self.stated: Stated | None = None  # by the last event
        self.conversation: Conversation | None = None  # where that led
        self.until = 0.0  # the window that it opened
        self.menuless = menuless  # conversations without a menu to answer
        self.fresh: set[bytes] = set()  # dedupe keys that nobody knew
        self.files = False  # some are to be fetched
        self.body = Body()  # of the request that brings what comes next
        self.queued: dict[str, int] = {}  # conversations that every consumer is to look at, and from where
        self.last_event = marks.last(connection, "events")
        self.last_request = marks.last(connection, "requests")
        self._at = (self.last_event, self.last_request)  # as it is written down
        self._requests: list[Row] = []
        self._events: list[Block] = []
        self._windows: dict[str, Row] = {}

    def request(self, arrival: Arrival) -> int:
        """Gather the request of an arrival; give its id, 0 if it brings none."""
        if arrival.request is None:
            return 0
        self.last_request += 1
        self._requests.append(requests.row_of(self.last_request, arrival, arrival.state, arrival.reason))
        return self.last_request

    def event(self, drawn: Drawn, at: float, request: int | None, shared: Shared | None) -> None:
        """Gather an event; ``shared``: what a plain message has in common with others."""
        seq, event, key = drawn
        if self._events and self._events[-1].takes(key, request, shared):
            self._events[-1].seq = seq
            self._events[-1].events.append(event)
        else:
            self._events.append(Block(seq, key, at, request, self.body, event, shared))
            self.queued.setdefault(key, seq - 1)

    def window(self, key: str, until: float, by: str) -> None:
        """Gather a window that a message opens."""
        known = self._windows.get(key)
        if known is None or until >= known[0]:
            self._windows[key] = (until, by, key)

    def write(self) -> None:
        """Write what was gathered."""
        if self._requests:
            self.connection.executemany(requests.ADD, self._requests)
            self._requests = []
        if self._events:
            blocks.write(self.connection, self._events)
            self._events = []
        if self._windows:
            self.connection.executemany(_WINDOW, list(self._windows.values()))
            self._windows = {}

    def finish(self, queue: Queue) -> dict[str, tuple[str, ...]]:
        """Write all there is; give the consumers for which a conversation was leased at once."""
        self.write()
        if self.last_event > self._at[0]:
            marks.advance(self.connection, "events", self.last_event)
        if self.last_request > self._at[1]:
            marks.advance(self.connection, "requests", self.last_request)
        return queue(self.connection, self.queued) if self.queued else {}


def entries(drawn: Sequence[Drawn], held: dict[str, tuple[str, ...]]) -> list[Entry]:
    """Give the entries of what was written; the first of a conversation says for whom it was leased."""
    return [Entry(seq, event, key, held.pop(key, ())) for seq, event, key in drawn]
