"""Where we must ask: the loops of polls and sessions, one for each account over all processes."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from chanbridge.accounts import Accounts, AnyChannel, Clock, utc_now
from chanbridge.blobs import MediaStore
from chanbridge.channel import Batch, Inbound
from chanbridge.http import Headers, HttpRequest
from chanbridge.inbound import Receiver
from chanbridge.intake import place_of
from chanbridge.model.errors import Failure, SendError
from chanbridge.model.events import AccountStatus, Wake
from chanbridge.session import LiveSession
from chanbridge.store.base import Arrival, Cursor, Cursors, Stored
from chanbridge.store.engine import StoreError
from chanbridge.transport.drive import Driver
from chanbridge.waiting import rung

_log = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=60)


class Pace(NamedTuple):
    """Seconds: ``look`` is how soon a bell is seen that another process kept, or an account it left."""

    renew: float = 20.0
    look: float = 5.0
    first_wait: float = 1.0
    longest_wait: float = 300.0


PACE = Pace()


def wait_after(failures: int, failure: Failure | None, pace: Pace = PACE) -> float:
    """Say how long to wait after so many failures in a row: doubling, or what the provider orders."""
    doubled = min(pace.first_wait * 2.0 ** min(failures - 1, 20), pace.longest_wait)
    ordered = failure.retry_after_s if failure else None
    return max(doubled, ordered or 0.0)


class Bell(NamedTuple):
    """Equal wakes, answered by one poll."""

    wake: Wake
    ids: list[int]


def bells(held: Cursor) -> list[Bell]:
    """Put equal wakes together, in the order in which they came."""
    found: dict[str, Bell] = {}
    for id, wake in held.wakes:
        found.setdefault(f"{wake.key}\n{wake.data}", Bell(wake, [])).ids.append(id)
    return list(found.values())


class Poller:
    """Runs the polls and sessions of all accounts that have one."""

    def __init__(
        self,
        accounts: Accounts,
        receiver: Receiver,
        cursors: Cursors,
        driver: Driver,
        *,
        owner: str,
        clock: Clock = utc_now,
        blobs: MediaStore | None = None,
        pace: Pace = PACE,
    ) -> None:
        self.accounts = accounts
        self.receiver = receiver
        self.cursors = cursors
        self.driver = driver
        self.clock = clock
        self.blobs = blobs
        self.pace = pace
        self._owner = owner
        self._turns: dict[str, Turns] = {}
        self._tasks: list[asyncio.Task[None]] = []
        receiver.observers.append(self._heard)

    def start(self) -> None:
        """Begin to ask."""
        for name, channel in self.accounts.items():
            kind = Listening if channel.can("listen") else Asking if channel.can("poll") else None
            if kind:
                self._turns[name] = turns = kind(self, name, channel)
                self._tasks.append(asyncio.create_task(turns.run()))

    async def stop(self) -> None:
        """Stop asking, and let another process ask at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in self._turns:
            with contextlib.suppress(StoreError):
                await self.cursors.release(name, self._owner)
        self._tasks.clear()
        self._turns.clear()

    def wake(self, account: str) -> None:
        """Have an account ask now."""
        if account in self._turns:
            self._turns[account].rung.set()

    async def hold(self, account: str) -> Cursor | None:
        """Take an account, or go on holding it; None if another process has it."""
        now = self.clock()
        return await self.cursors.hold(account, self._owner, now, now + LEASE)

    def _heard(self, arrival: Arrival, stored: Stored) -> None:
        if arrival.wakes:
            self.wake(arrival.account)


