"""Brings in the files that people sent, right after the commit: their links expire soon."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections import defaultdict
from functools import partial

from chanbridge.accounts import Accounts, Clock, utc_now
from chanbridge.hooks import Hooks
from chanbridge.intake import place_of
from chanbridge.media import MediaService
from chanbridge.model.errors import Failure, SendError
from chanbridge.model.media import Media
from chanbridge.rates import next_attempt
from chanbridge.store.base import File, Files, Wanted, file_key
from chanbridge.store.engine import StoreError
from chanbridge.waiting import rung

_log = logging.getLogger(__name__)

FETCH_S = 100.0
LEASE = dt.timedelta(seconds=120)
LOOK_S = 1.0
"""How soon a file is seen that another process asked for."""
TRIES = 10
ACCOUNT_TRIES = 200
ACCOUNT_WAIT_S = 900.0


def due_again(failure: Failure, attempt: int, now: dt.datetime, chance: float) -> dt.datetime | None:
    """Say when to fetch again, or None to give up. A fault of the whole account is waited for."""
    if failure.scope == "account" and not failure.retryable:
        wait = min(2.0 ** min(attempt, 20), ACCOUNT_WAIT_S)
        return now + dt.timedelta(seconds=wait) if attempt < ACCOUNT_TRIES else None
    return next_attempt(failure, attempt, now, lambda: chance, max_attempts=TRIES)


class Fetcher:
    """Works off the files that are wanted."""

    def __init__(
        self,
        files: Files,
        accounts: Accounts,
        media: MediaService,
        hooks: Hooks,
        *,
        owner: str,
        clock: Clock = utc_now,
        concurrency: int = 8,
        look_s: float = LOOK_S,
    ) -> None:
        self._files = files
        self._accounts = accounts
        self._media = media
        self._hooks = hooks
        self._owner = owner
        self._clock = clock
        self._concurrency = concurrency
        self._look_s = look_s
        self._rung = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def start(self) -> None:
        """Begin to fetch."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what was under way is free for another process at once."""
        if self._loop is None:
            return
        jobs = dict(self._jobs)
        for task in (self._loop, *jobs.values()):
            task.cancel()
        await asyncio.gather(self._loop, *jobs.values(), return_exceptions=True)
        self._loop = None
        interrupted = Failure.of("internal", detail="interrupted: the bridge was stopped")
        for key in jobs:
            with contextlib.suppress(StoreError):
                await self._files.retry(key, self._clock(), interrupted)

    def wake(self) -> None:
        """Say that there may be a file to fetch."""
        self._rung.set()

    async def want(self, account: str, media: Media, timeout_s: float = 60.0) -> Media:
        """Give a received file as it is in the media store; raise `SendError` if it cannot be had in time."""
        if media.blob or media.data:
            return media
        key = file_key(account, media)
        file = await self._files.get(key)
        if file is None:
            await self._files.want(key, account, media)
        if self._loop is None and (file is None or file.state == "wanted"):
            await self._fetch(Wanted(key, account, media, 1))
            if (file := await self._files.get(key)) and file.failure:  # nobody here will try again
                raise SendError.from_failure(file.failure)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._awaited(key)
        except TimeoutError as error:
            raise SendError(
                "media_unavailable", detail="the file is not here yet: it is fetched on"
            ) from error

    async def _awaited(self, key: str) -> Media:
        bell = asyncio.Event()
        self._waiting[key].add(bell)
        try:
            while (file := await self._files.get(key)) is None or file.state == "wanted":
                bell.clear()
                self.wake()
                await rung(bell, self._look_s)
        finally:
            self._waiting[key].discard(bell)
            if not self._waiting[key]:
                del self._waiting[key]
        return _had(file)

    async def _run(self) -> None:
        while True:
            self._rung.clear()
            for job in await self._lease():
                self._jobs[job.key] = task = asyncio.create_task(self._fetch(job))
                task.add_done_callback(partial(self._ended, job.key))
            await rung(self._rung, self._look_s)

    async def _lease(self) -> list[Wanted]:
        free = self._concurrency - len(self._jobs)
        now = self._clock()
        try:
            return await self._files.lease(self._owner, now, now + LEASE, free) if free else []
        except StoreError as error:
            _log.error("files.store_failed", extra={"error": str(error)})
            return []

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        del self._jobs[key]
        self.wake()

    async def _fetch(self, job: Wanted) -> None:
        """Fetch one file and write down what came of it."""
        try:
            try:
                media = await self._brought(job)
            except SendError as error:
                await self._failed(job, error.failure)
            else:
                await self._files.keep(job.key, media)
                self._hooks.stored(media)
        except StoreError as error:  # its lease runs out, and it is fetched again
            _log.error("files.store_failed", extra={"account": job.account, "error": str(error)})
        for bell in self._waiting.get(job.key, ()):
            bell.set()

    async def _brought(self, job: Wanted) -> Media:
        """Bring a file into the media store; raise `SendError` whatever goes wrong."""
        channel = self._accounts.get(job.account)
        if channel is None:
            raise SendError("internal", detail=f"no account '{job.account}' is configured")
        try:
            async with asyncio.timeout(FETCH_S):
                return await self._media.fetch(job.media, channel)
        except SendError:
            raise
        except TimeoutError as error:
            raise SendError("media_unavailable", detail=f"not fetched within {FETCH_S:.0f} s") from error
        except Exception as error:
            blame = {"plugin": channel.name, "account": job.account, "error": type(error).__name__}
            _log.error("fetch.failed", extra={**blame, "at": place_of(error)})
            raise SendError("internal", detail=type(error).__name__) from error

    async def _failed(self, job: Wanted, failure: Failure) -> None:
        due = due_again(failure, job.attempt, self._clock(), random.random())  # noqa: S311
        if due is not None:
            await self._files.retry(job.key, due, failure)
            return
        await self._files.lose(job.key, failure)
        _log.warning(
            "media.lost", extra={"account": job.account, "code": failure.code, "attempts": job.attempt}
        )


def _had(file: File) -> Media:
    if file.state == "kept":
        return file.media
    raise SendError.from_failure(file.failure or Failure.of("media_unavailable"))
