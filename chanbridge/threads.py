"""Threads for what is not async, and the way from any loop back to the bridge's own."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 64
"""Most calls that run at once in one set of threads; what is more waits for a free one."""


class Threads:
    """Runs functions in threads of their own, at most ``most`` at once.

    They are shared with nothing else, so that a function which hangs, or waits for the bridge, keeps
    nothing waiting that the bridge itself needs. They are daemons: what hangs for ever holds up neither
    the stop of the bridge nor the end of the process.
    """

    def __init__(self, name: str, most: int = MOST) -> None:
        self._name = name
        self._most = most
        self._threads = 0
        self._since: dict[int, float] = {}  # by thread: when it began with what it runs now
        self._idle = threading.Semaphore(0)
        self._todo: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run a function in a thread, with the context of the caller, and give what it gives."""
        future: Future[T] = Future()
        self._todo.put(partial(_settle, future, partial(contextvars.copy_context().run, call, *args)))
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
        return await asyncio.wrap_future(future)

    def are_stuck(self, seconds: float) -> bool:
        """Say whether all of them are at calls that have run for longer, so that nothing else can begin."""
        since = list(self._since.values())
        return len(since) >= self._most and max(since) + seconds <= time.monotonic()

    def close(self) -> None:
        """Let the threads end as soon as they have nothing to do; wait for none."""
        for _ in range(self._threads):
            self._todo.put(None)

    def _work(self) -> None:
        while (job := self._todo.get()) is not None:
            self._since[threading.get_ident()] = time.monotonic()
            job()
            del self._since[threading.get_ident()]
            del job  # what it holds is not needed until the next comes
            self._idle.release()


def _settle(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except (StopIteration, GeneratorExit, KeyboardInterrupt) as error:
        # no future can hold the first; the others would be taken for the end of the coroutine, or Ctrl-C
        told = RuntimeError(f"the function raised {type(error).__name__}")
        told.__cause__ = error
        future.set_exception(told)
    except BaseException as error:  # it belongs to whoever waits
        future.set_exception(error)
    else:
        future.set_result(result)


async def at_home(home: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do work on the loop that it belongs to, from whatever loop is running."""
    if asyncio.get_running_loop() is home:
        return await work()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), home))