class Turns(ABC):
    """One account's turns: while it is ours, with waits after failures, and word of them."""

    def __init__(self, poller: Poller, name: str, channel: AnyChannel) -> None:
        self.rung = asyncio.Event()
        self.poller = poller
        self.name = name
        self.channel = channel
        self._failures = 0
        self._told = ""  # the topic of what was told to be ill

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            self.rung.clear()
            try:
                pause = await self._hold_and_turn()
            except SendError as error:
                pause = await self._failed(error.failure)
            except StoreError as error:
                _log.error("poll.store_failed", extra={"account": self.name, "error": str(error)})
                pause = await self._failed()
            except Exception as error:
                blame = {"plugin": self.channel.name, "account": self.name, "error": type(error).__name__}
                _log.error("poll.failed", extra={**blame, "at": place_of(error)})
                pause = await self._failed()
            await self._wait(pause)

    @abstractmethod
    async def turn(self, held: Cursor) -> float:
        """Bring what is new; give the pause until the next turn."""

    async def well(self) -> None:
        """Note that something worked; tell, if it was told that it did not."""
        self._failures = 0
        topic, self._told = self._told, ""
        if topic:
            await self._tell(topic, "receiving")

    async def _hold_and_turn(self) -> float:
        held = await self.poller.hold(self.name)
        if held is None:
            return self.poller.pace.look
        turning = asyncio.create_task(self.turn(held))
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.wait({turning, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if not turning.done():
                renewing.result()
                raise StoreError("another process has taken the account")
            pause = turning.result()
        finally:
            turning.cancel()
            renewing.cancel()
            await asyncio.gather(turning, renewing, return_exceptions=True)
        await self.well()
        return pause

    async def _renew(self) -> None:
        """Hold on to the account; return when it is no longer ours."""
        held: Cursor | None = Cursor(None, [])
        while held is not None:
            await asyncio.sleep(self.poller.pace.renew)
            held = await self.poller.hold(self.name)

    async def _wait(self, seconds: float) -> None:
        if self._failures:  # a bell does not mend what failed
            await asyncio.sleep(seconds)
            return
        await rung(self.rung, seconds)

    async def _failed(self, failure: Failure | None = None) -> float:
        self._failures += 1
        if failure:
            _log.warning("poll.refused", extra={"account": self.name, "code": failure.code})
        if failure and failure.scope == "account" and not failure.retryable and not self._told:
            self._told = "token" if failure.code == "auth_failed" else "restriction"
            await self._tell(self._told, "not_receiving", failure)
        return wait_after(self._failures, failure, self.poller.pace)

    async def _tell(self, topic: str, status: str, failure: Failure | None = None) -> None:
        event = AccountStatus(
            topic=topic,
            status=status,
            reason=failure.code if failure else "",
            error=failure,
            time=self.poller.clock(),
        )
        with contextlib.suppress(StoreError):
            await self.poller.receiver.note(self.name, event)


class Asking(Turns):
    """Polls at a bell, and every so often."""

    _due = 0.0

    async def turn(self, held: Cursor) -> float:
        now = asyncio.get_running_loop().time
        cursor = held.cursor
        calls = bells(held)
        for bell in calls:
            cursor = await self._ask(cursor, bell.wake)
            await self.poller.cursors.answered(bell.ids)
        if not calls and now() >= self._due:
            await self._ask(cursor, None)
        if calls or now() >= self._due:
            every = self.channel.poll_every_s
            self._due = math.inf if every is None else now() + every
        return max(0.0, min(self.poller.pace.look, self._due - now()))

    async def _ask(self, cursor: str | None, wake: Wake | None) -> str | None:
        """Poll until there is no more; give the cursor behind it."""
        more = True
        while more:
            batch = await self.poller.driver.run(self.channel.poll(cursor, wake), self.channel)
            await self._bring(batch, cursor)
            moved = batch.cursor is not None and batch.cursor != cursor
            more = batch.more and moved  # who promises more and does not move on would be asked for ever
            cursor = batch.cursor if moved else cursor
        return cursor

    async def _bring(self, batch: Batch, cursor: str | None) -> None:
        """Keep a batch, its cursor in the transaction of its last body: a crash repeats, it loses nothing."""
        last = len(batch.bodies) - 1
        for index, body in enumerate(batch.bodies):
            request = HttpRequest(method="POLL", url=f"poll:{self.name}", body=body)
            await self.poller.receiver.take(self.name, request, batch.cursor if index == last else None)
        if not batch.bodies and batch.cursor not in {None, cursor}:
            await self.poller.receiver.note(self.name, cursor=batch.cursor)


class Listening(Turns):
    """Holds a session, and opens it anew when it ends."""

    async def turn(self, held: Cursor) -> float:
        stream = self.channel.listen(LiveSession(held.cursor, self.poller.clock, self.poller.blobs))
        try:
            async for inbound in stream:  # goes on only when what it gave is on disk
                await self.poller.receiver.take(self.name, self._request(inbound), inbound.cursor)
                await self.well()
        finally:
            close = getattr(stream, "aclose", None)
            if close:
                await close()
        return self.poller.pace.first_wait

    def _request(self, inbound: Inbound) -> HttpRequest:
        return HttpRequest(
            method="SESSION",
            url=f"session:{self.name}",
            headers=Headers(inbound.headers),
            body=inbound.body,
        )
