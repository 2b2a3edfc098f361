"""The journal: what came in, durable, each event once, in order within its conversation.

What queues together is written together: dedupe keys, requests, events and queues with a statement each.
A plain message of somebody known needs no more; whatever else an event is, it is placed by itself.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from chanbridge.model.events import Event, MessageReceived, MessageStatus
from chanbridge.model.ids import new_id
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.model.parts import Card, Carousel, Link, MediaPart, Part, Story, Text
from chanbridge.store import familiar, marks, replies, said, segments, unplaced
from chanbridge.store.base import Arrival, Entry, Room, Stored, file_key, sequence
from chanbridge.store.dedupe import dedupe_key, is_timeless, known_again, new_keys
from chanbridge.store.engine import Engine
from chanbridge.store.forgetting import LOOK_AT, Forgetting
from chanbridge.store.keeping import Keeping
from chanbridge.store.lookup import rows
from chanbridge.store.places import place
from chanbridge.store.recall import Place, Recall
from chanbridge.store.replies import Matching
from chanbridge.store.said import Body, Shared
from chanbridge.store.targets import about, at_home
from chanbridge.store.visit import Drawn, Visit, entries
from chanbridge.store.written import unpack

ANY = Matching()
_QUEUED = "SELECT conversation FROM pending WHERE consumer = ? AND conversation IN ({})"
_NEW_QUEUE = (
    "INSERT INTO pending (consumer, conversation, position, due, owner, until) VALUES (?, ?, ?, ?, ?, ?)"
)


class _Named(msgspec.Struct, gc=False):
    """An event with its dedupe key and its id, which is its message's, too, if it has one.

    All ids of a request are minted in the order of its events: a row is found by the first of them.
    """

    event: Event
    key: bytes
    id: str
    message: bool
    plain: MessageReceived | None


class _Draft(NamedTuple):
    """An arrival on its way in."""

    arrival: Arrival
    now: float
    request: int
    named: list[_Named]
    later: bool = False

    @property
    def body(self) -> bytes:
        """What the events were read from."""
        request = self.arrival.request
        return request.content if request is not None else b""


class Journal(Keeping):
    """The journal on SQLite."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.recall = Recall()
        self._forgetting = Forgetting()
        self.consumers: list[str] = []
        self.rooms: dict[str, Room] = {}
        self.windows: dict[str, int | None] = {}  # account -> seconds that a message opens
        self.matching: dict[str, Matching] = {}  # account -> how far its words are matched

    def attach(self, connection: sqlite3.Connection) -> None:
        """Begin to work on a store."""
        self.recall.attach(connection)
        self.plain_keys = marks.last(connection, "plain_keys") > 0

    def forget(self) -> None:
        """Forget what was remembered: it may have been undone."""
        super().forget()
        self.recall.clear()

    def append(self, arrival: Arrival, told: Callable[[Stored], None] | None = None) -> Awaitable[Stored]:
        """Keep a request, its new events, its wakes and its cursor, all or nothing."""
        return self._engine.write_with_others(self._append, arrival, max(1, len(arrival.events)), told)

    def _append(self, arrivals: list[Arrival], connection: sqlite3.Connection) -> list[Stored]:
        self.recall.begin(connection)
        visit = Visit(connection, self.recall.menuless, plain_keys=self.plain_keys)
        behind = unplaced.are_some(connection)
        ids = iter(new_id.many(sum(len(arrival.events) for arrival in arrivals)))
        drafts = [_draft(visit, arrival, behind, ids) for arrival in arrivals]
        visit.fresh = new_keys(
            connection,
            [
                (named.key, draft.now, named.id if named.message else "", draft.request)
                for draft in drafts
                for named in draft.named
            ],
        )
        self._recall(connection, drafts)
        added = [self._add_all(visit, draft) for draft in drafts]
        held = visit.finish(self._queue)
        return [
            Stored(entries(drawn, held), duplicates, draft.request, visit.files, draft.later)
            for draft, (drawn, duplicates) in zip(drafts, added, strict=True)
        ]

    def _recall(self, connection: sqlite3.Connection, drafts: list[_Draft]) -> None:
        """Ask at once where all belong of whom we do not know that yet."""
        plain = [named.plain for draft in drafts for named in draft.named if named.plain is not None]
        strangers = familiar.strangers(self.recall, plain)
        if strangers:
            self.recall.look_up(connection, strangers)

    def _add_all(self, visit: Visit, draft: _Draft) -> tuple[list[Drawn], int]:
        """Add the events of an arrival; give what is new, and how many were known."""
        drawn: list[Drawn] = []
        duplicates = 0
        visit.body = Body(draft.body)
        for named in draft.named:
            added = self._add(visit, named, draft)
            if added is None:
                duplicates += 1
            else:
                drawn.extend(added)
        return drawn, duplicates

    def _add(self, visit: Visit, named: _Named, draft: _Draft) -> Iterable[Drawn] | None:
        """Add one event, unless it must wait for others. None: it is known already."""
        event, key, plain = named.event, named.key, named.plain
        if key in visit.fresh:
            visit.fresh.discard(key)  # the next one is a repeat
        elif not (is_timeless(event) and known_again(visit.connection, key, draft.now)):
            return None
        found = familiar.find(self.recall, plain) if plain is not None else None
        if plain is not None and found is not None:
            return (self._add_familiar(visit, plain, found, named.id, draft),)
        visit.write()  # what it asks for may be among that
        whole = segments.join(visit.connection, event, draft.now) if event.segment else event
        if whole is None:
            return ()
        return self._place(visit, whole, draft.arrival.at, draft.request, named.id, named.message)

    def _add_familiar(
        self, visit: Visit, event: MessageReceived, place: Place, id: str, draft: _Draft
    ) -> Drawn:
        until = familiar.window(event, place, self.windows.get(event.account), draft.now)
        if until:
            visit.window(place.key, until, "message")
        visit.last_event = seq = visit.last_event + 1
        told = said.placed(event, place, id, draft.arrival.at, seq)
        drawn = Drawn(seq, told, place.key)
        return _write(visit, drawn, draft.now, draft.request, (place.conversation, told.message.sender))

    def _place(
        self,
        visit: Visit,
        event: Event,
        at: dt.datetime,
        request: int | None,
        id: str,
        has_message: bool = False,
    ) -> list[Drawn]:
        """Put a new event where it belongs: its conversation, its target, its option, the queues."""
        connection, now = visit.connection, at.timestamp()
        if isinstance(event, MessageStatus):
            event = at_home(connection, event)
        placed = place(connection, event, self.windows, now, visit)
        told = about(connection, _identify(placed, id) if has_message else placed, now)
        if told is None:
            return []
        resolved = replies.resolve(connection, told, now, self._matching(event), visit)
        key = resolved.key
        if key in visit.menuless:
            familiar.remember(self.recall, event, key)
        shared = familiar.shared(resolved) if has_message else None
        return [self._draw(visit, resolved, at, request, id, key, shared)]

    def _matching(self, event: Event) -> Matching:
        return self.matching.get(event.account, ANY)

    def _draw(
        self, visit: Visit, event: Event, at: dt.datetime, request: int | None, id: str, key: str,
        shared: Shared | None = None,
    ) -> Drawn:  # fmt: skip
        """Write an event down for every consumer. An event that holds a message has the message's id."""
        visit.last_event = seq = visit.last_event + 1
        event = replace(event, id=id, recorded_at=at, sequence=sequence(seq))
        return _write(visit, Drawn(seq, event, key), at.timestamp(), request, shared)

    def place(self, connection: sqlite3.Connection, event: Event, at: dt.datetime) -> list[Entry]:
        """Put an event that comes without a request where it belongs, within a transaction."""
        visit = Visit(connection, set())
        drawn = self._place(visit, event, at, None, new_id(), _has_message(event))
        return entries(drawn, visit.finish(self._queue))

    def insert(self, connection: sqlite3.Connection, event: Event, at: dt.datetime) -> Entry:
        """Write down an event that is placed already, within a transaction."""
        visit = Visit(connection, set())
        drawn = self._draw(visit, event, at, None, _id_of(event), event.key)
        return entries([drawn], visit.finish(self._queue))[0]

    def _queue(self, connection: sqlite3.Connection, queued: dict[str, int]) -> dict[str, tuple[str, ...]]:
        """Note that consumers have something to see; say which were leased to this process at once."""
        held: dict[str, tuple[str, ...]] = {}
        for consumer in self._everyone(connection):
            for key in self._queue_for(connection, consumer, queued):
                held[key] = (*held.get(key, ()), consumer)
        return held

    def _everyone(self, connection: sqlite3.Connection) -> Iterable[str]:
        """Name the consumers of this process, and those that have joined anywhere."""
        joined = connection.execute("SELECT name FROM consumers").fetchall()
        return dict.fromkeys([*self.consumers, *(row[0] for row in joined)])

    def _queue_for(self, connection: sqlite3.Connection, consumer: str, queued: dict[str, int]) -> list[str]:
        keys = [(key,) for key in queued]
        there = {row[0] for row in rows(connection, _QUEUED, keys, consumer)}
        room = self.rooms.get(consumer)
        held: list[str] = []
        added: list[tuple[object, ...]] = []
        for key, position in queued.items():
            if key not in there:
                owner, until, due = room(len(held)) if room else ("", 0.0, 0.0)
                added.append((consumer, key, position, due, owner, until))
                if owner:
                    held.append(key)
        connection.executemany(_NEW_QUEUE, added)
        return held

    async def join(self, consumer: str) -> None:
        """Keep every event from now on for a consumer, whichever process brings it."""
        await self._engine.write(
            lambda c: c.execute("INSERT OR IGNORE INTO consumers (name) VALUES (?)", (consumer,))
        )

    async def leave(self, consumer: str) -> None:
        """Keep no more events for a consumer."""
        await self._engine.write(lambda c: c.execute("DELETE FROM consumers WHERE name = ?", (consumer,)))

    async def count(self, name: str, by: int = 1) -> None:
        """Count what is not kept: refused and odd requests, by reason."""
        await self._engine.write(
            lambda c: c.execute(
                "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + ?2",
                (name, by),
            )
        )

    async def sweep(self, now: dt.datetime, keys: int = LOOK_AT) -> list[Entry]:
        """Bring what waited too long (statuses, incomplete segments), and forget old dedupe keys."""
        return await self._engine.write(partial(self._sweep, now, keys))

    def _sweep(self, now: dt.datetime, keys: int, connection: sqlite3.Connection) -> list[Entry]:
        at = now.timestamp()
        late = connection.execute(
            "DELETE FROM waiting WHERE until <= ? RETURNING account, data", (at,)
        ).fetchall()
        events = [unpack(row[1], row[0]) for row in late]
        brought = [self.insert(connection, event, now) for event in events]
        for event in segments.overdue(connection, at):
            brought.extend(self.place(connection, event, now))
        self._forgetting.sweep(connection, at, keys)
        return brought


