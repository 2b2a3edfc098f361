"""Runs a channel's flows: signs, sends, records, and hands back what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import urljoin

import msgspec

from chanbridge.channel import Channel, Grant
from chanbridge.http import Flow, HttpRequest, HttpResponse, Pause
from chanbridge.model.errors import PayloadError, PluginError, SendError
from chanbridge.redact import SHORTEST, redact_request, redact_response, secrets_of, without
from chanbridge.transport.hosts import origin, trusted
from chanbridge.transport.record import Answer, Recorder, check_finished, mark_of, next_move

T = TypeVar("T")
MAX_REDIRECTS = 5
MAX_REQUESTS = 1000
MAX_PAUSE = 300.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Observe = Callable[[Channel[Any], HttpRequest, HttpResponse], None]
Authorize = Callable[[Grant | None], Awaitable[Grant]]
Leaving = Callable[[], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]


class Transport(Protocol):
    """Answers one request. ``foreign``: its URL is not the provider's, so it is guarded."""

    async def __call__(self, request: HttpRequest, *, foreign: bool = False) -> HttpResponse: ...


class Grants(Protocol):
    """Hands out an account's grant, and trades one that the provider refused for the next."""

    async def grant(
        self, channel: Channel[Any], authorize: Authorize, refused: Grant | None = None
    ) -> Grant: ...


