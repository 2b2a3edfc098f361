"""Pieces of work that share a commit: what belongs together, done in the order in which it queued."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, Literal

import msgspec

GROUP = 400
"""Most that a group of several pieces of work weighs: for so long the event loop does nothing else."""
Kind = Literal["alone", "shared", "last"]


class StoreError(Exception):
    """The store cannot keep anything now: the disk is full or read-only, or the file is locked."""


class Job(msgspec.Struct):
    """A piece of work. ``shared``: done at once for the items of all that follow each other in the queue.

    ``last``: whose place among the others does not matter; it does not come between what is shared.
    ``told`` is called with its result when that is on disk, also if its caller has gone.
    """

    work: Callable[..., Any]
    future: asyncio.Future[Any]
    kind: Kind = "alone"
    item: Any = None
    weight: int = 1
    told: Callable[[Any], None] | None = None


def take(queue: deque[Job]) -> list[Job]:
    """Take a group from the front of a queue: at least one piece of work."""
    group = [queue.popleft()]
    weight = group[0].weight
    while queue and (weight := weight + queue[0].weight) <= GROUP:
        group.append(queue.popleft())
    return group


def do(group: list[Job], connection: sqlite3.Connection) -> list[tuple[Job, Any]]:
    """Do the work of a group; give each piece with its result."""
    done: list[tuple[Job, Any]] = []
    ordered = [job for job in group if job.kind != "last"]
    for shared, run in groupby(ordered, _shared):
        if shared is None:
            done += [(job, job.work(connection)) for job in run]
        else:
            jobs = list(run)
            done += zip(jobs, shared([job.item for job in jobs], connection), strict=True)
    return done + [(job, job.work(connection)) for job in group if job.kind == "last"]


def _shared(job: Job) -> Callable[..., Any] | None:
    return job.work if job.kind == "shared" else None


def settle(done: Iterable[tuple[Job, Any]]) -> None:
    """Tell of work that is on disk."""
    for job, result in done:
        if job.told is not None:
            job.told(result)
        if not job.future.done():  # else its caller was cancelled: the work is on disk all the same
            job.future.set_result(result)


def refuse(jobs: Iterable[Job], error: BaseException) -> None:
    """Tell of work that failed."""
    explained = _explain(error)
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(explained)


def _explain(error: BaseException) -> BaseException:
    """Say that the store failed, where it was the store and not the work."""
    if type(error) in {sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError}:
        return failure(error)
    if isinstance(error, StopIteration):  # no future can hold it
        raised = RuntimeError("the work raised StopIteration")
        raised.__cause__ = error
        return raised
    return error


def failure(error: BaseException) -> StoreError:
    """Make the error of a store that failed."""
    explained = StoreError(str(error))
    explained.__cause__ = error
    return explained
