"""A time limit for many short waits, with one timer for all of them."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Patience:
    """Limits waits that nearly always end at once: a timer for each would cost more than the wait."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[object], float] = {}  # the oldest first
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @types.coroutine
    def limit(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Await something; raise `TimeoutError` if it takes too long. What ends at once is not watched."""
        try:
            waiting = work.send(None)
        except StopIteration as done:
            return cast("T", done.value)
        task = self._watch()
        try:
            return (yield from _go_on(work, waiting))
        except asyncio.CancelledError:
            if task in self._late and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            del self._since[task]
            self._late.discard(task)

    def _watch(self) -> asyncio.Task[object]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # only a task awaits
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        return task

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is late; come back when the next one would be."""
        self._timer = None
        for task, since in self._since.items():
            if since + self._seconds > loop.time():
                self._timer = loop.call_at(since + self._seconds, self._look, loop)
                return
            if task not in self._late:
                self._late.add(task)
                task.cancel()


def _go_on(work: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """Run a coroutine from where it waits for something to its end."""
    try:
        while True:
            try:
                sent = yield waiting
            except BaseException as error:
                waiting = work.throw(error)
            else:
                waiting = work.send(sent)
    except StopIteration as done:
        return cast("T", done.value)
    finally:
        work.close()
