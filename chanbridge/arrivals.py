"""From what a plugin found in a request to what the journal keeps: each event with its own account."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

import msgspec

from chanbridge.accounts import Accounts, AnyChannel
from chanbridge.channel import Found
from chanbridge.gate import Acceptance, Gate, blame_plugin
from chanbridge.http import HttpRequest
from chanbridge.intake import Parsed, described, judge, parse
from chanbridge.kept import may_hold_files
from chanbridge.media import MediaService
from chanbridge.model.errors import SendError
from chanbridge.model.events import Event, Wake
from chanbridge.store.base import Arrival, KeptRequest
from chanbridge.store.engine import StoreError
from chanbridge.tally import Tally

_log = logging.getLogger(__name__)


def _ours(channel: AnyChannel, found: Sequence[Found]) -> tuple[list[Event], list[Wake], dict[int, Event]]:
    """Give the events of an account itself, its wakes, and the events of others by their place."""
    name = channel.account.name
    events: list[Event] = []
    wakes: list[Wake] = []
    others: dict[int, Event] = {}
    ours = ""  # the id that the last of our events named
    for item in found:
        if isinstance(item, Wake):
            wakes.append(item)
        elif item.account_id in ("", ours) or channel.owns(item.account_id):
            ours = item.account_id
            events.append(msgspec.structs.replace(item, account=name))
        else:
            others[len(events) + len(others)] = item
    return events, wakes, others


def are_ours(channel: AnyChannel, found: Sequence[Found]) -> bool:
    """Say whether all that was found are events of an account itself."""
    try:
        for item in found:
            if isinstance(item, Wake) or (item.account_id and not channel.owns(item.account_id)):
                return False
    except Exception:  # the plugin's `owns`: who places the request will tell of that
        return False
    return True


class Arrivals:
    """Makes arrivals of requests."""

    def __init__(self, accounts: Accounts, gate: Gate, media: MediaService, tally: Tally) -> None:
        self._accounts = accounts
        self._gate = gate
        self._media = media
        self._tally = tally

    async def of(
        self,
        channel: AnyChannel,
        request: HttpRequest,
        parsed: Parsed,
        at: dt.datetime,
        *,
        again: bool = False,
    ) -> Arrival:
        """Make the arrival of a request; ``again``: it was taken in before, at that time.

        Raise `StoreError` if a file that came with it cannot be kept.
        """
        problem = parsed.problem
        try:
            events, wakes, others = _ours(channel, parsed.found)
            strays = 0
            if others:
                accepts = Acceptance(self._gate, request, at if again else None)
                events, strays = await self._owned(channel, events, others, accepts)
        except Exception as error:  # the plugin's `owns`
            blame_plugin(self._tally, channel, "owns", error)
            events, wakes, strays = [], [], 0
            problem = f"owns failed: {type(error).__name__}"
        if may_hold_files(request):
            events = await self._without_files(events)
        state, reason = judge(events, strays, problem)
        return Arrival(
            account=channel.account.name,
            at=at,
            events=events,
            wakes=wakes,
            state=state,
            reason=reason,
            strays=strays,
        )

    async def _owned(
        self, channel: AnyChannel, ours: list[Event], others: dict[int, Event], accepts: Acceptance
    ) -> tuple[list[Event], int]:
        """Give the events in their order, those of other accounts among them; and how many nobody owns."""
        placed: list[Event] = []
        strays, rest = 0, iter(ours)
        for index in range(len(ours) + len(others)):
            if index not in others:
                placed.append(next(rest))
                continue
            event = others[index]
            owner = await self._accounts.owner_of(channel.account.name, event.account_id, accepts)
            if owner:
                placed.append(event.replace(account=owner))
            else:
                strays += 1
        return placed, strays

    async def _without_files(self, events: list[Event]) -> list[Event]:
        try:
            return [await self._media.unload(event) for event in events]
        except (OSError, SendError) as error:
            raise StoreError(f"the media store cannot keep a file: {type(error).__name__}") from error

    async def before(self, kept: KeptRequest) -> Arrival:
        """Make the arrival of a request that was taken in alone; what cannot be placed is set aside."""
        at = dt.datetime.fromtimestamp(kept.at, dt.UTC)
        channel = self._accounts.get(kept.account)
        if channel is None:
            reason = "no such account is configured"
            return Arrival(account=kept.account, at=at, state="unowned", reason=reason, unplaced=kept.id)
        try:
            arrival = await self.of(channel, kept.request, parse(channel, kept.request), at, again=True)
        except StoreError:
            raise
        except Exception as error:  # it must not hold up those behind it
            about = {"account": kept.account, "request": kept.id, "error": described(error)}
            _log.error("placing.failed", extra=about)
            reason = f"cannot be placed: {type(error).__name__}"
            return Arrival(account=kept.account, at=at, state="quarantined", reason=reason, unplaced=kept.id)
        arrival.request, arrival.unplaced = kept.request, kept.id
        return arrival