def _write(visit: Visit, drawn: Drawn, at: float, request: int | None, shared: Shared | None) -> Drawn:
    """Gather an event, and the jobs of its files."""
    event = drawn.event
    visit.event(drawn, at, request, shared)
    for media in media_of(event):
        visit.files = True
        _want(visit.connection, event.account, media)
    return drawn


def _draft(visit: Visit, arrival: Arrival, behind: bool, ids: Iterator[str]) -> _Draft:
    """Gather the request of an arrival with all that comes beside its events; ``behind``: others wait."""
    now, connection = arrival.at.timestamp(), visit.connection
    if arrival.unplaced and not unplaced.take(connection, arrival.unplaced):
        return _Draft(arrival, now, 0, [])  # another process was quicker
    if behind and arrival.can_wait:
        request = visit.request(replace(arrival, state="ok", reason=""))  # that is judged as it is placed
        unplaced.add(connection, [request])
        return _Draft(arrival, now, request, [], later=True)
    _beside(connection, arrival, now)
    request = _keep_request(visit, arrival)
    return _Draft(
        arrival, now, request, [_name(event, next(ids), visit.plain_keys) for event in arrival.events]
    )


def _name(event: Event, id: str, plain_keys: bool) -> _Named:
    plain = familiar.plain(event)
    return _Named(
        event, dedupe_key(event, plain=plain_keys), id, plain is not None or _has_message(event), plain
    )


