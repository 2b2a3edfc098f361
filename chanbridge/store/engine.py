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
from typing import Any, NamedTuple, TypeVar

from chanbridge.threads import at_home

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
Work = Callable[[sqlite3.Connection], T]
GROUP = 400
"""Most that a group of several pieces of work weighs: for so long the event loop does nothing else."""
BUSY_MS = 15_000
QUICK_S = 0.005
"""While a commit takes no longer, the event loop waits for it."""
CHECKPOINT_ROWS = 4000
"""After so many changed rows the thread copies the log into the file."""


class StoreError(Exception):
    """The store cannot keep anything now: the disk is full or read-only, or the file is locked."""


class _Job(NamedTuple):
    work: Callable[..., Any]
    future: asyncio.Future[Any]
    item: Any = None  # of work that many do together
    weight: int = 1


ALONE: Any = object()
"""The item of work that is nobody else's."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file with the settings that durability needs (WAL, a full fsync at each commit)."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.row_factory = sqlite3.Row
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                   "cache_size=-16384", "wal_autocheckpoint=4000"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


class Engine:
    """Runs work on one SQLite file: `write` in order and durably, `read` beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.undone: Callable[[], None] = lambda: None  # told when work is rolled back
        self._open = False
        self._queue: deque[_Job] = deque()
        self._alone: deque[_Job] = deque()  # what failed together, before anything else
        self._turning = False
        self._still = asyncio.Event()
        self._slow: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Open the file; raise `StoreError` if that cannot be. Work is done on the loop that runs now."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = connect(self.path)
            self._writer.execute("PRAGMA busy_timeout=0")  # the loop does not wait
            self._writer.execute("PRAGMA wal_autocheckpoint=0")  # nor does it copy the log
            self._reader = connect(self.path, read_only=True)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._took = 0.0  # by the last commit, seconds
        self._copied = 0  # rows changed when the log was copied into the file last
        self._thread = threading.Thread(target=self._wait, name="chanbridge-disk", daemon=True)
        self._thread.start()
        self._readers = ThreadPoolExecutor(1, "chanbridge-read")  # one: a connection is nobody else's
        self._open = True

    async def close(self) -> None:
        """Finish what has queued, then stop."""
        if not self._open:
            return
        self._open = False
        if self._turning:
            await self._still.wait()
        self._slow.put(None)
        await self._beside(self._thread.join)
        self._writer.close()
        await self._beside(self._reader.close)
        self._readers.shutdown(wait=False)

    async def write(self, work: Work[T]) -> T:
        """Run work in a durable transaction; return when it is on disk. Any loop may ask."""
        result: T = await self._soon(work, ALONE)
        return result

    def write_with_others(
        self, work: Callable[[list[I], sqlite3.Connection], list[T]], item: I, weight: int = 1
    ) -> Awaitable[T]:
        """Run work on an item and on whatever else has queued for the same work, as `write` does."""
        return self._soon(work, item, weight)

    def _soon(self, work: Callable[..., Any], item: Any, weight: int = 1) -> Awaitable[Any]:
        self._check_open()
        if asyncio.get_running_loop() is self._loop:
            return self._queued(work, item, weight)
        return at_home(self._loop, lambda: self._at_home(work, item, weight))

    async def _at_home(self, work: Callable[..., Any], item: Any, weight: int) -> Any:
        self._check_open()  # it may have been closed meanwhile
        return await self._queued(work, item, weight)

    def _queued(self, work: Callable[..., Any], item: Any, weight: int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.append(_Job(work, future, item, weight))
        if not self._turning:
            self._turning = True
            self._still.clear()
            self._loop.call_soon(self._gather)
        return future

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads, in a thread that nothing else can keep busy. Any loop may ask."""
        self._check_open()
        try:
            return await self._beside(work, self._reader)
        except sqlite3.Error as error:
            raise _explain(error) from error

    async def _beside(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *args)

    def _check_open(self) -> None:
        if not self._open:
            raise StoreError("the store is not open")

    # one turn: begin, run, commit, settle; the methods that wait are the thread's

    def _gather(self, known: int = 0) -> None:
        """Begin as soon as a turn of the loop has brought nothing new: until then more is coming."""
        queued = len(self._queue)
        if known < queued < GROUP:
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
        try:
            self._writer.execute(f"PRAGMA busy_timeout={busy_ms}")
            self._writer.execute("BEGIN IMMEDIATE")
        finally:
            self._writer.execute("PRAGMA busy_timeout=0")

    def _begun(self, problem: BaseException | None) -> None:
        if problem is None:
            self._run()
            return
        refused = [*self._alone, *self._queue]
        self._alone.clear()
        self._queue.clear()
        _refuse(refused, _failure(problem))
        self._begin()

    def _run(self) -> None:
        group = self._group()
        try:
            results = _results(group, self._writer)
        except BaseException as error:  # every caller must get its answer
            self._undo()
            self._failed(group, error)
        else:
            self._commit(group, results)

    def _group(self) -> list[_Job]:
        if self._alone:
            return [self._alone.popleft()]
        group = [self._queue.popleft()]
        weight = group[0].weight
        while self._queue and (weight := weight + self._queue[0].weight) <= GROUP:
            group.append(self._queue.popleft())
        return group

    def _commit(self, group: list[_Job], results: list[Any]) -> None:
        """Commit here while the disk is quick: to hand it to the thread costs more than it takes."""
        if self._took <= QUICK_S and self._writer.total_changes - self._copied < CHECKPOINT_ROWS:
            self._ended(group, results, self._make_durable())
        else:
            self._slow.put(partial(self._commit_beside, group, results))

    def _commit_beside(self, group: list[_Job], results: list[Any]) -> None:
        problem = self._make_durable()
        if self._writer.total_changes - self._copied >= CHECKPOINT_ROWS:
            self._copied = self._writer.total_changes
            with contextlib.suppress(sqlite3.Error):  # somebody reads: later
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._back(self._ended, group, results, problem)

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

    def _ended(self, group: list[_Job], results: list[Any], problem: Exception | None) -> None:
        if problem is None:
            self._done(group, results)
        else:
            self._failed(group, problem)

    def _done(self, group: list[_Job], results: list[Any]) -> None:
        for job, result in zip(group, results, strict=True):
            if not job.future.done():  # else its caller was cancelled: the work is on disk all the same
                job.future.set_result(result)
        self._loop.call_soon(self._gather)

    def _failed(self, group: list[_Job], error: BaseException) -> None:
        if len(group) == 1:
            _refuse(group, error)
        else:
            self._alone.extend(group)
        self._loop.call_soon(self._gather)

    def _undo(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # it is tried again before the next begins
            if self._writer.in_transaction:
                self.undone()
                self._writer.execute("ROLLBACK")

    def _wait(self) -> None:
        while (slow := self._slow.get()) is not None:
            slow()

    def _back(self, step: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to be told
            self._loop.call_soon_threadsafe(step, *args)


def _results(group: list[_Job], connection: sqlite3.Connection) -> list[Any]:
    """Do the work of a group in order; what is shared is done once, for all of its items."""
    shared: dict[Callable[..., Any], list[Any]] = {}
    for job in group:
        if job.item is not ALONE:
            shared.setdefault(job.work, []).append(job.item)
    done = {work: iter(work(items, connection)) for work, items in shared.items()}
    return [job.work(connection) if job.item is ALONE else next(done[job.work]) for job in group]


def _refuse(jobs: list[_Job], error: BaseException) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(_explain(error))


def _explain(error: BaseException) -> BaseException:
    """Say that the store failed, where it was the store and not the work."""
    if type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError}:
        return _failure(error)
    return error


def _failure(error: BaseException) -> StoreError:
    explained = StoreError(str(error))
    explained.__cause__ = error
    return explained
