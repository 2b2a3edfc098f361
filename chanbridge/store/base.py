"""What the runtime asks of a store. SQLite is here; any other passes the same test-suite.

Every method is one transaction, durable when it returns. Leases are rows with a deadline: who
holds one is named by ``owner``, and what it holds is free again after ``until``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from chanbridge.channel import Gesture, Sent
from chanbridge.http import HttpRequest
from chanbridge.model.address import Conversation
from chanbridge.model.errors import Failure
from chanbridge.model.events import Event, Wake
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.transcode.plan import Loss, Plan, ReplyMap, Step

RequestState = Literal["ok", "quarantined", "unowned"]


class Arrival(msgspec.Struct, kw_only=True):
    """One request (or one body of a poll) with what was parsed from it; each event names its account."""

    account: str
    at: dt.datetime
    request: HttpRequest | None = None  # redacted
    events: list[Event] = []
    wakes: list[Wake] = []
    state: RequestState = "ok"
    reason: str = ""
    cursor: str | None = None
    replay: int = 0  # the id of the request that is run again


class Entry(NamedTuple):
    """An event in the journal."""

    seq: int
    event: Event


class Stored(NamedTuple):
    """What an append did: the new events, how many were known already, the id of the request."""

    entries: list[Entry]
    duplicates: int
    request: int


class KeptRequest(NamedTuple):
    """A request of the journal, to be looked at or run again."""

    id: int
    account: str
    at: float
    request: HttpRequest
    state: RequestState
    reason: str


class Batch(NamedTuple):
    """A leased conversation with its next events, in order."""

    consumer: str
    conversation: str
    entries: list[Entry]
    attempt: int


class Journal(Protocol):
    """What came in."""

    consumers: list[str]  # who is to see every event

    async def append(self, arrival: Arrival) -> Stored:
        """Keep a request, its new events, its wakes and its cursor, all or nothing."""
        ...

    async def requests(self, state: str = "", limit: int = 100) -> list[KeptRequest]: ...

    async def events(self, conversation: str = "", after: int = 0, limit: int = 100) -> list[Entry]: ...

    async def count(self, name: str, by: int = 1) -> None:
        """Count what is not kept: refused and odd requests, by reason."""
        ...

    async def counters(self) -> dict[str, int]: ...

    async def sweep(self, now: dt.datetime) -> list[Entry]:
        """Bring what waited too long: statuses of unknown messages, incomplete segments, old dedupe keys."""
        ...


class Dispatch(Protocol):
    """Who has yet to see what."""

    async def lease(
        self, consumer: str, owner: str, now: dt.datetime, until: dt.datetime, limit: int
    ) -> list[Batch]: ...

    async def done(self, consumer: str, owner: str, positions: dict[str, int]) -> None:
        """Write down how far conversations were handled, and give them back."""
        ...

    async def renew(self, consumer: str, owner: str, conversation: str, until: dt.datetime) -> bool: ...

    async def retry(
        self, consumer: str, owner: str, conversation: str, position: int, due: dt.datetime
    ) -> None: ...

    async def park(self, consumer: str, owner: str, entry: Entry, error: str, *, stop: bool) -> None:
        """Put an event aside with its error; ``stop``: its conversation waits for a person."""
        ...

    async def pending(self) -> int: ...


class Cursor(NamedTuple):
    """A held cursor."""

    cursor: str | None
    wakes: list[tuple[int, Wake]]


class Cursors(Protocol):
    """Where polls and sessions stand: one poller an account, by lease."""

    async def hold(self, account: str, owner: str, now: dt.datetime, until: dt.datetime) -> Cursor | None: ...

    async def release(self, account: str, owner: str) -> None: ...

    async def answered(self, wakes: list[int]) -> None:
        """Forget wakes that a poll has answered."""
        ...


class Wanted(NamedTuple):
    """A file to be fetched."""

    key: str
    account: str
    media: Media
    attempt: int


class Files(Protocol):
    """Media that came in: `Journal.append` makes a job of each, in the same transaction."""

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Wanted]: ...

    async def keep(self, key: str, media: Media) -> None: ...

    async def retry(self, key: str, due: dt.datetime, failure: Failure) -> None: ...

    async def lose(self, key: str, failure: Failure) -> None: ...

    async def get(self, key: str) -> tuple[str, Media, Failure | None] | None:
        """Say how a file stands: (state, media, failure)."""
        ...


def file_key(account: str, media: Media) -> str:
    """Name the job of a file that came in."""
    return f"{account}\n{media.provider_id or media.url}"


class Outgoing(msgspec.Struct, kw_only=True):
    """A planned message, ready to be kept."""

    message: Message
    plan: Plan
    planned: str  # what it was planned for: window and variant
    at: dt.datetime
    conversation: Conversation
    first_wins: bool = False  # a reply: the key decides, whatever the content


class Queued(msgspec.Struct, kw_only=True):
    """A leased step or gesture, with what its earlier tries left."""

    seq: int
    kind: Literal["step", "gesture"]
    message: str
    step: int
    attempt: int
    item: Step | Gesture
    frozen: bool
    record: bytes  # of the driver's recorder; empty: nothing was sent yet
    planned: str
    last: bool  # the last of its message


class Lane(NamedTuple):
    """A leased conversation with its next item to send."""

    account: str
    conversation: Conversation
    item: Queued
    now: float


class Settled(msgspec.Struct, kw_only=True):
    """What became of a step or gesture."""

    state: Literal["sent", "failed", "unknown", "expired", "canceled", "retry", "held"]
    sent: Sent | None = None
    failure: Failure | None = None
    due: dt.datetime | None = None  # of a retry or hold


class Progress(NamedTuple):
    """How a message stands: per step its state and facts, and the last failure."""

    message: Message
    states: list[str]
    facts: list[set[str]]
    failure: Failure | None
    losses: tuple[Loss, ...]
    externals: tuple[str, ...]


class Outbox(Protocol):
    """What goes out."""

    async def add(self, outgoing: Outgoing) -> str:
        """Keep a message and its steps; give its id, or the id of what its key named already.

        Raise `ValidationError` if the key names another content.
        """
        ...

    async def add_gesture(self, account: str, gesture: Gesture, conversation: Conversation) -> str: ...

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Lane]: ...

    async def next(self, lane: Lane, owner: str, now: dt.datetime) -> Lane | None:
        """Give the next item of a held conversation, or give the conversation back."""
        ...

    async def freeze(self, seq: int, step: Step) -> None: ...

    async def replan(self, outgoing: Outgoing) -> None:
        """Replace the plan of a message of which nothing has left."""
        ...

    async def record(self, seq: int, record: bytes) -> None: ...

    async def settle(self, lane: Lane, owner: str, settled: Settled, now: dt.datetime) -> list[Entry]: ...

    async def progress(self, message: str) -> Progress | None: ...

    async def release(self, account: str, now: dt.datetime) -> None:
        """Let a held account send again."""
        ...


class Situations(Protocol):
    """What is known of conversations."""

    async def conversation(self, account: str, address: str, kind: str, thread: str) -> Conversation: ...

    async def consent(self, conversation: str) -> dict[str, bool]: ...

    async def open_maps(self, conversation: str) -> list[ReplyMap]: ...


class Store(Protocol):
    """All that the runtime keeps."""

    journal: Any
    dispatch: Any
    cursors: Any
    files: Any
    outbox: Any

    async def start(self) -> None: ...

    async def close(self) -> None: ...
