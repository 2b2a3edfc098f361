"""The base of every simulated provider: calls come in, phones show them, webhooks go out.

A plugin subclasses `Simulator`, says what it answers (`routes`), how its errors look (`refuse`), how a
webhook is written and signed (`compose`), and what the provider makes of a customer's doings (`say`).
Handlers are plain functions of a `Call`; what follows an answer they hand to ``call.later``.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from msgspec.structs import replace

from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.sandbox.clock import Clock
from chanbridge.sandbox.faults import CALLS, REFUSALS, Fault, Faults
from chanbridge.sandbox.phones import File, Phone, Said, Seen, role_of
from chanbridge.sandbox.routing import Call, Job, Refusal, Route, Router
from chanbridge.sandbox.webhooks import Delivery, Webhook, Webhooks
from chanbridge.sandbox.wire import Reply, Server, fetch

MAX_CALLS, MAX_KEPT = 10_000, 65_536
LINK_TIMEOUT = 10.0


class Simulator(ABC):
    """One provider on a loopback port. It remembers all it was told until it stops."""

    name: ClassVar[str]
    signature_header: ClassVar[str]
    webhook_timeout: float = 15.0
    retries: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)  # the provider's schedule, in a sandbox's time

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.faults = Faults()
        self.phones: dict[str, Phone] = {}
        self.webhooks = Webhooks(self)
        self.waiting: dict[str, list[Job]] = {}  # for phones that are switched off
        self.calls: deque[HttpRequest] = deque(maxlen=MAX_CALLS)
        self.failures: list[Exception] = []
        self.control: Any = None  # answers /_sandbox: the sandbox that holds us sets it
        self._server = Server(self.handle)
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._open = 0
        self._workers: list[asyncio.Task[None]] = []
        self.run = int(self.clock().timestamp() * 1000)
        self._count = 0

    # what a plugin writes

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """List what is answered; the first that fits wins."""

    @abstractmethod
    def admit(self, call: Call) -> None:
        """Check the credential of a call; raise the provider's `Refusal`."""

    @abstractmethod
    def refuse(self, fault: Fault) -> HttpResponse:
        """Write the provider's answer to a call that a fault refuses."""

    @abstractmethod
    def unknown(self, request: HttpRequest) -> HttpResponse:
        """Write the provider's answer to a path it does not have."""

    @abstractmethod
    def say(self, phone: Phone, said: Said) -> str:
        """Take what a customer sends, tell the application, give the provider's id."""

    @abstractmethod
    def compose(self, webhooks: Sequence[Webhook], spoil: int | None) -> list[HttpRequest]:
        """Write signed POSTs: one for all where the provider batches; item ``spoil`` is malformed."""

    @abstractmethod
    def settings(self) -> dict[str, dict[str, str]]:
        """Give the account tables for chanbridge.toml, by name; secrets are literal."""

    @abstractmethod
    async def connect(self, account: str, url: str) -> None:
        """Send an account's webhooks to a URL, as if its owner had configured it at the provider.

        Nobody need be there yet. Raise `ValueError` if who is there fails the provider's challenge.
        """

    def was_read(self, phone: Phone, seen: Seen) -> None:  # noqa: B027 - not every provider tells
        """Tell the application that a message was read, where the provider does."""

    def came_online(self, phone: Phone) -> None:
        """Deliver what has waited for a phone."""
        for job in self.waiting.pop(phone.number, []):
            self.later(job)

    def answered(self, delivery: Delivery, response: HttpResponse) -> None:  # noqa: B027 - nor listens
        """Heed the application's answer to a webhook, where the provider does."""

    def path(self, request: HttpRequest) -> str:
        """Give the path that routes are matched against."""
        return request.path

    def retry_in(self, delivery: Delivery, response: HttpResponse | None) -> float | None:
        """Say when a failed webhook is tried again, in seconds; None: never."""
        tries = len(delivery.tries)
        return self.retries[tries - 1] if tries <= len(self.retries) else None

    # what everyone uses

    @property
    def base_url(self) -> str:
        return self._server.url

    def phone(self, number: str, name: str = "") -> Phone:
        """Give the phone of a number, switched on when first asked for."""
        if number not in self.phones:
            self.phones[number] = Phone(self, number, name)
        if name:
            self.phones[number].name = name
        return self.phones[number]

    def next(self) -> int:
        """Count: ids are made of it, and of the start, since an application may outlive a simulator."""
        self._count += 1
        return self._count

    async def start(self, port: int = 0) -> None:
        """Listen, and begin to deliver."""
        self._router = Router(self.routes())
        await self._server.start(port)
        self._workers = [asyncio.create_task(self.webhooks.run()), asyncio.create_task(self._work())]

    async def stop(self) -> None:
        """Close everything; what was not delivered is gone."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._server.stop()

    async def settle(self, *, within: float = 10.0) -> None:
        """Wait until nothing is on its way any more; raise `TimeoutError`, or the simulator's own mistake."""
        async with asyncio.timeout(within):
            await self._quiet()
        if self.failures:
            raise self.failures.pop()

    async def _quiet(self) -> None:
        while self._open or self.webhooks.busy:
            await self._jobs.join()
            await self.webhooks.settle()

    def later(self, job: Job) -> None:
        """Do something after what is already waiting, one at a time: delivery keeps the order of calls."""
        self._open += 1
        self._jobs.put_nowait(job)

    def forge(self, request: HttpRequest) -> HttpRequest:
        """Spoil a webhook's signature."""
        signature = request.headers[self.signature_header]
        forged = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
        return replace(request, headers=Headers({**request.headers, self.signature_header: forged}))

    async def download(self, url: str) -> File | None:
        """Get a link that the application gave us; None if it cannot be had."""
        try:
            response = await fetch(HttpRequest.get(url), within=LINK_TIMEOUT)
        except (OSError, ValueError, TimeoutError):
            return None
        if not response.ok:
            return None
        mime = response.headers.get("content-type", "").partition(";")[0].strip()
        return File(role=role_of(mime), mime=mime, data=response.body, url=url)

    async def handle(self, request: HttpRequest) -> Reply:
        """Answer a call, or let it meet its fault."""
        if request.path.startswith("/_sandbox") and self.control:
            return Reply(await self.control.handle(request), _nothing)
        small = len(request.body) <= MAX_KEPT
        self.calls.append(request if small else replace(request, body=b""))
        method = "GET" if request.method == "HEAD" else request.method
        found = self._router.find(method, self.path(request))
        if found is None:
            return Reply(self.unknown(request), _nothing)
        route, params = found
        call = Call(request, route.name, params)
        return await self._meet(self.faults.take(CALLS, route.name), route, call)

    async def _meet(self, fault: Fault | None, route: Route, call: Call) -> Reply:
        if fault is None:
            return Reply(await self._answer(route, call), lambda: self._follow(call))
        if fault.kind in REFUSALS:
            return Reply(self.refuse(fault), _nothing)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        cut = fault.kind in {"timeout", "drop"}
        response = None if cut and not fault.after else await self._answer(route, call)
        if cut:
            response = None
            self._follow(call)
        if fault.kind == "timeout":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "status_first":
            self._follow(call)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet(), LINK_TIMEOUT)
        return Reply(response, lambda: self._follow(call))

    async def _answer(self, route: Route, call: Call) -> HttpResponse:
        try:
            if not route.public:
                self.admit(call)
            answer = route.handler(call)
            return await answer if inspect.isawaitable(answer) else answer
        except Refusal as refusal:
            return refusal.response()
        except Exception as error:  # a simulator's mistake: told by settle()
            self.failures.append(error)
            return HttpResponse(status=500)

    def _follow(self, call: Call) -> None:
        jobs, call.jobs = call.jobs, []
        for job in jobs:
            self.later(job)

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await job()
            except Exception as error:  # a simulator's mistake: told by settle(), the rest goes on
                self.failures.append(error)
            finally:
                self._open -= 1
                self._jobs.task_done()


def _nothing() -> None:
    """Follow an answer with nothing."""
