"""Sends what the outbox holds: in order within a conversation, at once across conversations.

Every answer is written down with a mark of its request, so that after a crash a flow is replayed
from the record and goes on at the next request: an accepted step is never sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from chanbridge import planner
from chanbridge.accounts import Accounts, AnyChannel
from chanbridge.channel import Gesture, Sent
from chanbridge.config import DeliveryPolicy
from chanbridge.hooks import Hooks, Parked
from chanbridge.intake import place_of
from chanbridge.model.errors import ChanbridgeError, Failure, SendError
from chanbridge.model.events import AccountStatus
from chanbridge.pacing import Pacer
from chanbridge.rates import next_attempt
from chanbridge.store.base import Arrival, Entry, Lane, Outgoing, Settled, Store
from chanbridge.store.engine import StoreError
from chanbridge.store.targets import step_key
from chanbridge.transcode.plan import Step
from chanbridge.transport.drive import Driver
from chanbridge.transport.record import Answer
from chanbridge.waiting import rung

_log = logging.getLogger(__name__)
LEASE = dt.timedelta(seconds=60)
RENEW_S = 15.0
POLL_S = 0.5
MAX_TRIES = 8
MEDIA_TRIES = 2  # of a file that the provider could not take: it seldom can the next time
HOLD_S = 60.0
MAX_HOLD_S = 1800.0

Told = Callable[[list[Entry]], None]
Mediate = Callable[[Step, AnyChannel], Awaitable[Step]]


class Sender:
    """Works off the outbox."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        driver: Driver,
        *,
        owner: str,
        hooks: Hooks,
        clock: Callable[[], dt.datetime],
        told: Told,
        mediate: Mediate,
        policy: Callable[[str], DeliveryPolicy],
        links: planner.Links,
        concurrency: int = 500,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._driver = driver
        self._owner = owner
        self._hooks = hooks
        self._clock = clock
        self._told = told
        self._mediate = mediate
        self._policy = policy
        self._links = links
        self._free = concurrency
        self._pacer = Pacer()
        self._wake = asyncio.Event()
        self._held: set[str] = set()
        self._kept = 0.0  # when the leases were renewed last
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._loops = [asyncio.create_task(loop()) for loop in (self._lease, self._renew)]

    async def stop(self, grace_s: float = 30.0) -> None:
        """Finish what is under way, within ``grace_s``; the rest waits in the outbox."""
        for loop in self._loops:
            loop.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._loops, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await self._store.outbox.give_back(self._owner)

    def wake(self) -> None:
        """Say that there is something to send."""
        self._wake.set()

    async def try_gesture(self, gesture: Gesture) -> None:
        """Make a gesture once, without a trace: what fails is logged."""
        channel = self._accounts[gesture.to.account]
        to = await self._store.outbox.reached(gesture.to)
        try:
            await self._driver.run(channel.gesture(gesture.replace(to=to, now=self._clock())), channel)
        except SendError as error:
            _log.info("gesture.failed", extra=_about(gesture, error.failure))

    async def _lease(self) -> None:
        while True:
            self._wake.clear()
            lanes: list[Lane] = []
            if self._free > 0:
                lanes = await self._next()
            for lane in lanes:
                self._begin(lane)
            if not lanes:
                await rung(self._wake, POLL_S)

    async def _next(self) -> list[Lane]:
        now = self._clock()
        try:
            await self._keep(now)
            return await self._store.outbox.lease(self._owner, now, now + LEASE, self._free)
        except Exception as error:  # this loop must not end
            told = str(error) if isinstance(error, StoreError) else type(error).__name__
            _log.error("outbox.store_failed", extra={"error": told})
            await asyncio.sleep(POLL_S)
            return []

    def _begin(self, lane: Lane) -> None:
        self._free -= 1
        key = lane.conversation.key
        self._held.add(key)
        task = asyncio.create_task(self._work(lane))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, key))

    def _end(self, task: asyncio.Task[None], key: str) -> None:
        self._tasks.discard(task)
        self._held.discard(key)
        self._free += 1
        self._wake.set()
        if not task.cancelled() and (error := task.exception()):
            _log.error("outbox.failed", extra={"error": type(error).__name__, "at": place_of(error)})

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(StoreError):
                await self._keep(self._clock())

    async def _keep(self, now: dt.datetime) -> None:
        """Renew what is held, and bring near what a clock that was set back has put far away.

        Before every lease, lest a clock that jumped lets us take something from ourselves.
        """
        if abs(now.timestamp() - self._kept) < RENEW_S:
            return
        renew = self._store.outbox.renew
        await asyncio.gather(*(renew(self._owner, key, now + LEASE) for key in self._held))
        await self._store.outbox.hasten(now)
        self._kept = now.timestamp()

    async def _work(self, lane: Lane) -> None:
        """Send the items of a conversation in order, as long as they go out."""
        following: Lane | None = lane
        while following is not None:
            try:
                settled = await self._outcome(following)
            except NotOurs:
                _log.warning("outbox.taken_away", extra={"account": lane.account, "item": following.item.seq})
                following = await self._store.outbox.next(following, self._clock())
            else:
                following = await self._settle(following, settled)

    async def _settle(self, lane: Lane, settled: Settled) -> Lane | None:
        if settled.state == "held" and settled.failure:
            await self._hold(lane, settled.failure)
        entries, following = await self._store.outbox.settle(lane, settled, self._clock())
        if settled.state in ("failed", "expired") and settled.failure and isinstance(lane.item.item, Gesture):
            _log.warning("gesture.failed", extra=_about(lane.item.item, settled.failure))  # nobody else tells
        if entries:
            self._told(entries)
        if settled.state == "unknown" and settled.failure:
            self._tell_parked(lane, settled.failure)
        return following

    def _tell_parked(self, lane: Lane, failure: Failure) -> None:
        item = lane.item
        parked = Parked(
            id=step_key(item.message, item.step), kind="step", account=lane.account,
            conversation=lane.conversation.key, attempts=item.attempt + 1,
            error=f"{failure.code}: {failure.detail}",
        )  # fmt: skip
        self._hooks.parked(parked)
        _log.error("step.parked", extra={"account": lane.account, "step": parked.id, "error": parked.error})

    async def _outcome(self, lane: Lane) -> Settled:
        """Try an item; say what became of it."""
        try:
            waiting = self._rate(lane)
            if waiting:
                return Settled(state="held", due=self._clock() + dt.timedelta(seconds=waiting))
            sent = await self._attempt(lane)
        except SendError as error:
            return self._judge(lane, error)
        except ChanbridgeError as error:
            return Settled(state="failed", failure=Failure.of("internal", detail=str(error), retryable=False))
        except (StoreError, NotOurs):
            raise
        except Exception as error:
            _log.error(
                "plugin.failed",
                extra={"account": lane.account, "error": type(error).__name__, "at": place_of(error)},
            )
            return self._judge(
                lane, SendError("internal", detail=f"the plugin failed: {type(error).__name__}")
            )
        return sent

    async def _attempt(self, lane: Lane) -> Settled:
        channel = self._accounts.get(lane.account)
        if channel is None:
            raise SendError("account_blocked", detail=f"account '{lane.account}' is not configured", fix=None)
        recorder = _Record(self._store, lane, self._clock())
        item = recorder.item
        last_try = lane.item.attempt + 1 >= MAX_TRIES
        if isinstance(item, Gesture):
            await self._driver.run(channel.gesture(item), channel, recorder=recorder, last_try=last_try)
            return Settled(state="sent", sent=Sent())
        if not recorder.begun:
            now = self._clock()
            replanned = await self._look_again(lane, channel, item)
            due = channel.not_before(item.category, item.to.id, now)
            if replanned or due > now:
                return Settled(state="held", due=due)
            recorder.item = item = await self._mediate(item, channel)
            if channel.capabilities_for(lane.conversation).idempotency.outbound == "native":
                await recorder.freeze()
        sent = await self._driver.run(
            channel.send(item),
            channel,
            recorder=recorder,
            last_try=last_try,
            may_repeat=self._policy(lane.account).on_unknown == "repeat",
        )
        return Settled(state="sent", sent=sent)

    async def _look_again(self, lane: Lane, channel: AnyChannel, step: Step) -> bool:
        """Before the first step leaves: expiry, consent, window. True: the message was planned anew."""
        now = self._clock()
        if step.expires_at and step.expires_at <= now:
            raise SendError("expired", detail="its expires_at has passed")
        if step.index > 0:
            return False
        progress = await self._store.outbox.progress(lane.item.message)
        if progress is None:
            return False
        planner.refuse_without_consent(
            progress.message, await self._store.outbox.consent(lane.conversation.key)
        )
        known = planner.situation(channel, lane.conversation, now, progress.message, self._links)
        planned = planner.planned_for(channel, lane.conversation, known)
        if planned == lane.item.planned:
            return False
        plan = planner.plan(progress.message, channel, lane.conversation, self._policy(lane.account), known)
        outgoing = Outgoing(
            message=progress.message, plan=plan, planned=planned, at=now, conversation=lane.conversation,
            address=lane.item.item.to.address,
        )  # fmt: skip
        if not await self._store.outbox.replan(outgoing):
            raise NotOurs
        return True

    def _rate(self, lane: Lane) -> float:
        """Say how long an item has to wait for its turn, in seconds."""
        channel = self._accounts.get(lane.account)
        if channel is None or lane.item.kind == "gesture":
            return 0.0
        limits = channel.capabilities_for(lane.conversation).limits.rate
        return self._pacer.turn(limits, **self._place(lane), now=self._clock())

    def _place(self, lane: Lane) -> dict[str, str]:
        address = lane.conversation.address
        return {"channel": lane.conversation.channel, "account": lane.account, "recipient": address}

    def _judge(self, lane: Lane, error: SendError) -> Settled:
        """Decide what a failure means for the item."""
        failure = error.failure
        if failure.code == "outcome_unknown":
            return Settled(state="unknown", failure=failure)
        if failure.code == "rate_limited":
            self._pacer.learn(failure, **self._place(lane), now=self._clock())
        if failure.scope == "account" and not failure.retryable:
            return Settled(state="held", failure=failure, due=self._clock())
        if failure.code == "expired":
            return Settled(state="expired", failure=failure)
        due = next_attempt(
            failure, lane.item.attempt + 1, self._clock(), random.random, max_attempts=tries_of(failure)
        )
        if due is None:
            return Settled(state="failed", failure=failure)
        return Settled(state="retry", failure=failure, due=due)

    async def _hold(self, lane: Lane, failure: Failure) -> None:
        """Hold an account's outbox and tell; it is tried again from time to time, the longer the rarer."""
        account, now = lane.account, self._clock()
        if await self._store.outbox.hold(lane, failure, now, hold_s) != 1:
            return
        topic = "token" if failure.code == "auth_failed" else "restriction"
        event = AccountStatus(
            account=account, time=now, topic=topic, status="held", reason=failure.code, error=failure
        )
        stored = await self._store.journal.append(Arrival(account=account, at=now, events=[event]))
        self._told(stored.entries)
        _log.error("account.held", extra={"account": account, "code": failure.code})


