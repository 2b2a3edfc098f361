"""One SQLite file: a writer thread that commits whatever has queued, and readers beside it.

Many callers share one fsync: the writer takes all the work that has queued up meanwhile, runs it in
one transaction and commits. If one piece fails, the transaction is rolled back and each piece runs
again in a transaction of its own, so that a bad one takes no other with it.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
BATCH = 1000
BUSY_MS = 15_000


class StoreError(Exception):
    """The store cannot keep anything now: the disk is full or read-only, or the file is locked."""


class _Job(NamedTuple):
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file with the settings that durability needs (WAL, a full fsync at each commit)."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON",
                   "cache_size=-16384", "wal_autocheckpoint=2000"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


class Engine:
    """Runs work on one SQLite file: `write` in order and durably, `read` beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = asyncio.Lock()

    def start(self) -> None:
        """Start the writer; raise `StoreError` if the file cannot be opened."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            writer = connect(self.path)
            self._reader = connect(self.path, read_only=True)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error
        self._thread = threading.Thread(
            target=self._run, args=(writer,), name="chanbridge-writer", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """Finish what has queued, then stop."""
        thread, self._thread = self._thread, None
        if thread:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)
        async with self._reading:
            if self._reader:
                self._reader.close()
                self._reader = None

    async def write(self, work: Work[T]) -> T:
        """Run work in a durable transaction; return when it is on disk."""
        if self._thread is None:
            raise StoreError("the store is not open")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(work, loop, future))
        return await future

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads, in another thread."""
        async with self._reading:
            if self._reader is None:
                raise StoreError("the store is not open")
            return await asyncio.to_thread(work, self._reader)

    def _run(self, connection: sqlite3.Connection) -> None:
        open = True
        while open:
            jobs, open = self._take()
            if jobs:
                _deliver(_together(connection, jobs))
        connection.close()

    def _take(self) -> tuple[list[_Job], bool]:
        job = self._queue.get()
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) >= BATCH:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False


Outcome = tuple[_Job, Any, BaseException | None]


def _together(connection: sqlite3.Connection, jobs: list[_Job]) -> list[Outcome]:
    """Run all in one transaction; where that fails, each in its own."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [job.work(connection) for job in jobs]
        connection.execute("COMMIT")
    except BaseException as error:  # every caller must get its answer
        _rollback(connection)
        if len(jobs) == 1:
            return [(jobs[0], None, _explain(error))]
        return [outcome for job in jobs for outcome in _together(connection, [job])]
    return [(job, result, None) for job, result in zip(jobs, results, strict=True)]


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _explain(error: BaseException) -> BaseException:
    """Say that the store failed, where it was the store and not the work."""
    if isinstance(error, sqlite3.OperationalError):
        explained = StoreError(str(error))
        explained.__cause__ = error
        return explained
    return error


def _deliver(outcomes: list[Outcome]) -> None:
    """Hand the results to their event loops, one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        loops.setdefault(outcome[0].loop, []).append(outcome)
    for loop, mine in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, mine)


def _settle(outcomes: list[Outcome]) -> None:
    for job, result, error in outcomes:
        if job.future.done():  # its caller was cancelled: the work is on disk all the same
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
