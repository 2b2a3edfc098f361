"""Deliver a simulated provider's webhooks: in order, signed, retried, and with the faults asked for."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.sandbox.faults import Fault
from chanbridge.sandbox.wire import fetch

if TYPE_CHECKING:
    from chanbridge.sandbox.simulator import Simulator

_log = logging.getLogger(__name__)

MAX_LOG = 10_000
GATHERS = frozenset({"reorder", "batch", "malformed"})
TRANSPORT = frozenset({"unreachable", "bad_signature", "lost"})


class Webhook(Struct, frozen=True):
    """One thing to tell the application. ``name`` is what faults match, ``item`` what the provider says."""

    name: str
    url: str
    item: Any


class Delivery(Struct):
    """One POST to the application, and how its tries went: an HTTP status, or 0 for no answer."""

    request: HttpRequest
    names: tuple[str, ...]
    tries: list[int]

    @property
    def done(self) -> bool:
        return bool(self.tries) and 200 <= self.tries[-1] < 300


class Webhooks:
    """The queue of one simulator's webhooks."""

    def __init__(self, simulator: Simulator) -> None:
        self.log: deque[Delivery] = deque(maxlen=MAX_LOG)
        self._simulator = simulator
        self._queue: asyncio.Queue[Webhook] = asyncio.Queue()
        self._gathered: list[Webhook] = []
        self._gathering: Fault | None = None
        self._retries: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._free.set()
        self._open = 0

    def put(self, webhook: Webhook) -> None:
        """Queue a webhook; without a URL there is nobody to tell."""
        if webhook.url:
            self._open += 1
            self._queue.put_nowait(webhook)

    def hold(self) -> None:
        """Keep everything back until `release`."""
        self._free.clear()

    def release(self) -> None:
        """Let go on what was held."""
        self._free.set()

    @property
    def busy(self) -> bool:
        """Say whether anything is still to be delivered."""
        return bool(self._open or self._retries or self._gathered)

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                webhook = await self._queue.get()
                await self._free.wait()
                try:
                    await self._take(webhook)
                except Exception as error:  # a simulator's mistake: told by settle(), the rest goes on
                    self._simulator.failures.append(error)
                finally:
                    self._open -= 1
                    self._queue.task_done()
        finally:
            for task in self._retries:
                task.cancel()
            await asyncio.gather(*self._retries, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until everything was delivered or given up; what a fault still gathers leaves now."""
        await self._queue.join()
        await self._let_go()
        if self._retries:
            await asyncio.wait(self._retries)

    async def _take(self, webhook: Webhook) -> None:
        if self._gathering is None:
            self._gathering = self._simulator.faults.take(GATHERS, webhook.name)
        if self._gathering is None:
            await self._send([webhook])
            return
        self._gathered.append(webhook)
        if len(self._gathered) >= self._gathering.size:
            await self._let_go()

    async def _let_go(self) -> None:
        fault, gathered = self._gathering, self._gathered
        self._gathering, self._gathered = None, []
        if fault is None or not gathered:
            return
        if fault.kind == "reorder":
            for webhook in reversed(gathered):
                await self._send([webhook])
        else:
            await self._send(gathered, spoil=fault.item if fault.kind == "malformed" else None)

    async def _send(self, webhooks: Sequence[Webhook], spoil: int | None = None) -> None:
        duplicate = self._simulator.faults.take(frozenset({"duplicate"}), webhooks[0].name)
        for request in self._simulator.compose(webhooks, spoil):
            names = tuple(webhook.name for webhook in webhooks)
            copies = [Delivery(request, names, []) for _ in range(duplicate.size if duplicate else 1)]
            self.log.extend(copies)
            await asyncio.gather(*map(self._try, copies))

    async def _try(self, delivery: Delivery) -> None:
        fault = self._simulator.faults.take(TRANSPORT, delivery.names[0])
        if fault and fault.kind == "lost":
            return
        request = delivery.request
        if fault and fault.kind == "bad_signature":
            request = self._simulator.forge(request)
        response = None if fault and fault.kind == "unreachable" else await self._post(request)
        delivery.tries.append(response.status if response else 0)
        wait = self._simulator.retry_in(delivery, response)
        if response and delivery.done:
            self._simulator.answered(delivery, response)
        elif wait is None:
            _log.warning("sandbox.webhook_given_up", extra={"simulator": self._simulator.name})
        else:
            self._retry_later(delivery, wait)

    def _retry_later(self, delivery: Delivery, wait: float) -> None:
        async def retry() -> None:
            await asyncio.sleep(wait)
            await self._try(delivery)

        task = asyncio.create_task(retry())
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _post(self, request: HttpRequest) -> HttpResponse | None:
        try:
            return await fetch(request, within=self._simulator.webhook_timeout)
        except (OSError, TimeoutError):
            return None
