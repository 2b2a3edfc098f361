"""Shows every event to a consumer: in order within a conversation, at once across conversations.

The handlers are one consumer and every sink is another, each with a position of its own. A
conversation is leased as a whole: where there is room, by the very transaction that writes its
event. The lease is renewed while it is worked on, and at once where the clock has jumped: what this
process holds it does not begin again. What fails is tried again with backoff, and parked after ``tries``.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from chanbridge.blame import culprit_of, wordless
from chanbridge.hooks import Hooks, Parked
from chanbridge.intake import described, place_of
from chanbridge.store.base import Batch, Dispatch, Entry
from chanbridge.store.engine import StoreError
from chanbridge.waiting import rung

_log = logging.getLogger(__name__)
LEASE_S = 60.0
LEASE = dt.timedelta(seconds=LEASE_S)
RENEW_S = 20.0
RENEW = dt.timedelta(seconds=RENEW_S)
POLL_S = 1.0
MAX_WAIT_S = 3600.0

Deliver = Callable[[Entry], Awaitable[None]]


def wait_after(attempt: int, chance: float) -> float:
    """Say how many seconds to wait after a failed try; ``chance`` (0 to 1) spreads the load."""
    return min(MAX_WAIT_S, 2.0**attempt) * (0.5 + chance / 2)


class Fresh(NamedTuple):
    """What is new in a conversation, and for whom its writing leased it."""

    conversation: str
    held: tuple[str, ...]
    entries: list[Entry]


def by_conversation(entries: list[Entry]) -> list[Fresh]:
    """Sort new events by their conversation."""
    if len(entries) == 1:
        return [Fresh(entries[0].key, entries[0].held, entries)]
    talks: dict[str, Fresh] = {}
    for entry in entries:
        known = talks.get(entry.key)
        if known is None:
            talks[entry.key] = Fresh(entry.key, entry.held, [entry])
        else:
            known.entries.append(entry)
    return list(talks.values())


class Dispatcher:
    """Works off the events of one consumer."""

    def __init__(
        self,
        store: Dispatch,
        consumer: str,
        deliver: Deliver,
        *,
        owner: str,
        hooks: Hooks,
        clock: Callable[[], dt.datetime],
        concurrency: int = 200,
        tries: int = 6,
        park_stops: bool = False,
    ) -> None:
        self.consumer = consumer
        self._store = store
        self._deliver = deliver
        self._owner = owner
        self._hooks = hooks
        self._clock = clock
        self._concurrency = concurrency
        self._running = False
        self._crowded = False  # some could not be taken
        self._tries = tries
        self._park_stops = park_stops
        self._wake = asyncio.Event()
        self._held: set[str] = set()
        self._done: dict[str, int] = {}
        self._renewed = dt.datetime.fromtimestamp(0, dt.UTC)  # when the leases were, last
        self._flush = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._running = True
        self._loop = asyncio.get_running_loop()
        self._loops = [asyncio.create_task(loop()) for loop in (self._lease, self._flusher, self._renew)]

    async def stop(self, grace_s: float = 10.0) -> None:
        """Finish what is under way, within ``grace_s``; what is not finished is leased again later."""
        self._running = False
        for loop in self._loops[:1]:
            loop.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in [*self._tasks, *self._loops]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._loops, return_exceptions=True)
        with contextlib.suppress(StoreError):
            if self._done:
                await self._store.done(self.consumer, self._owner, self._done, self._clock())
                self._done = {}
            await self._store.give_back(self.consumer, self._owner)

    def room(self, promised: int) -> tuple[str, float, float]:
        """Say who takes a conversation that is written just now, and until when; nobody if it is too much."""
        now = self._clock().timestamp()
        if self._running and self._free > promised:
            return self._owner, now + LEASE_S, now + LEASE_S
        self._crowded = True
        return "", 0.0, now

    def tell(self, talks: list[Fresh]) -> None:
        """Say what is new: what was leased as it was written is begun at once, the rest looked for."""
        for conversation, held, entries in talks:
            if not (self._running and self.consumer in held):
                self._wake.set()
            elif conversation not in self._held:
                self._begin(Batch(self.consumer, conversation, entries, 0))

    @property
    def running(self) -> int:
        """How many conversations are worked on."""
        return len(self._held)

    def is_full_of(self, slow: int) -> bool:
        """Say whether so many slow ones leave no place for another."""
        return slow >= self._concurrency

    @property
    def _free(self) -> int:
        return self._concurrency - len(self._held)

    @property
    def _ours(self) -> set[str]:
        """What is worked on, or worked off and not yet written down."""
        return {*self._held, *self._done}

    async def _lease(self) -> None:
        while True:
            batches: list[Batch] = []
            self._wake.clear()
            if self._free > 0:
                batches = await self._next()
            else:
                await self._keep_on()
            for batch in batches:
                if batch.conversation not in self._ours:
                    self._begin(batch)
            self._crowded = self._free <= 0
            if not batches:
                await rung(self._wake, POLL_S)

    async def _next(self) -> list[Batch]:
        now = self._clock()
        try:
            await self._keep(now)
            return await self._store.lease(self.consumer, self._owner, now, now + LEASE, self._free)
        except Exception as error:  # this loop must not end
            self._store_failed(error)
            await asyncio.sleep(POLL_S)
            return []

    def _store_failed(self, error: Exception) -> None:
        _log.error("dispatch.store_failed", extra={"consumer": self.consumer, "error": described(error)})

    def _begin(self, batch: Batch) -> None:
        self._held.add(batch.conversation)
        self._tasks.add(self._loop.create_task(self._hold(batch)))

    async def _hold(self, batch: Batch) -> None:
        """Deliver the events of a conversation in order, up to the first that fails."""
        task = asyncio.current_task()
        position, attempt = batch.entries[0].seq - 1, batch.attempt
        try:
            for entry in batch.entries:
                if self._stood_still() and not await self._is_still_ours(batch.conversation):
                    return
                try:
                    await self._deliver(entry)
                except GeneratorExit:  # the loop is gone: nothing can be written any more
                    raise
                except BaseException as error:
                    if self._is_end(error):
                        raise
                    await self._failed(entry, position, attempt, error)
                    return
                position, attempt = entry.seq, 0
            self._done[batch.conversation] = position
            self._flush.set()
        except Exception as error:
            _log.error("dispatch.failed", extra={"consumer": self.consumer, "error": type(error).__name__})
        finally:
            self._tasks.discard(task)
            self._held.discard(batch.conversation)
            if self._crowded:
                self._wake.set()

    def _stood_still(self) -> bool:
        """Say whether leases may have lapsed since they were renewed: the process was stopped, or blocked."""
        return abs(self._clock() - self._renewed) >= LEASE

    async def _is_still_ours(self, conversation: str) -> bool:
        """Say whether nobody else has taken a conversation, and hold it on."""
        return await self._store.renew(self.consumer, self._owner, conversation, self._clock() + LEASE)

    def _is_end(self, error: BaseException) -> bool:
        """Say whether we cancelled the work because we stop; another cancellation is the handler's own."""
        task = asyncio.current_task()
        return (
            isinstance(error, asyncio.CancelledError)
            and not self._running
            and task is not None
            and task.cancelling() > 0
        )

    async def _failed(self, entry: Entry, position: int, attempt: int, error: BaseException) -> None:
        event = entry.event
        about = {
            "consumer": self.consumer,
            "handler": culprit_of(error) or self.consumer,
            "event_id": event.id,
            "account": event.account,
            "attempt": attempt + 1,
        }
        blame = {"error": type(error).__name__, "at": place_of(error)}
        _log.warning("handler.failed", extra={**about, **blame}, exc_info=wordless(error))
        if attempt + 1 < self._tries:
            due = self._clock() + dt.timedelta(seconds=wait_after(attempt, random.random()))  # noqa: S311
            await self._store.retry(self.consumer, self._owner, entry.key, position, due)
            return
        problem = type(error).__name__
        await self._store.park(
            self.consumer, self._owner, entry, problem, self._clock(), stop=self._park_stops
        )
        parked = Parked(
            id=event.id, account=event.account, conversation=entry.key, consumer=self.consumer,
            attempts=attempt + 1, error=problem,
        )  # fmt: skip
        self._hooks.parked(parked)
        _log.error("event.parked", extra={**about, "error": problem})

    async def _flusher(self) -> None:
        """Write positions down, many at a time: while one write runs, the next gathers."""
        while True:
            await self._flush.wait()
            self._flush.clear()
            done, self._done = self._done, {}
            try:
                more = await self._store.done(self.consumer, self._owner, done, self._clock())
            except Exception as error:  # this loop must not end
                self._store_failed(error)
                self._done = done | self._done
                self._flush.set()
                await asyncio.sleep(POLL_S)
            else:
                if more:
                    self._wake.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._keep_on()

    async def _keep_on(self) -> None:
        try:
            await self._keep(self._clock())
        except Exception as error:  # the loop that asks must not end
            self._store_failed(error)

    async def _keep(self, now: dt.datetime) -> None:
        """Renew what is held, and bring near what a clock that was set back has put far away."""
        if abs(now - self._renewed) < RENEW:
            return
        renew = self._store.renew
        await asyncio.gather(*(renew(self.consumer, self._owner, key, now + LEASE) for key in self._ours))
        await self._store.hasten(self.consumer, now, MAX_WAIT_S)
        self._renewed = now
