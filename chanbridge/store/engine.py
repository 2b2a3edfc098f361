"""One SQLite file: work runs in groups that share a commit, and a thread beside waits for the disk.

The statements of a group run on the event loop, some microseconds each: in a thread of their own
they would hand the interpreter's lock to and fro at each. So does the commit while the disk is quick.
What can take long (another process's lock, a slow disk, copying the log) is the thread's, and the next
group gathers meanwhile. If one piece
of work fails, its group is rolled back and each piece runs again in a transaction of its own, so
that a bad one takes no other with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from chanbridge.store import jobs
from chanbridge.store.jobs import Job, Kind, StoreError
from chanbridge.store.wal import BUSY_MS, Log, connect
from chanbridge.threads import at_home

__all__ = ["Engine", "StoreError", "connect"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
Work = Callable[[sqlite3.Connection], T]
Done = list[tuple[Job, Any]]
ASK_S = 0.0003
"""How often it is asked whether another process has given up the lock."""
QUICK_S = 0.005
"""While a commit takes no longer, the event loop waits for it."""


class Engine:
    """Runs work on one SQLite file: `write` in order and durably, `read` beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.undone: Callable[[], None] = lambda: None  # told when work is rolled back
        self.check: Callable[[sqlite3.Connection], object] = lambda _: None  # raises if no work may be done
        self._open = False
        self._closing: asyncio.Task[None] | None = None
        self._queue: deque[Job] = deque()
        self._alone: deque[Job] = deque()  # what failed together, before anything else
        self._turning = False
        self._still = asyncio.Event()
        self._slow: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Open the file; raise `StoreError` if that cannot be. Work is done on the loop that runs now."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = connect(self.path)
            self._writer.execute("PRAGMA busy_timeout=0")  # the loop does not wait
            self._reader = connect(self.path, read_only=True)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._log = Log(self.path)
        self._took = 0.0  # by the last commit, seconds
        self._thread = threading.Thread(target=self._wait, name="chanbridge-disk", daemon=True)
        self._thread.start()
        self._readers = ThreadPoolExecutor(1, "chanbridge-read")  # one: a connection is nobody else's
        self._open = True

    async def close(self) -> None:
        """Finish what has queued, then stop; that goes on also if whoever waits for it is cancelled."""
        if self._open:
            self._open = False
            self._closing = self._loop.create_task(self._close())
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._turning:
            await self._still.wait()
        self._slow.put(partial(self._log.copy, self._writer))
        self._slow.put(None)
        await self._beside(self._thread.join)
        self._writer.close()
        await self._beside(self._reader.close)
        self._readers.shutdown(wait=False)
        self._closing = None

    async def write(self, work: Work[T], *, last: bool = False) -> T:
        """Run work in a durable transaction; return when it is on disk. Any loop may ask.

        ``last``: its place among what has queued does not matter.
        """
        result: T = await self._soon(work, "last" if last else "alone")
        return result

    def write_with_others(
        self,
        work: Callable[[list[I], sqlite3.Connection], list[T]],
        item: I,
        weight: int = 1,
        told: Callable[[T], None] | None = None,
    ) -> Awaitable[T]:
        """Run work on an item, and on those that have queued beside it for the same work, as `write` does.

        ``told`` is called with the result when it is on disk, also if the caller has gone by then.
        """
        return self._soon(work, "shared", item, weight, told)

    def _soon(
        self,
        work: Callable[..., Any],
        kind: Kind,
        item: Any = None,
        weight: int = 1,
        told: Callable[[Any], None] | None = None,
    ) -> Awaitable[Any]:
        self._check_open()
        if asyncio.get_running_loop() is self._loop:
            return self._queued(Job(work, self._loop.create_future(), kind, item, weight, told))
        return at_home(self._loop, lambda: self._from_elsewhere(work, kind, item, weight, told))

    async def _from_elsewhere(self, work: Callable[..., Any], *how: Any) -> Any:
        self._check_open()  # it may have been closed meanwhile
        return await self._queued(Job(work, self._loop.create_future(), *how))

    def _queued(self, job: Job) -> asyncio.Future[Any]:
        self._queue.append(job)
        if not self._turning:
            self._turning = True
            self._still.clear()
            self._loop.call_soon(self._gather)
        return job.future

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads, in a thread that nothing else can keep busy. Any loop may ask."""
        self._check_open()
        try:
            return await self._beside(work, self._reader)
        except sqlite3.Error as error:
            raise jobs.failure(error) from error

    async def _beside(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *args)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError("the store is not open")

    # one turn: begin, run, commit, settle; the methods that wait are the thread's

    def _gather(self, known: int = 0) -> None:
        """Begin as soon as a turn of the loop has brought nothing new: until then more is coming."""
        queued = len(self._queue)
        if known < queued < jobs.GROUP:
            self._loop.call_soon(self._gather, queued)
        else:
            self._begin()

    def _begin(self) -> None:
        if not (self._queue or self._alone):
            self._turning = False
            self._still.set()
            return
        try:
            self._undo()  # what could not be rolled back when it failed
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # another process has the lock
            self._slow.put(self._begin_patiently)
        except Exception as error:  # every caller must get its answer
            self._begun(error)
        else:
            self._run()

    def _begin_patiently(self) -> None:
        problem: BaseException | None = None
        try:
            self._begin_within(BUSY_MS)
        except Exception as error:  # this thread must not end
            problem = error
        self._back(self._begun, problem)

    def _begin_within(self, busy_ms: int) -> None:
        """Begin as soon as the lock is free: asked often, since who works beside us holds it for little."""
        until = time.monotonic() + busy_ms / 1000
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(ASK_S)
            else:
                return

    def _begun(self, problem: BaseException | None) -> None:
        if problem is None:
            self._run()
            return
        refused = [*self._alone, *self._queue]
        self._alone.clear()
        self._queue.clear()
        jobs.refuse(refused, jobs.failure(problem))
        self._begin()

    def _run(self) -> None:
        group = [self._alone.popleft()] if self._alone else jobs.take(self._queue)
        try:
            self.check(self._writer)
            done = jobs.do(group, self._writer)
        except BaseException as error:  # every caller must get its answer
            self._undo()
            self._failed(group, error)
        else:
            self._commit(done)

    def _commit(self, done: Done) -> None:
        """Commit here while the disk is quick: to hand it to the thread costs more than it takes."""
        if self._took > QUICK_S or self._log.is_long():
            self._slow.put(partial(self._commit_beside, done))
            return
        problem = self._make_durable()
        self._settle(done, problem)
        self._loop.call_soon(self._gather)

    def _commit_beside(self, done: Done) -> None:
        problem = self._make_durable()
        self._back(self._settle, done, problem)
        if self._log.is_long():
            self._log.copy(self._writer)
        self._back(self._gather)

    def _make_durable(self) -> Exception | None:
        began = time.monotonic()
        try:
            self._writer.execute("COMMIT")
        except Exception as error:  # the thread must not end, every caller must get its answer
            self._undo()
            return error
        finally:
            self._took = time.monotonic() - began
        return None

    def _settle(self, done: Done, problem: Exception | None) -> None:
        if problem is None:
            jobs.settle(done)
        else:
            self._fail([job for job, _ in done], problem)

    def _failed(self, group: list[Job], error: BaseException) -> None:
        self._fail(group, error)
        self._loop.call_soon(self._gather)

    def _fail(self, group: list[Job], error: BaseException) -> None:
        """Try those that failed together again, each alone."""
        self.undone()
        if len(group) == 1:
            jobs.refuse(group, error)
        else:
            self._alone.extend(group)

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # it is tried again before the next begins
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    def _wait(self) -> None:
        while (slow := self._slow.get()) is not None:
            slow()

    def _back(self, step: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(step, *args)
        except RuntimeError:  # the loop has closed: nobody is left to be told, and to go on
            self._undo()
