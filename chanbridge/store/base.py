"""What the runtime asks of a store. SQLite is here; any other passes the same test-suite.

Every method is one transaction, durable when it returns. Leases are rows with a deadline: who
holds one is named by ``owner``, and what it holds is free again after ``until``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import msgspec

from chanbridge.channel import Gesture, Sent
from chanbridge.http import HttpRequest
from chanbridge.model.address import Conversation
from chanbridge.model.errors import Failure
from chanbridge.model.events import Event, Wake
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.transcode.plan import Loss, Plan, Step

if TYPE_CHECKING:
    from chanbridge.store.replies import Matching

RequestState = Literal["ok", "quarantined", "unowned"]


class Arrival(msgspec.Struct, kw_only=True, gc=False):
    """One request (or one body of a poll) with what was parsed from it; each event names its account."""

    account: str
    at: dt.datetime
    request: HttpRequest | None = None  # redacted; with `replay` or `unplaced` it is kept already
    events: list[Event] = []
    wakes: list[Wake] = []
    state: RequestState = "ok"
    reason: str = ""
    strays: int = 0  # events that nobody owns
    cursor: str | None = None
    replay: int = 0  # the id of the request that is run again
    can_wait: bool = False  # a webhook: all that it brings is in its request, so it may be placed later
    unplaced: int = 0  # the id of the request that was taken in alone, and is placed now


class Entry(NamedTuple):
    """An event in the journal, with the key of its conversation.

    ``held``: the consumers for which its writing leased the conversation.
    """

    seq: int
    event: Event
    key: str
    held: tuple[str, ...] = ()


class Stored(NamedTuple):
    """What an append did: the new events, how many were known already, the id of the request (0: none).

    ``files``: some of the events brought a file that is to be fetched. ``later``: it waits to be placed.
    """

    entries: list[Entry]
    duplicates: int
    request: int
    files: bool = True
    later: bool = False


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


class Room(Protocol):
    """Says whether a consumer can take one more conversation at once."""

    def __call__(self, promised: int) -> tuple[str, float, float]:
        """Give who takes it, until when, and since when it is due; nobody (no name) if there is no room.

        ``promised``: so many were given just now, of which the consumer has not been told yet.
        """
        ...


class Journal(Protocol):
    """What came in."""

    consumers: list[str]  # who works in this process, and is to see every event it brings
    rooms: dict[str, Room]  # of those consumers that work in this process
    windows: dict[str, int | None]  # account -> seconds for which a message opens the service window
    matching: dict[str, Matching]  # account -> how far the words of an answer are matched

    async def join(self, consumer: str) -> None:
        """Keep every event from now on for a consumer, whichever process brings it, until it leaves."""
        ...

    async def leave(self, consumer: str) -> None:
        """Keep no more events for a consumer; what is kept for it already stays."""
        ...

    def append(self, arrival: Arrival, told: Callable[[Stored], None] | None = None) -> Awaitable[Stored]:
        """Keep a request, its new events, its wakes and its cursor, all or nothing.

        ``told`` is called with what came of it when that is on disk, also if the caller has gone by then.
        While others wait to be placed, a request waits behind them: then it brings no events yet.
        """
        ...

    def keep(self, arrival: Arrival, told: Callable[[Stored], None] | None = None) -> Awaitable[Stored]:
        """Keep a request alone, to be placed later, unless all of its events are known.

        They are not kept: who places it parses it again. It has none where it may bring anything else.
        """
        ...

    async def unplaced(self, limit: int) -> list[KeptRequest]:
        """Read requests of which nothing is placed, the oldest first, up to ``limit`` or a megabyte or so."""
        ...

    async def waiting(self) -> tuple[int, float | None]:
        """Count the requests of which nothing is placed, and say when the oldest of them came."""
        ...

    async def request(self, id: int) -> KeptRequest | None:
        """Read one kept request."""
        ...

    async def requests(self, state: str = "", limit: int = 100, after: int = 0) -> list[KeptRequest]:
        """List kept requests after an id, the oldest first; all of them, or those in a state."""
        ...

    async def events(self, conversation: str = "", after: int = 0, limit: int = 100) -> list[Entry]: ...

    async def last(self) -> int:
        """The position of the newest event."""
        ...

    async def count(self, name: str, by: int = 1) -> None:
        """Count what is not kept: refused and odd requests, by reason."""
        ...

    async def counters(self) -> dict[str, int]: ...

    async def set_aside(self) -> dict[str, int]:
        """Count the kept requests that were not understood, and those that nobody owns."""
        ...

    async def sweep(self, now: dt.datetime, keys: int = ...) -> list[Entry]:
        """Bring what waited too long (statuses, incomplete segments), and forget old dedupe keys.

        At least ``keys`` of all are looked through for these, the next ones each time.
        """
        ...


class Dispatch(Protocol):
    """Who has yet to see what."""

    async def lease(
        self, consumer: str, owner: str, now: dt.datetime, until: dt.datetime, limit: int
    ) -> list[Batch]: ...

    async def done(self, consumer: str, owner: str, positions: dict[str, int], now: dt.datetime) -> bool:
        """Write down how far conversations were handled, and give them back; say whether one has more."""
        ...

    async def renew(self, consumer: str, owner: str, conversation: str, until: dt.datetime) -> bool: ...

    async def retry(
        self, consumer: str, owner: str, conversation: str, position: int, due: dt.datetime
    ) -> None: ...

    async def hasten(self, consumer: str, now: dt.datetime, longest: float) -> None:
        """Bring near what a clock that was set back has put further away than the longest wait."""
        ...

    async def give_back(self, consumer: str, owner: str) -> None:
        """Give back all that an owner holds for a consumer."""
        ...

    def offer(self, entries: list[Entry]) -> None:
        """Keep new events at hand, so that they need not be read back; a store may ignore it."""
        ...

    async def park(
        self, consumer: str, owner: str, entry: Entry, error: str, now: dt.datetime, *, stop: bool
    ) -> None:
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


class File(NamedTuple):
    """How a file stands: ``wanted``, ``kept`` or ``lost``, and its last failure."""

    state: str
    media: Media
    failure: Failure | None


class Files(Protocol):
    """Media that came in: `Journal.append` makes a job of each, in the same transaction."""

    async def want(self, key: str, account: str, media: Media) -> None:
        """Make the job of a file, unless there is one."""
        ...

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Wanted]: ...

    async def keep(self, key: str, media: Media) -> None: ...

    async def retry(self, key: str, due: dt.datetime, failure: Failure) -> None: ...

    async def lose(self, key: str, failure: Failure) -> None: ...

    async def get(self, key: str) -> File | None:
        """Say how a file stands; None: nobody wanted it."""
        ...


def sequence(seq: int) -> str:
    """Write the position of an event as it carries it: as text it sorts as the number does."""
    return f"{seq:016x}"


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
    address: str = ""  # that it was sent to; empty: to the conversation, wherever that is
    asked: Message | None = None  # as its author gave it, where it has a key of theirs


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
    owner: str = ""
    turn: int = 0  # names the lease


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

        Raise `ValidationError` if the key names another content or recipient, or the id another message.
        """
        ...

    async def add_gesture(self, account: str, gesture: Gesture, at: dt.datetime) -> str:
        """Keep a gesture, in order with the steps of its conversation; give its key."""
        ...

    async def lease(self, owner: str, now: dt.datetime, until: dt.datetime, limit: int) -> list[Lane]:
        """Take conversations that have something to send; of a held account that is due, one."""
        ...

    async def renew(self, owner: str, conversation: str, until: dt.datetime) -> bool: ...

    async def hasten(self, now: dt.datetime) -> None:
        """Bring near what a clock that was set back has put far away, by no more than that."""
        ...

    async def give_back(self, owner: str) -> None:
        """Give back all that an owner holds."""
        ...

    async def next(self, lane: Lane, now: dt.datetime) -> Lane | None:
        """Go on with a conversation without an outcome; None if it is no longer held."""
        ...

    async def replan(self, outgoing: Outgoing) -> bool:
        """Replace the plan of a message of which nothing has left; False if something has."""
        ...

    async def record(self, lane: Lane, record: bytes, item: Step | Gesture) -> bool:
        """Keep the answers so far, and freeze the item; False: it is no longer the lane's to send."""
        ...

    async def thaw(self, lane: Lane) -> bool:
        """Forget a record in which nothing has left."""
        ...

    async def settle(self, lane: Lane, settled: Settled, now: dt.datetime) -> tuple[list[Entry], Lane | None]:
        """Write down what became of an item; give its events, and the next item of the conversation."""
        ...

    async def hold(
        self, lane: Lane, failure: Failure, now: dt.datetime, wait_s: Callable[[int], float]
    ) -> int:
        """Hold an account; give how often in a row, or 0 if it was held already."""
        ...

    async def holds(self) -> dict[str, tuple[int, Failure]]: ...

    async def release(self, account: str, now: dt.datetime) -> None:
        """Let a held account send again."""
        ...

    async def resolve_unknown(
        self, message: str, step: int, outcome: Literal["sent", "again", "drop"], now: dt.datetime
    ) -> bool:
        """Settle an unknown outcome by a person's word; False if there is none."""
        ...

    async def drop(self, message: str, now: dt.datetime) -> int:
        """Cancel what has not begun to leave of a message; give how many steps."""
        ...

    async def progress(self, message: str) -> Progress | None: ...

    async def steps(self, message: str) -> list[Step]: ...

    async def find(self, account: str, key: str) -> str | None: ...

    async def repeated(self, message: Message, conversation: Conversation) -> str | None:
        """Give the id of the message kept under the same key; raise `ValidationError` if it is another."""
        ...

    async def find_conversation(self, wanted: Conversation, *, by_name: bool = False) -> Conversation: ...

    async def reached(self, conversation: Conversation) -> Conversation: ...

    async def find_key(self, key: str) -> str | None:
        """Find the key of the conversation that ACCOUNT/ID leads to, by any of its addresses."""
        ...

    async def consent(self, conversation: str) -> dict[str, bool]: ...

    async def list(self, state: str = "", limit: int = 100) -> Sequence[dict[str, Any]]: ...

    async def queued(self) -> int: ...


class ParkedItems(Protocol):
    """What a person has to look at."""

    async def list(self, limit: int = 100) -> Sequence[dict[str, Any]]: ...

    async def count(self) -> int: ...

    async def retry(self, id: int) -> bool:
        """Show an event to its consumer again, and to no other."""
        ...

    async def drop(self, id: int) -> bool:
        """Forget an item; its conversation goes on if it waited."""
        ...


class Store(Protocol):
    """All that the runtime keeps."""

    @property
    def journal(self) -> Journal: ...

    @property
    def dispatch(self) -> Dispatch: ...

    @property
    def cursors(self) -> Cursors: ...

    @property
    def files(self) -> Files: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def parked(self) -> ParkedItems: ...

    async def start(self) -> None: ...

    async def writable(self) -> None:
        """Raise `StoreError` if nothing can be kept."""
        ...

    async def take_from(self, is_dead: Callable[[str], bool]) -> None:
        """Give back what dead owners hold."""
        ...

    async def close(self) -> None: ...
