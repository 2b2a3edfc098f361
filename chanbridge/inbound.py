"""From a provider's request to the journal: verified, parsed, sorted by account, on disk before the 200."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from chanbridge.accounts import Accounts, AnyChannel, Clock, utc_now
from chanbridge.arrivals import Arrivals, are_ours
from chanbridge.channel import Channel, Found
from chanbridge.gate import LATER, Gate, Refused, blame_plugin
from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.intake import Parsed, mended, parse, place_of
from chanbridge.kept import kept_request
from chanbridge.media import MediaService
from chanbridge.model.events import Event, ProviderEvent
from chanbridge.store.base import Arrival, Journal, KeptRequest, Stored
from chanbridge.store.engine import StoreError
from chanbridge.tally import Tally
from chanbridge.transport.drive import Driver

_log = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
OK = HttpResponse()
Observer = Callable[[Arrival, Stored], None]


class Receiver:
    """Takes in webhooks, and the bodies that polls and sessions bring. ``observers`` hear of what is new."""

    def __init__(
        self,
        accounts: Accounts,
        journal: Journal,
        *,
        driver: Driver,
        media: MediaService,
        clock: Clock = utc_now,
        max_body: int = MAX_BODY,
    ) -> None:
        self.accounts = accounts
        self.max_body = max_body
        self.places = True  # else webhooks are only kept, and another process places them
        self.observers: list[Observer] = []
        self.tally = Tally(journal.count)
        self._journal = journal
        self._gate = Gate(accounts, driver, self.tally)
        self._arrivals = Arrivals(accounts, self._gate, media, self.tally)
        self._clock = clock

    async def receive(self, name: str, request: HttpRequest, below: str = "") -> HttpResponse:
        """Answer a webhook of an account; ``below`` is what its path has after the account's name.

        Whatever was verified is on disk when this returns, unless it answers 5xx: then the provider
        shall send it again.
        """
        try:
            channel = self._gate.enter(name, request, below)
            handshake = self._gate.challenge(channel, request)
            if handshake is not None:
                return handshake
            self._gate.typed(channel, request)
            verdict = self._gate.judge(channel, request)
            if verdict is not None:
                await self._gate.fetch_key(channel, verdict)
            found = await self._take(name, channel, request)
        except Refused as refused:
            return self.refuse(refused, name, request.peer)
        return self._acknowledge(channel, request, found)

    async def take(self, name: str, request: HttpRequest, cursor: str | None = None) -> Stored:
        """Keep what a poll or session brought, with the cursor behind it; raise `StoreError` if it cannot."""
        channel = self.accounts[name]
        arrival = await self._arrivals.of(channel, request, parse(channel, request), self._clock())
        arrival.request = kept_request(request)
        arrival.cursor = cursor
        return await self._keep(arrival)

    async def note(self, name: str, *events: Event, cursor: str | None = None) -> Stored:
        """Keep what comes without a request: our own word on an account, or only where its cursor stands."""
        named = [event.replace(account=name) for event in events]
        return await self._keep(Arrival(account=name, at=self._clock(), events=named, cursor=cursor))

    async def replay(self, kept: KeptRequest) -> Stored:
        """Parse a kept request again: what is new is journaled, what was known stays as it is.

        It was verified when it came, for its own account. To reach another one, that account must
        accept it, as of the time at which it came.
        """
        channel = self.accounts[kept.account]
        at = dt.datetime.fromtimestamp(kept.at, dt.UTC)
        parsed = parse(channel, kept.request)
        arrival = await self._arrivals.of(channel, kept.request, parsed, at, again=True)
        arrival.request, arrival.replay = kept.request, kept.id
        return await self._keep(arrival)

    async def place(self, kept: Sequence[KeptRequest]) -> int:
        """Place kept requests, in their order; give how many no other process had placed meanwhile.

        Each was verified when it came, for its own account.
        """
        arrivals = [await self._arrivals.before(one) for one in kept]
        placed = await asyncio.gather(*map(self._append, arrivals), return_exceptions=True)
        return sum([await self._is_placed(*one) for one in zip(arrivals, placed, strict=True)])

    async def _is_placed(self, arrival: Arrival, placed: Stored | BaseException) -> bool:
        if isinstance(placed, Exception):
            placed = await self._mended(arrival, placed)
        return isinstance(placed, Stored) and placed.request > 0

    async def counts(self) -> dict[str, int]:
        """Give how often what was refused or odd, by reason, up to now."""
        await self.tally.flush()
        return await self._journal.counters()

    def refuse(self, refused: Refused, account: str = "", peer: str = "") -> HttpResponse:
        """Count a refusal, log it in one line, and make its answer."""
        shown = account if account in self.accounts else ascii(account[:64])
        self.tally.add(f"refused.{refused.reason}")
        _log.warning(
            "webhook.refused",
            extra={"account": shown, "reason": refused.reason, "status": refused.status, "peer": peer},
        )
        answer = HttpResponse.of_json({"error": refused.reason}, status=refused.status)
        return msgspec.structs.replace(answer, headers=Headers({**answer.headers, **refused.headers}))

    async def _take(self, name: str, channel: AnyChannel, request: HttpRequest) -> list[Found]:
        parsed = parse(channel, request)
        door = self.accounts.doors.get(name)
        kept = kept_request(request, door.token if door else "")
        # Another account may have signed what is masked in it: then it must be asked now.
        can_wait = kept is request or are_ours(channel, parsed.found)
        try:
            if can_wait and not self.places:
                await self._keep_alone(channel, kept, parsed)
                return parsed.found
            arrival = await self._arrivals.of(channel, request, parsed, self._clock())
            arrival.request = kept
            arrival.can_wait = can_wait
            await self._keep(arrival)
        except StoreError as error:
            _log.error("store.failed", extra={"account": name, "error": str(error)})
            raise Refused(503, "store", LATER) from error
        return parsed.found

    def _keep_alone(self, channel: AnyChannel, kept: HttpRequest, parsed: Parsed) -> Awaitable[Stored]:
        """Keep a request, for whoever places it."""
        events: list[Any] = parsed.found if not parsed.problem and are_ours(channel, parsed.found) else []
        arrival = Arrival(account=channel.account.name, at=self._clock(), request=kept, events=events)
        return self._journal.keep(arrival, self._tell_of_repeats)

    def _tell_of_repeats(self, stored: Stored) -> None:
        if stored.duplicates:
            self.tally.add("duplicates", stored.duplicates)

    async def _keep(self, arrival: Arrival) -> Stored:
        try:
            return await self._append(arrival)
        except Exception as error:
            return await self._mended(arrival, error)

    async def _mended(self, arrival: Arrival, error: Exception) -> Stored:
        """Keep what failed: an event that cannot be written must not lose the request."""
        if isinstance(error, StoreError):
            raise error
        _log.error("journal.failed", extra={"account": arrival.account, "error": type(error).__name__,
                                            "at": place_of(error)})  # fmt: skip
        return await self._keep_what_can_be(arrival, error)

    def _append(self, arrival: Arrival) -> Awaitable[Stored]:
        """Keep it; what is new is told also if whoever waits for that is cancelled."""
        return self._journal.append(arrival, partial(self._tell, arrival))

    async def _keep_what_can_be(self, arrival: Arrival, error: Exception) -> Stored:
        """Set a request aside, with those of its events that can be written."""
        events = [mended(event) for event in arrival.events]
        reason = f"cannot be written: {type(error).__name__}"
        aside = msgspec.structs.replace(arrival, events=events, state="quarantined", reason=reason)
        try:
            return await self._append(aside)
        except StoreError:
            raise
        except Exception:  # it was no event by itself
            return await self._append(msgspec.structs.replace(aside, events=[]))

    def _tell(self, arrival: Arrival, stored: Stored) -> None:
        if arrival.unplaced and not stored.request:
            return  # another process has placed it, and told of it
        if not stored.later:
            self._count(arrival, stored)
        for observer in self.observers:
            try:
                observer(arrival, stored)
            except Exception as error:  # it is on disk, whoever did not want to hear of it
                _log.error("observer.failed", extra={"error": type(error).__name__, "at": place_of(error)})

    def _count(self, arrival: Arrival, stored: Stored) -> None:
        """Count what is odd; log what is set aside."""
        if arrival.strays:
            self.tally.add("unowned", arrival.strays)
        if arrival.state != "ok":
            self.tally.add(f"requests.{arrival.state}")
            about = {"account": arrival.account, "request": stored.request, "state": arrival.state}
            _log.warning("request.set_aside", extra={**about, "reason": arrival.reason})
        if stored.duplicates:
            self.tally.add("duplicates", stored.duplicates)
        unmapped = sum(type(entry.event) is ProviderEvent for entry in stored.entries)
        if unmapped:
            self.tally.add("provider_events", unmapped)

    def _acknowledge(self, channel: AnyChannel, request: HttpRequest, found: list[Found]) -> HttpResponse:
        if type(channel).acknowledge is Channel.acknowledge:
            return OK
        try:
            answer = channel.acknowledge(request, found)
            if not isinstance(answer, HttpResponse):
                raise TypeError(f"acknowledge gave a {type(answer).__name__}")
        except Exception as error:  # it is on disk: the provider need not send it again
            blame_plugin(self.tally, channel, "acknowledge", error)
            return HttpResponse()
        return answer