def _has_message(event: Event) -> bool:
    return isinstance(getattr(event, "message", None), Message)


def _id_of(event: Event) -> str:
    message = getattr(event, "message", None)
    return message.id if isinstance(message, Message) and message.id else new_id()


def _beside(connection: sqlite3.Connection, arrival: Arrival, now: float) -> None:
    for wake in arrival.wakes:
        connection.execute(
            "INSERT INTO wakes (account, key, data, at) VALUES (?, ?, ?, ?)",
            (arrival.account, wake.key, msgspec.json.encode(wake.data), now),
        )
    if arrival.cursor is not None:
        connection.execute(
            "INSERT INTO cursors (account, cursor) VALUES (?1, ?2)"
            " ON CONFLICT (account) DO UPDATE SET cursor = ?2",
            (arrival.account, arrival.cursor),
        )


def _keep_request(visit: Visit, arrival: Arrival) -> int:
    known = arrival.replay or arrival.unplaced
    if not known:
        return visit.request(arrival)
    if arrival.replay or arrival.state != "ok":
        visit.connection.execute(
            "UPDATE requests SET state = ?, reason = ? WHERE id = ?", (arrival.state, arrival.reason, known)
        )
    return known


def _identify(event: Event, id: str) -> Event:
    """Give the message of an event our id, its account, channel and conversation."""
    message: Message | None = getattr(event, "message", None)
    conversation = event.conversation
    if message is None or conversation is None:
        return event
    named = message.replace(
        id=id, account=event.account, channel=conversation.channel, conversation=conversation.key
    )
    return event.replace(message=named)


def _want(connection: sqlite3.Connection, account: str, media: Media) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO files (key, account, state, media) VALUES (?, ?, 'wanted', ?)",
        (file_key(account, media), account, msgspec.json.encode(media)),
    )


def media_of(event: Event) -> Iterable[Media]:
    """Give the files that an event refers to and that are not ours yet."""
    message = getattr(event, "message", None)
    if not isinstance(message, Message):
        return ()
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is Text:  # as nearly always
        return ()
    found = [part for part in parts if type(part) is not Text]
    return [media for media in _of_parts(found) if media is not None and _is_away(media)]


def _is_away(media: Media) -> bool:
    return not media.blob and bool(media.provider_id or media.url)


def _of_parts(parts: Iterable[Part]) -> Iterator[Any]:
    for part in parts:
        match part:
            case MediaPart() | Card() | Story():
                yield part.media
            case Carousel():
                yield from (card.media for card in part.cards)
            case Link():
                yield part.image
