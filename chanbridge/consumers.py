"""Who is shown the events: the handlers, and each sink, each with a position of its own.

Every event is kept for a consumer that has joined, whichever process brings it and whether or not one
that has the consumer runs just now. A process without handlers takes no event from one that has some.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from chanbridge.dispatch import Dispatcher, by_conversation
from chanbridge.hooks import Sink
from chanbridge.model.events import Event
from chanbridge.store.base import Entry, Store
from chanbridge.store.engine import StoreError
from chanbridge.threads import Threads
from chanbridge.watch import Watch

HANDLERS = "handlers"
HOOKS = "hooks"
"""Takes the place of the handlers where there are only plugins that observe what was received."""


class Consumer(NamedTuple):
    """Who is shown the events: its name, what takes one, the threads for what is ``def`` there, its watch."""

    name: str
    deliver: Callable[[Entry], Awaitable[None]]
    threads: Threads
    watch: Watch


def sink_consumer(sink: Sink, watch: Watch) -> Consumer:
    """Make a consumer of a sink; its ``deliver`` is ``def`` (run in a thread) or ``async def``."""
    threads = Threads(f"chanbridge-{sink.name}")

    async def deliver(entry: Entry) -> None:
        await watch.over(f"sink:{sink.name}", entry.event.id, give(entry))

    async def give(entry: Entry) -> None:
        if inspect.iscoroutinefunction(sink.deliver):
            await sink.deliver(entry.event)
            return
        outcome = await threads.run(sink.deliver, entry.event)
        if inspect.isawaitable(outcome):
            await outcome

    return Consumer(f"sink:{sink.name}", deliver, threads, watch)


class Consumers:
    """The consumers that work in this process."""

    def __init__(self, bridge: Any, store: Store, **working: Any) -> None:
        policy = bridge.settings.policy
        self._bridge = bridge
        self._store = store
        self._limits = (policy.handler_slow_s, policy.handler_timeout_s)
        self._working = {
            "hooks": bridge.hooks, "tries": policy.handler_attempts,
            "park_stops": policy.on_parked == "wait", **working,
        }  # fmt: skip
        self._active: list[tuple[Consumer, Dispatcher]] = []

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """What works off the events."""
        return [dispatcher for _, dispatcher in self._active]

    async def start(self) -> None:
        """Begin to show events: to handlers if there are any, and to every sink."""
        if len(self._bridge.handlers):
            await self.begin_handling()
        elif self._bridge.hooks.are_told:
            await self._begin(self._of_bridge(HOOKS, self._tell_hooks))
        for sink in self._bridge.hooks.sinks():
            await self._begin(sink_consumer(sink, Watch(*self._limits)))

    async def begin_handling(self) -> None:
        """Begin to show events to the handlers, unless that has begun."""
        name = self._bridge.consumer
        if all(consumer.name != name for consumer, _ in self._active):
            await self._begin(self._of_bridge(name, self._handle))

    def _of_bridge(self, name: str, deliver: Callable[..., Awaitable[None]]) -> Consumer:
        threads, watch = Threads("chanbridge-handler"), Watch(*self._limits)

        def shown(entry: Entry) -> Awaitable[None]:
            return deliver(entry, threads, watch)

        return Consumer(name, shown, threads, watch)

    async def _begin(self, consumer: Consumer) -> None:
        journal = self._store.journal
        dispatcher = Dispatcher(self._store.dispatch, consumer.name, consumer.deliver, **self._working)
        self._active.append((consumer, dispatcher))
        journal.consumers = [active.name for active, _ in self._active]
        await journal.join(consumer.name)
        dispatcher.start()
        journal.rooms[consumer.name] = dispatcher.room

    async def stop(self, grace_s: float) -> None:
        """Let what is under way finish."""
        await asyncio.gather(*(dispatcher.stop(grace_s) for dispatcher in self.dispatchers))
        for consumer, _ in self._active:
            consumer.threads.close()
            if consumer.name == self._bridge.consumer != HANDLERS:
                with contextlib.suppress(StoreError):
                    await self._store.journal.leave(consumer.name)

    def tell(self, entries: list[Entry]) -> None:
        """Say that there are new events."""
        talks = by_conversation(entries)
        for talk in talks:
            if len(talk.held) < len(self._active):
                self._store.dispatch.offer(talk.entries)
        for dispatcher in self.dispatchers:
            dispatcher.tell(talks)

    def readiness(self) -> dict[str, Any]:
        """Tell how much is under way, and whether something is shown nothing more."""
        slow = [consumer.watch.slow for consumer, _ in self._active]
        full = [one.is_full_of(count) for one, count in zip(self.dispatchers, slow, strict=True)]
        stuck = [consumer.threads.are_stuck(self._limits[0]) for consumer, _ in self._active]
        running = sum(dispatcher.running for dispatcher in self.dispatchers)
        return {"running": running, "slow": sum(slow), "saturated": any(full) or any(stuck)}

    def _handle(self, entry: Entry, threads: Threads, watch: Watch) -> Awaitable[None]:
        if self._bridge.hooks.are_told:
            self._tell(entry.event)
        handled: Awaitable[None] = self._bridge.handlers.run(entry.event, self._bridge, threads, watch)
        return handled

    async def _tell_hooks(self, entry: Entry, threads: Threads, watch: Watch) -> None:
        self._tell(entry.event)

    def _tell(self, event: Event) -> None:
        channel = self._bridge.accounts.get(event.account)
        if channel is not None:
            self._bridge.hooks.received(channel.account, event)