def _about(gesture: Gesture, failure: Failure) -> dict[str, str]:
    """Say which gesture was lost and why; of what a provider said only its code, since it may quote."""
    said = failure.provider
    reason = (said.code or failure.code) if said else failure.detail or failure.code
    return {
        "account": gesture.to.account,
        "gesture": gesture.kind,
        "code": failure.code,
        "reason": reason,
    }


def tries_of(failure: Failure) -> int:
    """Say how often what failed like this is tried in all."""
    refused = failure.code == "media_unavailable" and failure.provider is not None
    return MEDIA_TRIES if refused else MAX_TRIES


def hold_s(attempt: int) -> float:
    """Say how long an account is held that has failed so many times in a row."""
    return min(MAX_HOLD_S, HOLD_S * 2.0 ** (attempt - 1))


class NotOurs(Exception):
    """An item is no longer ours to send: its lease was lost, or it was dropped."""


class _Record:
    """The answers of one send, in the outbox: the recorder of its flow."""

    def __init__(self, store: Store, lane: Lane, now: dt.datetime) -> None:
        self._store = store
        self._lane = lane
        self._answers = msgspec.json.decode(lane.item.record, type=list[Answer]) if lane.item.record else []
        self._native = False
        self.begun = lane.item.frozen
        self.item: Step | Gesture = lane.item.item if lane.item.frozen else lane.item.item.replace(now=now)

    @property
    def recorded(self) -> Sequence[Answer]:
        return tuple(self._answers)

    async def freeze(self) -> None:
        """Fix what the step asks for before its first request leaves: the provider compares its repeats."""
        self._native = True
        await self._claim()

    async def before(self, mark: str) -> None:
        self._answers.append(Answer(mark=mark))
        await self._claim()

    async def after(self, answer: Answer) -> None:
        self._drop_open()
        self._answers.append(answer)
        await self._write()

    async def withdraw(self, mark: str) -> None:
        """Take a note back. Where nothing else has left, the step is free to change again."""
        self._drop_open()
        if self._answers or self._native:
            await self._write()
        else:
            await self._store.outbox.thaw(self._lane)

    def _drop_open(self) -> None:
        if self._answers and self._answers[-1].open:
            self._answers.pop()

    async def _claim(self) -> None:
        if not await self._write():
            raise NotOurs

    async def _write(self) -> bool:
        """Write it down; what has happened is true even where that is no longer ours to do."""
        return await self._store.outbox.record(self._lane, msgspec.json.encode(self._answers), self.item)
