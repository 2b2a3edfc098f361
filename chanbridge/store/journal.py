"""The journal: what came in, durable, each event once, in order within its conversation."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import msgspec

from chanbridge.http import Headers, HttpRequest
from chanbridge.model.codec import decode_event, encode_event
from chanbridge.model.events import Event, MessageStatus
from chanbridge.model.ids import new_id
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.model.parts import Card, Carousel, Link, MediaPart, Part, Story
from chanbridge.store import replies, segments
from chanbridge.store.base import Arrival, Entry, KeptRequest, Room, Stored, file_key
from chanbridge.store.dedupe import KEEP_S, MINUTE, SLICES, dedupe_key, is_timeless, slice_of_keys
from chanbridge.store.engine import Engine
from chanbridge.store.places import place
from chanbridge.store.replies import Matching
from chanbridge.store.targets import about, at_home, unpack
from chanbridge.store.visit import Visit

ANY = Matching()
_FORGET = (  # of a request that may be run again, what it brought must stay known
    "DELETE FROM seen WHERE key >= ? AND key < ? AND at < ? AND ref = '' AND coalesce(request, 0) NOT IN"
    " (SELECT id FROM requests WHERE state <> 'ok')"
)
_ALL = "SELECT * FROM requests WHERE (?1 = '' OR state = ?1) AND id > ?3 ORDER BY id LIMIT ?2"
_OPEN = "SELECT * FROM requests WHERE state = ?1 AND state <> 'ok' AND id > ?3 ORDER BY id LIMIT ?2"


class Journal:
    """The journal on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._slice = random.randrange(SLICES)  # noqa: S311 - of the dedupe keys: the next to be looked through
        self.consumers: list[str] = []
        self.rooms: dict[str, Room] = {}
        self.windows: dict[str, int | None] = {}  # account -> seconds that a message opens
        self.matching: dict[str, Matching] = {}  # account -> how far its words are matched

    async def append(self, arrival: Arrival) -> Stored:
        """Keep a request, its new events, its wakes and its cursor, all or nothing."""
        return await self._engine.write(partial(self._append, arrival))

    def _append(self, arrival: Arrival, connection: sqlite3.Connection) -> Stored:
        now = arrival.at.timestamp()
        request = _keep_request(connection, arrival, now)
        entries: list[Entry] = []
        visit = Visit()
        duplicates = 0
        for event in arrival.events:
            stored = self._add(connection, event, arrival.at, request, visit)
            entries.extend(stored or ())
            duplicates += stored is None
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
        return Stored(entries, duplicates, request)

    def _add(
        self,
        connection: sqlite3.Connection,
        event: Event,
        at: dt.datetime,
        request: int | None,
        visit: Visit,
    ) -> list[Entry] | None:
        """Add one event, unless it must wait for others. None: it is known already."""
        now = at.timestamp()
        message = new_id() if isinstance(getattr(event, "message", None), Message) else ""
        if not _is_new(connection, event, now, message, request):
            return None
        whole = segments.join(connection, event, now) if event.segment else event
        return self.place(connection, whole, at, request, message, visit) if whole else []

    def place(
        self,
        connection: sqlite3.Connection,
        event: Event,
        at: dt.datetime,
        request: int | None,
        message: str = "",
        visit: Visit | None = None,
    ) -> list[Entry]:
        """Put a new event where it belongs: its conversation, its target, its option, the queues."""
        now = at.timestamp()
        visit = visit or Visit()
        if isinstance(event, MessageStatus):
            event = at_home(connection, event)
        placed = place(connection, event, self.windows, now, visit)
        told = about(connection, _identify(placed, message) if message else placed, now)
        if told is None:
            return []
        resolved = replies.resolve(connection, told, now, self._matching(event), visit)
        return [self.insert(connection, resolved, at, request, visit)]

    def _matching(self, event: Event) -> Matching:
        return self.matching.get(event.account, ANY)

    def insert(
        self,
        connection: sqlite3.Connection,
        event: Event,
        at: dt.datetime,
        request: int | None,
        visit: Visit | None = None,
    ) -> Entry:
        """Write an event down for every consumer. An event that holds a message has the message's id."""
        visit = visit or Visit()
        visit.last = seq = (visit.last or _last(connection)) + 1
        message = getattr(event, "message", None)
        id = message.id if isinstance(message, Message) and message.id else new_id()
        event = event.replace(id=id, recorded_at=at, sequence=f"{seq:016x}")
        key, now = event.key, at.timestamp()
        connection.execute(
            "INSERT INTO events (seq, id, conversation, type, at, request, data) VALUES (?, ?, ?,"
            " ?, ?, ?, ?)",
            (seq, event.id, key, event.type, now, request, encode_event(event)),
        )
        held: tuple[str, ...] = ()
        if key not in visit.queued:
            visit.queued.add(key)
            held = tuple(name for name in self.consumers if self._queue(connection, name, key, seq - 1, now))
        for media in media_of(event):
            _want(connection, event.account, media)
        return Entry(seq, event, held)

    def _queue(
        self, connection: sqlite3.Connection, consumer: str, conversation: str, position: int, now: float
    ) -> bool:
        """Note that a consumer has something to see; say whether it was leased to this process at once."""
        room = self.rooms.get(consumer)
        owner, until = room(now) if room else ("", 0.0)
        added = connection.execute(
            "INSERT OR IGNORE INTO pending (consumer, conversation, position, due, owner, until)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (consumer, conversation, position, until, owner, until),
        )
        return owner != "" and added.rowcount == 1

    async def requests(self, state: str = "", limit: int = 100, after: int = 0) -> list[KeptRequest]:
        """List kept requests after an id, the oldest first; all of them, or those in a state."""
        sql = _ALL if state in {"", "ok"} else _OPEN
        return await self._engine.read(
            lambda c: [_request(row) for row in c.execute(sql, (state, limit, after))]
        )

    async def request(self, id: int) -> KeptRequest | None:
        """Read one kept request."""
        rows = await self._engine.read(
            lambda c: [_request(row) for row in c.execute("SELECT * FROM requests WHERE id = ?", (id,))]
        )
        return rows[0] if rows else None

    async def events(self, conversation: str = "", after: int = 0, limit: int = 100) -> list[Entry]:
        """List events after a position, of one conversation or of all."""
        sql = (
            "SELECT seq, data FROM events WHERE seq > ?2 AND conversation = ?1 AND only_for = ''"
            " ORDER BY seq LIMIT ?3"
            if conversation
            else "SELECT seq, data FROM events WHERE seq > ?2 AND ?1 = '' AND only_for = ''"
            " ORDER BY seq LIMIT ?3"
        )
        return await self._engine.read(
            lambda c: [
                Entry(row[0], decode_event(row[1])) for row in c.execute(sql, (conversation, after, limit))
            ]
        )

    async def last(self) -> int:
        """The position of the newest event."""
        return await self._engine.read(
            lambda c: c.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
        )

    async def count(self, name: str, by: int = 1) -> None:
        """Count what is not kept: refused and odd requests, by reason."""
        await self._engine.write(
            lambda c: c.execute(
                "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + ?2",
                (name, by),
            )
        )

    async def counters(self) -> dict[str, int]:
        """The counts, by reason."""
        return await self._engine.read(
            lambda c: dict(c.execute("SELECT name, count FROM counters ORDER BY name").fetchall())
        )

    async def set_aside(self) -> dict[str, int]:
        """Count the kept requests that were not understood, and those that nobody owns."""
        sql = "SELECT state, count(*) FROM requests WHERE state <> 'ok' GROUP BY state"
        found = await self._engine.read(lambda c: dict(c.execute(sql).fetchall()))
        return {"quarantined": 0, "unowned": 0, **found}

    async def sweep(self, now: dt.datetime, slices: int = 1) -> list[Entry]:
        """Bring what waited too long (statuses, incomplete segments), and forget old dedupe keys."""
        return await self._engine.write(partial(self._sweep, now, slices))

    def _sweep(self, now: dt.datetime, slices: int, connection: sqlite3.Connection) -> list[Entry]:
        at = now.timestamp()
        late = connection.execute("DELETE FROM waiting WHERE until <= ? RETURNING data", (at,)).fetchall()
        events = [unpack(row[0]) for row in late]
        entries = [self.insert(connection, event, now, None) for event in events]
        for event in segments.overdue(connection, at):
            entries.extend(self.place(connection, event, now, None, new_id()))
        for _ in range(slices):
            self._slice = (self._slice + 1) % SLICES
            connection.execute(_FORGET, (*slice_of_keys(self._slice), at - KEEP_S))
        return entries


