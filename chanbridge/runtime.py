"""What a started bridge consists of: the store, the way out to the providers, and the loops that work."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any, Literal

from chanbridge.accounts import Accounts
from chanbridge.blobs import FileMediaStore, MediaStore
from chanbridge.channel import Channel
from chanbridge.config import Settings
from chanbridge.consumers import Consumers
from chanbridge.fetching import Fetcher
from chanbridge.http import HttpRequest, HttpResponse
from chanbridge.inbound import Receiver
from chanbridge.intake import place_of
from chanbridge.media import MediaLinks, MediaService
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.events import MessageStatus
from chanbridge.outbound import Sender
from chanbridge.owners import forget, is_dead, new_owner
from chanbridge.placing import Placer
from chanbridge.polling import Poller
from chanbridge.store import opening
from chanbridge.store.base import Entry, Progress
from chanbridge.store.replies import Matching
from chanbridge.threads import at_home
from chanbridge.transcode.plan import Step
from chanbridge.transport.client import HttpTransport
from chanbridge.transport.drive import Driver, Transport
from chanbridge.transport.grants import GrantKeeper
from chanbridge.vault import FileVault, load_key
from chanbridge.waiting import rung

_log = logging.getLogger(__name__)
SWEEP_S = 5.0
NEWS_S = 0.25
LATE_S = 60.0
"""When a request has waited so long to be placed, nobody places any."""
Work = Literal["all", "receive", "send", "nothing"]
"""What a started bridge does by itself.

Everything; only take in webhooks, which a bridge in another process places and handles; only send;
or only what it is asked.
"""

Clock = Callable[[], dt.datetime]


class News:
    """Wakes whoever waits for news of a message: at once from this process, soon from another."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    def tell(self, entries: list[Entry]) -> None:
        """Wake those who wait for what these events are about."""
        for entry in entries if self._waiting else ():
            if isinstance(entry.event, MessageStatus) and entry.event.target.id in self._waiting:
                self._waiting.pop(entry.event.target.id).set()

    async def wait(self, message: str) -> None:
        """Wait until there is news, or until it is time to look whether another process has some."""
        bell = self._waiting.setdefault(message, asyncio.Event())
        await rung(bell, NEWS_S)


def windows_of(accounts: Accounts) -> dict[str, int | None]:
    """Say for each account how long a message opens the service window, in seconds."""
    return {name: _window(_records(accounts[name])) for name in accounts}


def _window(records: list[Capabilities]) -> int | None:
    return next((record.window.seconds for record in records if record.window.kind == "rolling"), None)


def matching_of(accounts: Accounts) -> dict[str, Matching]:
    """Say for each account how far the words of an answer are matched."""
    first = {name: _records(accounts[name])[0].reply_matching for name in accounts}
    return {name: Matching(said.default, said.reserved_keywords) for name, said in first.items()}


def _records(channel: Channel[Any]) -> list[Capabilities]:
    records = channel.capabilities
    return [records] if isinstance(records, Capabilities) else list(records.values())


