"""What `send` and `reply` return: a message on its way to the disk, and its receipt once it is there."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar, get_args

from chanbridge.model.delivery import MessageState, State, ended, message_state, reached, state_of
from chanbridge.model.errors import Failure, SendError, ValidationError
from chanbridge.model.events import Fact
from chanbridge.store.base import Progress
from chanbridge.transcode.plan import Loss, Plan

T = TypeVar("T")
_ITEM_STATES: dict[str, State] = {"failed": "failed", "canceled": "canceled", "expired": "expired"}


class Watch(Protocol):
    """Tells how a message stands, and waits for news of it."""

    async def progress(self, message: str) -> Progress | None: ...

    async def news(self, message: str) -> None: ...


class Receipt:
    """A message that is on disk: it will be sent, or you will be told why not."""

    def __init__(self, id: str, plan: Plan | None, watch: Watch) -> None:
        self.id = id
        self.plan = plan
        self._watch = watch

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What does not arrive as it was meant."""
        return self.plan.losses if self.plan else ()

    async def progress(self) -> Progress:
        """Read how its steps stand."""
        progress = await self._watch.progress(self.id)
        if progress is None:
            raise LookupError(f"no message {self.id}")
        return progress

    async def state(self) -> MessageState:
        """Say where the message stands: at its least advanced step."""
        return standing(await self.progress())

    async def until(self, fact: Fact = "sent", *, timeout: float | None = None) -> MessageState:  # noqa: ASYNC109
        """Wait until every step has reached a fact, and give the state.

        Raise `SendError` if that can no longer happen, `TimeoutError` after ``timeout`` seconds,
        `ValidationError` if there is no such fact.
        """
        if fact not in get_args(Fact):
            raise ValidationError("fact", f"must be {', '.join(get_args(Fact)[:-1])} or {get_args(Fact)[-1]}")
        try:
            async with asyncio.timeout(timeout):
                return await self._reach(fact)
        except TimeoutError as error:
            stands = await self.state()
            raise TimeoutError(
                f"message {self.id} is not {fact} after {timeout} s: it is {stands}"
            ) from error

    async def _reach(self, fact: Fact) -> MessageState:
        while True:
            progress = await self.progress()
            state = standing(progress)
            if reached(state, fact):
                return state
            if ended(state):
                raise SendError.from_failure(progress.failure or Failure.of("internal"))
            if "unknown" in progress.states:
                raise SendError("outcome_unknown", detail="nobody knows whether the provider took it")
            await self._watch.news(self.id)

    def __repr__(self) -> str:
        return f"Receipt(id={self.id!r}, steps={len(self.plan.steps) if self.plan else '?'})"


def standing(progress: Progress) -> MessageState:
    """Say where a message stands by the facts and the outbox together."""
    return message_state(
        state_of([*facts, *([_ITEM_STATES[item]] if item in _ITEM_STATES else [])])
        for item, facts in zip(progress.states, progress.facts, strict=True)
    )


class Sending(Generic[T]):
    """Something that has begun: ``await`` it, or call `result` outside async code."""

    def __init__(self, future: concurrent.futures.Future[T], loop: asyncio.AbstractEventLoop) -> None:
        self._future = future
        self._loop = loop
        self.claimed = False  # somebody has asked how it ended

    def __await__(self) -> Generator[Any, None, T]:
        self.claimed = True
        return asyncio.wrap_future(self._future).__await__()

    def result(self, timeout: float | None = None) -> T:
        """Wait for it in a thread that is not the bridge's own; raise what it raised."""
        self.claimed = True
        if _running_loop() is self._loop and not self._future.done():
            raise RuntimeError("result() would block the event loop: write 'await' instead")
        return self._future.result(timeout)

    async def settled(self) -> None:
        """Wait until it is on disk; raise what it raised if nobody else has asked."""
        waiting = asyncio.wrap_future(self._future)
        await asyncio.wait([waiting])
        problem = waiting.exception()
        if problem and not self.claimed:
            raise problem


def begin(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, T]]) -> Sending[T]:
    """Begin work at once, from any thread."""
    future: concurrent.futures.Future[T] = concurrent.futures.Future()

    async def run() -> None:
        try:
            future.set_result(await work())
        except BaseException as error:  # it belongs to whoever asks
            future.set_exception(error)
            if isinstance(error, asyncio.CancelledError):
                raise

    def start() -> None:
        task = loop.create_task(run())
        _running.add(task)
        task.add_done_callback(_running.discard)

    if _running_loop() is loop:
        start()
    else:
        loop.call_soon_threadsafe(start)
    return Sending(future, loop)


_running: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