def _last(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return row[0] if row else 0


def _keep_request(connection: sqlite3.Connection, arrival: Arrival, now: float) -> int:
    if arrival.replay:
        connection.execute(
            "UPDATE requests SET state = ?, reason = ? WHERE id = ?",
            (arrival.state, arrival.reason, arrival.replay),
        )
        return arrival.replay
    request = arrival.request
    if request is None:
        return 0
    headers = msgspec.json.encode(dict(request.headers.items()))
    kept = connection.execute(
        "INSERT INTO requests (account, at, method, url, headers, body, state, reason) VALUES (?,"
        " ?, ?, ?, ?, ?, ?, ?)",
        (arrival.account, now, request.method, request.url, headers,
         request.content, arrival.state, arrival.reason),
    )  # fmt: skip
    return kept.lastrowid or 0


def _request(row: sqlite3.Row) -> KeptRequest:
    headers = Headers(msgspec.json.decode(row["headers"], type=dict[str, str]))
    request = HttpRequest(method=row["method"], url=row["url"], headers=headers, body=row["body"])
    return KeptRequest(row["id"], row["account"], row["at"], request, row["state"], row["reason"])


def _is_new(
    connection: sqlite3.Connection, event: Event, now: float, message: str, request: int | None
) -> bool:
    key = dedupe_key(event)
    added = connection.execute(
        "INSERT OR IGNORE INTO seen (key, at, ref, request) VALUES (?, ?, ?, ?)",
        (key, now, message, request),
    )
    if added.rowcount == 0:
        if not is_timeless(event):
            return False
        again = connection.execute(
            "UPDATE seen SET at = ? WHERE key = ? AND at < ?", (now, key, now - MINUTE)
        )
        return again.rowcount == 1
    return True


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


def media_of(event: Event) -> Iterator[Media]:
    """Give the files that an event refers to and that are not ours yet."""
    message = getattr(event, "message", None)
    if not isinstance(message, Message):
        return
    for media in _of_parts(message.parts):
        if media is not None and not media.blob and (media.provider_id or media.url):
            yield media


def _of_parts(parts: Iterable[Part]) -> Iterator[Any]:
    for part in parts:
        match part:
            case MediaPart() | Card() | Story():
                yield part.media
            case Carousel():
                yield from (card.media for card in part.cards)
            case Link():
                yield part.image
