"""A provider with nothing special about it, and an application that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec
import pytest

from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.sandbox import (
    Call,
    Fault,
    Phone,
    Refusal,
    Route,
    Said,
    Sandbox,
    Seen,
    Simulator,
    Webhook,
    bearer,
)
from chanbridge.sandbox.wire import Reply, Server


class Unauthorized(Refusal):
    def response(self) -> HttpResponse:
        return HttpResponse(status=401)


class Plain(Simulator):
    """Takes any text, tells of every delivery."""

    name = "plain"
    signature_header = "x-signature"
    retries = (0.01, 0.01)
    callback = ""

    def routes(self) -> Iterable[Route]:
        return [
            Route("POST", "/send/{to}", "send", self._send),
            Route("GET", "/hello", "hello", self._hello, True),
        ]

    def admit(self, call: Call) -> None:
        if bearer(call.request) != "TESTTOKEN":
            raise Unauthorized

    def refuse(self, fault: Fault) -> HttpResponse:
        return HttpResponse.of_json({"kind": fault.kind}, status=fault.status or 429)

    def unknown(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    def say(self, phone: Phone, said: Said) -> str:
        self.webhooks.put(Webhook("message", self.callback, said.text))
        return f"in-{self.next()}"

    def compose(self, webhooks: Sequence[Webhook], spoil: int | None) -> list[HttpRequest]:
        items = [f"broken {n}" if n == spoil else webhook.item for n, webhook in enumerate(webhooks)]
        body = msgspec.json.encode(items)
        return [
            HttpRequest(
                method="POST", url=webhooks[0].url, headers=Headers({"x-signature": "goodgood"}), body=body
            )
        ]

    def settings(self) -> dict[str, dict[str, str]]:
        return {"plain": {"channel": "plain", "base_url": self.base_url}}

    async def connect(self, account: str, url: str) -> None:
        self.callback = url

    def was_read(self, phone: Phone, seen: Seen) -> None:
        self.webhooks.put(Webhook("status", self.callback, f"read {seen.id}"))

    def _hello(self, call: Call) -> HttpResponse:
        return HttpResponse.text("hello")

    def _send(self, call: Call) -> HttpResponse:
        phone, seen = (
            self.phone(call.params["to"]),
            Seen(id=f"out-{self.next()}", sender="plain", text=call.fields["text"]),
        )

        async def deliver() -> None:
            phone.show(seen)
            self.webhooks.put(Webhook("status", self.callback, f"delivered {seen.id}"))

        call.later(deliver)
        return HttpResponse.of_json({"id": seen.id})


class App:
    """The application: keeps what it was told, answers what it is asked to."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.answers: list[HttpResponse] = []
        self.now = self.most = 0  # how many are being served; how many ever were at once
        self.takes = 0.0
        self._server = Server(self._handle)

    async def _handle(self, request: HttpRequest) -> Reply:
        self.requests.append(request)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.takes)
        self.now -= 1
        return Reply(self.answers.pop(0) if self.answers else HttpResponse(), lambda: None)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def told(self) -> list[str]:
        """Every item of every webhook, in the order they came."""
        return [item for request in self.requests for item in msgspec.json.decode(request.body)]

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    app = App()
    await app.start()
    yield app
    await app.stop()


@pytest.fixture
async def sandbox(app: App) -> AsyncIterator[Sandbox]:
    async with Sandbox([Plain]) as sandbox:
        await sandbox.connect(app.url)
        yield sandbox
    assert len(asyncio.all_tasks()) <= 2  # this one, and the application's connection


@pytest.fixture
def plain(sandbox: Sandbox) -> Simulator:
    return sandbox["plain"]
