"""Play the customer from another process: the control API's client. Standard library only."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from chanbridge.sandbox.faults import FaultKind, fault_of
from chanbridge.sandbox.phones import PhoneActions, Said, Seen


class SandboxError(Exception):
    """The sandbox refused; the message says why."""


class RemoteSandbox:
    """A running sandbox, by the URL of any of its simulators. Its calls block."""

    def __init__(self, url: str, *, timeout: float = 70.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._timeout = timeout

    def phone(self, simulator: str, number: str, name: str = "") -> RemotePhone:
        """Give the phone of a number on a simulator."""
        self.call("POST", f"/{simulator}/phones/{quote(number)}", {"name": name} if name else {})
        return RemotePhone(self, simulator, number)

    def overview(self) -> dict[str, Any]:
        """What runs: each simulator with its base URL, accounts and phones."""
        found: dict[str, Any] = self.call("GET", "")
        return found

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock on."""
        self.call("POST", "/clock", {"seconds": seconds})

    def settle(self, *, within: float = 10.0) -> None:
        """Wait until nothing is on its way any more."""
        self.call("POST", f"/settle?wait={within}", {})

    def fault(self, simulator: str, kind: FaultKind, **fields: object) -> None:
        """Arm a fault: see `chanbridge.sandbox.Fault`; raise `ValueError` if it is none."""
        self.call("POST", f"/{simulator}/faults", fault_of(kind, **fields))

    def connect(self, simulator: str, account: str, url: str) -> None:
        """Send an account's webhooks to a URL."""
        self.call("POST", f"/{simulator}/connect", {"account": account, "url": url})

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one call of the control API; raise `SandboxError` if it is refused."""
        line = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            content = b"" if body is None else msgspec.json.encode(body)
            line.request(method, f"/_sandbox{path}", content, {"content-type": "application/json"})
            answer = line.getresponse()
            found = msgspec.json.decode(answer.read())
        finally:
            line.close()
        if answer.status == http.client.GATEWAY_TIMEOUT:
            raise TimeoutError(found["error"])
        if answer.status >= http.client.BAD_REQUEST:
            raise SandboxError(found["error"])
        return found


class RemotePhone(PhoneActions):
    """A customer's phone in another process."""

    def __init__(self, sandbox: RemoteSandbox, simulator: str, number: str) -> None:
        self.number = number
        self._sandbox = sandbox
        self._path = f"/{simulator}/phones/{quote(number)}"
        self._next = 0

    def say(self, said: Said) -> str:
        answer: dict[str, str] = self._sandbox.call("POST", f"{self._path}/say", said)
        return answer["id"]

    def read(self, message: str = "") -> None:
        self._sandbox.call("POST", f"{self._path}/read", {"message": message})

    def set(self, **settings: object) -> None:
        """Set ``name``, ``online``, ``reads`` or ``refuses``."""
        self._sandbox.call("POST", self._path, settings)

    @property
    def inbox(self) -> list[Seen]:
        return msgspec.convert(self._sandbox.call("GET", f"{self._path}/inbox"), list[Seen])

    def receive(self, *, within: float = 10.0) -> Seen:
        """Give the next message that nobody has received yet, waiting for it; raise `TimeoutError`."""
        found = self._sandbox.call("GET", f"{self._path}/inbox?after={self._next}&wait={within}")
        self._next += 1
        return msgspec.convert(found[0], Seen)