class Runtime:
    """The started parts of a bridge."""

    def __init__(self, bridge: Any, clock: Clock) -> None:
        settings: Settings = bridge.settings
        self._bridge = bridge
        self._clock = clock
        self._news = News()
        self._loops: list[asyncio.Task[None]] = []
        self._owner = owner = new_owner()
        self.store = opening.store_of(settings.store)
        self.blobs: MediaStore = FileMediaStore(settings.media)
        self._http = HttpTransport(self.blobs, max_download=settings.limits.media)
        transport: Transport = bridge.transport or self._http
        grants = GrantKeeper(FileVault(settings.vault), now=clock)
        self.driver = Driver(transport, grants=grants, observe=self._observe)
        self.links = MediaLinks(settings.public_url, load_key(settings.vault.with_suffix(".key")))
        self.media = MediaService(self.blobs, self.driver, self.links)
        self.receiver = Receiver(
            bridge.accounts, self.store.journal, driver=self.driver, media=self.media, clock=clock,
            max_body=settings.limits.body,
        )  # fmt: skip
        self.receiver.observers.append(lambda _, stored: self.tell(stored.entries, files=stored.files))
        self.sender = Sender(
            self.store, bridge.accounts, self.driver, owner=owner, hooks=bridge.hooks, clock=clock,
            told=self.tell,
            mediate=self._mediate, policy=bridge.policy, links=self.links,
        )  # fmt: skip
        working: dict[str, Any] = {"owner": owner, "clock": clock}
        self.fetcher = Fetcher(self.store.files, bridge.accounts, self.media, bridge.hooks, **working)
        self.poller = Poller(
            bridge.accounts, self.receiver, self.store.cursors, self.driver, blobs=self.blobs, **working
        )
        self.placer = Placer(self.receiver, self.store.journal)
        self.consumers = Consumers(bridge, self.store, **working)

    async def start(self, work: Work) -> None:
        """Open the store and start what works by itself; what fails leaves nothing open."""
        try:
            await self._start(work)
        except BaseException:
            await self.stop(0)
            raise

    async def _start(self, work: Work) -> None:
        journal = self.store.journal
        journal.windows = windows_of(self._bridge.accounts)
        journal.matching = matching_of(self._bridge.accounts)
        self._home = asyncio.get_running_loop()
        await self.store.start()
        now = self._clock()
        self.receiver.places = work != "receive"
        if work in {"nothing", "receive"}:
            return
        await self.store.take_from(is_dead)
        for account in await self.store.outbox.holds():
            await self.store.outbox.release(account, now)  # whatever it was may be mended by now
        self.sender.start()
        if work == "all":
            await self.consumers.start()
            self.placer.start()
            self.poller.start()
            self.fetcher.start()
            self._loops.append(asyncio.create_task(self._sweep()))

    async def stop(self, grace_s: float) -> None:
        """Finish what is under way, from the outside in."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.placer.stop()
        await self.poller.stop()
        await self.consumers.stop(grace_s)
        await self.sender.stop(grace_s)
        await self.fetcher.stop()
        await self.receiver.tally.close()
        await self._http.aclose()
        await self.store.close()
        forget(self._owner)

    def tell(self, entries: list[Entry], *, files: bool = True) -> None:
        """Say that there are new events; ``files``: some may be to be fetched."""
        if not entries:
            return
        self.consumers.tell(entries)
        self._news.tell(entries)
        if files:
            self.fetcher.wake()

    async def readiness(self) -> dict[str, Any]:
        """Tell how it works; raise `StoreError` if nothing can be kept.

        ``saturated``: what runs too long has taken every place of a consumer, or every thread it has for
        what is ``def``, so that it is shown nothing; or nobody places what is taken in.
        """
        await self.store.writable()
        consumers = self.consumers.readiness()
        waiting, oldest = await self.store.journal.waiting()
        late = oldest is not None and self._clock().timestamp() - oldest > LATE_S
        return {
            "waiting": waiting,
            "pending": await self.store.dispatch.pending(),
            "queued": await self.store.outbox.queued(),
            "parked": await self.store.parked.count(),
            "held": sorted(await self.store.outbox.holds()),
            **consumers,
            "saturated": consumers["saturated"] or late,
            "set_aside": await self.store.journal.set_aside(),
            "counts": await self.receiver.counts(),
        }

    async def progress(self, message: str) -> Progress | None:
        """Read how a message stands."""
        return await self.store.outbox.progress(message)

    async def news(self, message: str) -> None:
        """Wait for news of a message, or for the time to look again; on any loop."""
        await at_home(self._home, lambda: self._news.wait(message))

    def _observe(self, channel: Channel[Any], request: HttpRequest, response: HttpResponse) -> None:
        self._bridge.hooks.request(channel.account, request, response)

    async def _mediate(self, step: Step, channel: Channel[Any]) -> Step:
        return await self.media.resolve(step, channel, channel.capabilities_for(step.to))

    async def _sweep(self) -> None:
        """Bring what waited too long, and look after the outbox of other processes."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self.tell(await self.store.journal.sweep(self._clock()))
            except Exception as error:  # this loop must not end
                _log.error("sweep.failed", extra={"error": type(error).__name__, "at": place_of(error)})
