"""Who may come in: the secret path, the handshake, the signature. Whatever a plugin does, it is answered."""

from __future__ import annotations

import datetime as dt
import logging

from chanbridge.accounts import Accounts, AnyChannel
from chanbridge.channel import Channel, Verdict
from chanbridge.http import Flow, HttpRequest, HttpResponse
from chanbridge.intake import place_of
from chanbridge.model.errors import PayloadError, SendError, SignatureError
from chanbridge.tally import Tally
from chanbridge.transport.drive import Driver

_log = logging.getLogger(__name__)

LATER = {"retry-after": "5"}


class Refused(Exception):
    """A request is not taken: with which status, and why, in a word that is counted."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


class Gate:
    """Lets requests in, or raises `Refused`."""

    def __init__(self, accounts: Accounts, driver: Driver, tally: Tally) -> None:
        self._accounts = accounts
        self._driver = driver
        self._tally = tally

    def enter(self, name: str, request: HttpRequest, below: str) -> AnyChannel:
        """Give the channel of an account whose path and addresses let the request in."""
        channel = self._accounts.find(name)
        if channel is None:
            if name in self._accounts.broken:
                raise Refused(503, "plugin", LATER)  # the provider shall come again when it is mended
            raise Refused(404, "unknown_account")
        door = self._accounts.doors.get(name)
        if door is not None and (reason := door.refuses(below, request.peer)):
            raise Refused(404 if reason == "path_token" else 403, reason)
        return channel

    def challenge(self, channel: AnyChannel, request: HttpRequest) -> HttpResponse | None:
        """Answer a handshake; None if it is none, and comes by a method that webhooks come by."""
        try:
            answer = channel.challenge(request)
            if answer is not None and not isinstance(answer, HttpResponse):
                raise TypeError(f"challenge gave a {type(answer).__name__}")
            other = "" if answer is not None or request.method in channel.methods else _methods(channel)
        except SignatureError as error:
            raise Refused(403, "handshake") from error
        except PayloadError as error:
            raise Refused(400, "malformed") from error
        except Exception as error:
            raise self._blame(channel, "challenge", error) from error
        if other:
            raise Refused(405, "method", {"allow": other})
        return answer

    def typed(self, channel: AnyChannel, request: HttpRequest) -> None:
        """Let only a body pass that is said to be of a type that the provider sends, or of none."""
        given = request.headers.get("content-type", "")
        types = channel.content_types
        if not types or not given or given in types or not request.body:
            return
        if given.partition(";")[0].strip().lower() not in types:
            raise Refused(415, "content_type", {"accept": ", ".join(types)})

    async def verify(self, channel: AnyChannel, request: HttpRequest) -> None:
        """Let only what the provider sent pass."""
        verdict = self.judge(channel, request)
        if verdict is not None:
            await self.fetch_key(channel, verdict)

    def judge(self, channel: AnyChannel, request: HttpRequest) -> Verdict:
        """Let only what the provider sent pass; a flow: its key must be fetched for that."""
        if type(channel).verify is Channel.verify:
            raise Refused(404, "no_webhooks")
        try:
            return channel.verify(request)
        except Exception as error:
            raise self._refused(channel, error) from error

    async def fetch_key(self, channel: AnyChannel, verdict: Flow[None]) -> None:
        """Go on with a verification that asks the provider."""
        try:
            await self._driver.run(verdict, channel)
        except Exception as error:
            raise self._refused(channel, error) from error

    def _refused(self, channel: AnyChannel, error: Exception) -> Refused:
        match error:
            case SignatureError():
                return Refused(403, "signature")
            case PayloadError():
                return Refused(400, "malformed")
            case SendError():  # the provider's key cannot be had just now
                return Refused(503, "key_unavailable", LATER)
        return self._blame(channel, "verify", error)

    async def accepts(self, name: str, request: HttpRequest, at: dt.datetime | None = None) -> bool:
        """Say whether an account takes a request that came in elsewhere, now or as of a time."""
        channel = self._accounts.as_of(name, at) if at else self._accounts[name]
        try:
            await self.verify(channel, request)
        except Refused:
            return False
        return True

    def _blame(self, channel: AnyChannel, method: str, error: Exception) -> Refused:
        blame_plugin(self._tally, channel, method, error)
        return Refused(500, "plugin")  # so that the provider tries again


def blame_plugin(tally: Tally, channel: AnyChannel, method: str, error: Exception) -> None:
    """Count and log whose code failed, and where; its words are left out, they may quote a message."""
    tally.add("plugin.failed")
    blame = {"plugin": channel.name, "account": channel.account.name, "method": method}
    _log.error("plugin.failed", extra={**blame, "error": type(error).__name__, "at": place_of(error)})


def _methods(channel: AnyChannel) -> str:
    """Name the methods that an account's requests come by."""
    handshakes = {"GET"} if channel.can("challenge") else set()
    return ", ".join(sorted({*channel.methods} | handshakes))


class Acceptance:
    """Asks each other account once whether it takes a request."""

    def __init__(self, gate: Gate, request: HttpRequest, at: dt.datetime | None) -> None:
        self._gate = gate
        self._request = request
        self._at = at
        self._known: dict[str, bool] = {}

    async def __call__(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = await self._gate.accepts(name, self._request, self._at)
        return self._known[name]