class Driver:
    """Runs flows over one transport."""

    def __init__(
        self,
        transport: Transport,
        *,
        grants: Grants | None = None,
        observe: Observe | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._grants = grants
        self._observe = observe
        self._sleep = sleep

    async def run(
        self,
        flow: Flow[T],
        channel: Channel[Any],
        *,
        recorder: Recorder | None = None,
        last_try: bool = True,
        may_repeat: bool = False,
        foreign: bool = False,
    ) -> T:
        """Run a flow to its end and give what it returns; raise `SendError` where it failed.

        With a ``recorder`` it resumes: recorded answers are given again, without the network. A failure
        is raised inside the flow, which may go another way, except for what the flow is not to see:
        what a later try may mend (until the ``last_try``), an error of the whole account (recorded
        sends wait for its mend), and ``outcome_unknown`` (another way might say it twice).
        An accepted request that may not be repeated, and whose answer the flow cannot read, is one too.
        ``may_repeat`` is a person's word that a request of unknown outcome may be made again.
        ``foreign``: its requests are guarded and get no credential, wherever they lead.
        """
        walk = _Walk(self, channel, recorder, last_try=last_try, may_repeat=may_repeat, foreign=foreign)
        outcome: HttpResponse | SendError | None = None
        try:
            while True:
                step = walk.advance(flow, outcome)
                if isinstance(step, Pause):
                    outcome = await walk.pause(step)
                else:
                    outcome = await walk.answer(step)
        except StopIteration as done:
            walk.finish()
            result: T = done.value
            return result
        finally:
            flow.close()

    async def exchange(
        self,
        request: HttpRequest,
        channel: Channel[Any],
        *,
        leaving: Leaving | None = None,
        foreign: bool = False,
    ) -> HttpResponse:
        """Make one request with the account's credential; a grant that was refused is renewed once.

        ``leaving`` is awaited when the request is ready, before it leaves. A ``foreign`` request gets no
        credential.
        """
        if foreign:
            return await self._redirected(request, channel, None, leaving, foreign=True)
        grant = await self._grant(channel)
        response = await self._redirected(request, channel, grant, leaving)
        error = judged(channel, response) if grant is not None else None
        if grant is None or error is None or error.code != "auth_failed" or error.scope != "account":
            return response
        return await self._redirected(request, channel, await self._grant(channel, refused=grant), leaving)

    async def pause(self, seconds: float) -> None:
        """Wait as a flow asked."""
        await self._sleep(max(0.0, min(seconds, MAX_PAUSE)))

    async def _grant(self, channel: Channel[Any], refused: Grant | None = None) -> Grant | None:
        if self._grants is None or not channel.can("authorize"):
            return None
        return await self._grants.grant(channel, lambda old: self._authorize(channel, old), refused)

    async def _authorize(self, channel: Channel[Any], old: Grant | None) -> Grant:
        """Run the flow that gets a grant. Nobody observes it: both ways it carries credentials."""
        flow = channel.authorize(old)
        outcome: HttpResponse | SendError | None = None
        try:
            while True:
                step = _advance(flow, outcome)
                if isinstance(step, Pause):
                    await self.pause(step.seconds)
                    outcome = HttpResponse()
                else:
                    outcome = await self._authorizing(channel, step, old)
        except StopIteration as done:
            grant: Grant = done.value
            return grant
        finally:
            flow.close()

    async def _authorizing(
        self, channel: Channel[Any], request: HttpRequest, old: Grant | None
    ) -> HttpResponse | SendError:
        if not _trusts(channel, request.url):
            raise PluginError(channel.name, f"authorize asks {request.host}, which is not among its hosts")
        try:
            response = await self._transport(_signed(channel, request, old))
        except SendError as error:
            return error
        return judged(channel, response) or response

    async def _redirected(
        self,
        request: HttpRequest,
        channel: Channel[Any],
        grant: Grant | None,
        leaving: Leaving | None,
        *,
        foreign: bool = False,
    ) -> HttpResponse:
        """Make a request; of a download, follow redirects. Each hop is signed anew, or guarded."""
        for _ in range(MAX_REDIRECTS + 1):
            ours = not foreign and _trusts(channel, request.url)
            response = await self._once(request, channel, grant, leaving, ours=ours)
            location = response.headers.get("location", "")
            if (
                request.method != "GET"
                or not request.stream
                or response.status not in _REDIRECTS
                or not location
            ):
                return response
            request = msgspec.structs.replace(request, url=urljoin(request.url, location))
        raise SendError("media_unavailable", detail=f"more than {MAX_REDIRECTS} redirects", retryable=False)

    async def _once(
        self,
        request: HttpRequest,
        channel: Channel[Any],
        grant: Grant | None,
        leaving: Leaving | None,
        *,
        ours: bool,
    ) -> HttpResponse:
        ready = _signed(channel, request, grant) if ours else request
        if leaving is not None:
            await leaving()
        known = (
            *secrets_of(channel.config),
            *([grant.token] if grant and len(grant.token) >= SHORTEST else ()),
        )
        response = without(await self._transport(ready, foreign=not ours), known)
        if self._observe is not None:
            self._observe(channel, redact_request(request), redact_response(response))
        return response


class _Walk:
    """One run of a flow: where in its record it stands, and what becomes of each request."""

    def __init__(
        self,
        driver: Driver,
        channel: Channel[Any],
        recorder: Recorder | None,
        *,
        last_try: bool,
        may_repeat: bool,
        foreign: bool,
    ) -> None:
        self._driver = driver
        self._channel = channel
        self._recorder = recorder
        self._last_try = last_try
        self._may_repeat = may_repeat
        self._foreign = foreign
        self._past = tuple(recorder.recorded) if recorder else ()
        self._index = 0
        self._committed = ""  # the request made last, if it may not be repeated

    def advance(self, flow: Flow[Any], outcome: HttpResponse | SendError | None) -> HttpRequest | Pause:
        """Hand a flow what came of its request, and give the next."""
        try:
            step = _advance(flow, outcome)
        except PayloadError as error:
            if not self._committed or not isinstance(outcome, HttpResponse):
                raise
            detail = f"{self._committed} was accepted, but its answer cannot be read: {error}"
            raise SendError("outcome_unknown", detail=detail) from error
        if isinstance(step, HttpRequest):
            self._committed = "" if step.repeatable else f"{step.method} {step.host}"
        return step

    async def pause(self, pause: Pause) -> HttpResponse:
        """Wait, unless the flow waited here before the crash."""
        if self._index >= len(self._past):
            await self._driver.pause(pause.seconds)
        return HttpResponse()

    async def answer(self, request: HttpRequest) -> HttpResponse | SendError:
        """Give what came of a request, now or before; raise what the flow is not to see."""
        if self._index >= MAX_REQUESTS:
            raise PluginError(self._channel.name, f"a flow made more than {MAX_REQUESTS} requests")
        if self._may_repeat:
            request = msgspec.structs.replace(request, idempotent=True)
        index, self._index = self._index, self._index + 1
        if self._recorder is None:
            outcome, _ = await self._attempt(request, "", None)
            self._raise_hidden(outcome)
            return outcome
        return await self._recorded(request, index, self._recorder)

    def finish(self) -> None:
        """Check that the flow used up its record."""
        check_finished(self._past, self._index)

    async def _recorded(
        self, request: HttpRequest, index: int, recorder: Recorder
    ) -> HttpResponse | SendError:
        mark = mark_of(request)
        move = next_move(self._past, index, mark, request.repeatable)
        if isinstance(move, Answer):
            return self._again(move)
        note = _Note(recorder, mark) if move == "note" else None
        outcome, answer = await self._attempt(request, mark, note)
        if note is not None and self._hides(outcome):
            await note.withdraw(outcome)
        self._raise_hidden(outcome)
        await recorder.after(answer)
        return outcome

    async def _attempt(
        self, request: HttpRequest, mark: str, note: _Note | None
    ) -> tuple[HttpResponse | SendError, Answer]:
        try:
            response = await self._driver.exchange(
                request, self._channel, leaving=note, foreign=self._foreign
            )
        except SendError as error:
            return error, Answer(mark=mark, repeatable=request.repeatable, failure=error.failure)
        answer = Answer.of(mark, request.repeatable, response)
        return judged(self._channel, response) or response, answer

    def _again(self, answer: Answer) -> HttpResponse | SendError:
        try:
            response = answer.response()
        except SendError as error:
            return error
        return judged(self._channel, response) or response

    def _hides(self, outcome: HttpResponse | SendError) -> bool:
        return isinstance(outcome, SendError) and hidden(
            outcome, recorded=self._recorder is not None, last_try=self._last_try
        )

    def _raise_hidden(self, outcome: HttpResponse | SendError) -> None:
        if isinstance(outcome, SendError) and self._hides(outcome):
            raise outcome


class _Note:
    """Writes down, once, that a request leaves; takes it back if it had no effect."""

    def __init__(self, recorder: Recorder, mark: str) -> None:
        self._recorder = recorder
        self._mark = mark
        self._written = False

    async def __call__(self) -> None:
        if not self._written:
            await self._recorder.before(self._mark)
            self._written = True

    async def withdraw(self, outcome: HttpResponse | SendError) -> None:
        unknown = isinstance(outcome, SendError) and outcome.code == "outcome_unknown"
        if self._written and not unknown:
            await self._recorder.withdraw(self._mark)


def hidden(error: SendError, *, recorded: bool, last_try: bool) -> bool:
    """Say whether a failure is kept from the flow: it ends the run, and the core deals with it."""
    if error.code == "outcome_unknown":
        return True
    if error.retryable:
        return not last_try
    return recorded and error.scope == "account"


def judged(channel: Channel[Any], response: HttpResponse) -> SendError | None:
    """Ask the channel whether a response is an error; what is no answer of its API goes by its status."""
    try:
        return channel.error(response)
    except PayloadError:
        return None if response.ok else SendError.of(response)


def _advance(flow: Flow[Any], outcome: HttpResponse | SendError | None) -> HttpRequest | Pause:
    if outcome is None:
        return next(flow)
    return flow.throw(outcome) if isinstance(outcome, SendError) else flow.send(outcome)


def _trusts(channel: Channel[Any], url: str) -> bool:
    return trusted(url, channel.hosts, getattr(channel.config, "base_url", ""))


def _signed(channel: Channel[Any], request: HttpRequest, grant: Grant | None) -> HttpRequest:
    signed = channel.sign(request, grant)
    if signed.url != request.url and origin(signed.url) != origin(request.url):
        raise PluginError(channel.name, "sign sent the credential to another host than the request named")
    return signed
