"""The bridge: accounts, store, hooks and handlers, tied together and started."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import datetime as dt
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, get_args
from weakref import WeakValueDictionary

from chanbridge import planner
from chanbridge.accounts import Accounts, Configured, utc_now
from chanbridge.blame import blaming
from chanbridge.channel import Channel, Gesture
from chanbridge.config import DEFAULT_FILE, SQLITE, DeliveryPolicy, Settings, absolute_store, load_settings
from chanbridge.consumers import HANDLERS
from chanbridge.handlers import Handlers, check_types
from chanbridge.hooks import Hooks
from chanbridge.model.address import Contact, Conversation
from chanbridge.model.base import Ref
from chanbridge.model.errors import ConfigError, PluginError, Unsupported, ValidationError
from chanbridge.model.events import Event
from chanbridge.model.ids import new_id
from chanbridge.model.media import Media
from chanbridge.model.message import Message, said
from chanbridge.registry import Registry
from chanbridge.replaying import set_aside
from chanbridge.runtime import Runtime, Work
from chanbridge.sending import Receipt, Sending, begin
from chanbridge.store.base import KeptRequest, Outgoing
from chanbridge.transcode.plan import Loss, Step
from chanbridge.transport.drive import Transport

T = TypeVar("T")
_log = logging.getLogger(__name__)
AccountEntry = Configured | tuple[str, type[Channel[Any]], Any]


class Bridge:
    """Receives, keeps, dispatches and sends: the object that an integrator holds.

    It opens nothing until it is started: ``async with bridge``, or ``with bridge`` in code that is
    not async (it then runs in a thread of its own).
    """

    def __init__(
        self,
        accounts: Iterable[AccountEntry] = (),
        *,
        settings: Settings | None = None,
        store: str = "",
        public_url: str = "",
        folder: str | Path = ".",
        hooks: Hooks | None = None,
        transport: Transport | None = None,
        clock: Callable[[], dt.datetime] = utc_now,
        consumer: str = HANDLERS,
    ) -> None:
        self.settings = settings or settings_in(Path(folder), store=store, public_url=public_url)
        self.accounts = Accounts.of(accounts, public_url=self.settings.public_url, clock=clock)
        self.consumer = consumer
        self.handlers = Handlers()
        self.hooks = hooks or Hooks()
        self.transport = transport
        self._order: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._clock = clock
        self._runtime: Runtime | None = None
        self._works = False
        self._tasks: set[asyncio.Future[None]] = set()
        self._starting = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @classmethod
    def from_file(cls, path: str | Path | None = None, *, registry: Registry | None = None) -> Bridge:
        """Make a bridge of chanbridge.toml; raise `ConfigError` with every problem in it."""
        registry = registry or Registry()
        return cls.from_settings(load_settings(path, registry=registry), registry)

    @classmethod
    def from_settings(cls, settings: Settings, registry: Registry, *, consumer: str = HANDLERS) -> Bridge:
        """Make a bridge of settings that are loaded already."""
        accounts, hooks = configured(settings, registry), registry.load_hooks()
        bridge = cls(accounts, settings=settings, hooks=hooks, consumer=consumer)
        bridge.accounts.broken = frozenset(settings.broken)
        for account, problem in settings.broken.items():
            _log.error("account.broken", extra={"account": account, "problem": problem})
        return bridge

    # what happens to events

    def on(
        self, *types: type[Event], account: str | None = None, passive: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a handler: ``@bridge.on(MessageReceived)``; without types it gets every event.

        It takes the event, and its conversation if it has a second argument. ``passive``: also what
        needs no answer (old history, auto-replies, what another application handles). Raise
        `ValidationError` at once for what would never run: no event class, no such account, other arguments.
        """
        check_types(types)
        if account is not None and account not in self._known_accounts:
            raise self._no_account(account)

        def register(handler: Callable[..., Any]) -> Callable[..., Any]:
            self.handlers.add(handler, types or (Event,), account, passive)
            if self._loop and self._runtime and self._works:
                self._loop.call_soon_threadsafe(self._begin_handling, self._runtime)
            return handler

        return register

    def _begin_handling(self, runtime: Runtime) -> None:
        self._tasks.add(task := asyncio.ensure_future(runtime.consumers.begin_handling()))
        task.add_done_callback(self._tasks.discard)

    # what goes out

    def send(
        self,
        to: str | Conversation,
        message: str | Message,
        *,
        account: str = "",
        idempotency_key: str = "",
    ) -> Sending[Receipt]:
        """Send a text or a message to an address; begins at once, and is done when it is on disk.

        The same ``idempotency_key`` (else the message's own, else its id) names one message of an account:
        sent again, it is not sent twice. With another recipient or content it is a `ValidationError`.

        Raise (when awaited) `ValidationError` for a bad address or message, `Unsupported` if too much
        would be lost, `SendError` if a plugin, an expiry or a missing consent refuses it.
        """

        async def work() -> Receipt:
            there = self.conversation(to, account)
            by_name = isinstance(to, Conversation) and bool(to.account)
            return await self.post(said(message), there, key=idempotency_key, by_name=by_name)

        return self.begin(work)

    def conversation(self, to: str | Conversation, account: str = "") -> Conversation:
        """Make the conversation of an address; raise `ValidationError` if it is none, or no account fits."""
        if isinstance(to, Conversation):
            name = account or to.account or self._only(to.channel)
            with blaming(channel := self._channel(name)):
                return planner.recipient(channel, name, to.address, kind=to.kind, thread=to.thread)
        _refuse_no_address(to)
        name = account or self._only(to.partition(":")[0])
        with blaming(channel := self._channel(name)):
            return planner.recipient(channel, name, to)

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Sending[T]:
        """Begin something on the bridge's own loop, from any thread."""
        if self._loop is None:
            raise RuntimeError("the bridge is not started: write 'async with bridge:' or 'with bridge:'")
        return begin(self._loop, work)

    async def post(
        self,
        message: Message,
        to: Conversation,
        *,
        key: str = "",
        first_wins: bool = False,
        by_name: bool = True,
    ) -> Receipt:
        """Plan a message and keep it in the outbox, after what was posted to the same conversation before.

        ``by_name``: it is for this very conversation, whoever has its address by now.
        """
        # Asked also by name: who need not ask would overtake who began before.
        there = await self.runtime.store.outbox.find_conversation(to, by_name=by_name)
        async with self._in_order(there):
            return await self._post(message, there, key, first_wins, "" if by_name else to.address)

    async def _post(
        self, message: Message, there: Conversation, key: str, first_wins: bool, address: str
    ) -> Receipt:
        runtime, channel, now = self.runtime, self._channel(there.account), self._clock()
        outbox = runtime.store.outbox
        if first_wins and (known := await outbox.find(there.account, key)):
            return Receipt(known, None, runtime)
        named = message.replace(
            account=there.account, channel=channel.name, direction="out", id=message.id or new_id()
        )
        named = named.replace(idempotency_key=key or named.idempotency_key or named.id)
        asked = planner.asked(named) if key or message.idempotency_key else None
        if asked and not first_wins and (known := await outbox.repeated(asked, there)):
            return Receipt(known, None, runtime)
        chosen = self.hooks.sending(channel.account, named)
        with blaming(channel):
            allowed = planner.prepare(chosen, channel)
        planner.refuse_expired(allowed, now)
        local = await runtime.media.import_local(allowed)
        conversation = await outbox.find_conversation(there, by_name=True)  # as it is now
        planner.refuse_without_consent(local, await outbox.consent(conversation.key))
        with blaming(channel):
            known_now = planner.situation(channel, conversation, now, local, runtime.links)
            plan = planner.plan(local, channel, conversation, self.policy(there.account), known_now)
            planned = planner.planned_for(channel, conversation, known_now)
        outgoing = Outgoing(
            message=local, plan=plan, at=now, conversation=conversation, first_wins=first_wins,
            planned=planned, address=address, asked=asked,
        )  # fmt: skip
        id = await outbox.add(outgoing)
        runtime.sender.wake()
        return Receipt(id, plan, runtime)

    async def post_gesture(self, gesture: Gesture, *, durable: bool = True) -> tuple[Loss, ...]:
        """Make a gesture: kept in the outbox, or only tried once.

        What the channel cannot do is no error: give the losses, none where it is made.
        """
        async with self._in_order(gesture.to):
            return await self._gesture(gesture, durable)

    async def _gesture(self, gesture: Gesture, durable: bool) -> tuple[Loss, ...]:
        account = gesture.to.account
        with blaming(channel := self._channel(account)):
            loss = planner.gesture_loss(gesture, channel)
        if loss:
            return self._drop(gesture, loss)
        if durable:
            await self.runtime.store.outbox.add_gesture(account, gesture, self._clock())
            self.runtime.sender.wake()
        else:
            await self.runtime.sender.try_gesture(gesture)
        return ()

    def _drop(self, gesture: Gesture, loss: Loss) -> tuple[Loss, ...]:
        about = {"account": gesture.to.account, "gesture": gesture.kind, "reason": loss.reason}
        _log.info("gesture.dropped", extra=about)
        return (loss,)

    async def post_edit(self, target: Ref, message: Message, to: Conversation, key: str) -> tuple[Loss, ...]:
        """Replace a sent message by another form; give the losses, none where it can be."""
        gesture = Gesture(kind="edit", to=to, target=target, key=key)
        async with self._in_order(to):
            try:
                step = await self._edited(gesture, message)
            except Unsupported as error:
                reason = error.failure.detail or error.code
                return self._drop(gesture, Loss(path="/edit", level="affordance", rule="D17", reason=reason))
            return await self._gesture(gesture.replace(step=step), durable=True)

    async def _edited(self, gesture: Gesture, message: Message) -> Step:
        """Plan the new form; raise `Unsupported` where the sent message cannot become it."""
        runtime, to = self.runtime, gesture.to
        channel, now = self._channel(to.account), self._clock()
        with blaming(channel):
            if loss := planner.gesture_loss(gesture, channel):
                raise Unsupported(loss.reason)
        named = message.replace(account=to.account, channel=channel.name, direction="out")
        chosen = self.hooks.sending(channel.account, named)
        with blaming(channel):
            prepared = planner.prepare(chosen, channel)
        prepared = await runtime.media.import_local(prepared)
        conversation = await runtime.store.outbox.find_conversation(to, by_name=True)
        planner.refuse_without_consent(prepared, await runtime.store.outbox.consent(conversation.key))
        sent = await runtime.store.outbox.steps(gesture.target.id) if gesture.target else []
        with blaming(channel):
            known = planner.situation(channel, conversation, now, prepared, runtime.links)
            plan = planner.plan(prepared, channel, conversation, self.policy(to.account), known)
            if loss := planner.edit_loss(gesture, channel, sent, plan.steps):
                raise Unsupported(loss.reason)
        return plan.steps[0]

    def _in_order(self, to: Conversation) -> asyncio.Lock:
        """Let what is posted to one conversation be kept in the order in which it began."""
        return self._order.setdefault(to.key, asyncio.Lock())

    async def fetch(self, account: str, media: Media) -> Media:
        """Get a received file into the media store; raise `SendError` if it cannot be had."""
        fetched: Media = await self.runtime.fetcher.want(account, media)
        return fetched

    def identify(self, contact: Contact) -> str | None:
        """Ask the plugins for the key of a contact in the CRM."""
        return self.hooks.identify(contact)

    async def resume(self, account: str) -> None:
        """Let a held account send again at once: its token was replaced, its bill is paid."""
        await self.runtime.store.outbox.release(account, self._clock())
        self.runtime.sender.wake()

    async def replay(self, request: int | None = None) -> int:
        """Parse kept requests again after a plugin was mended: one, or all that were not understood.

        Give how many events are new.
        """
        journal, receiver = self.runtime.store.journal, self.runtime.receiver
        if request is not None:
            kept = await journal.request(request)
            return len((await receiver.replay(kept)).entries) if kept and self._knows(kept) else 0
        new = 0
        async for kept in set_aside(journal):
            if self._knows(kept):
                new += len((await receiver.replay(kept)).entries)
        return new

    def _knows(self, kept: KeptRequest) -> bool:
        return kept.account in self.accounts

    def policy(self, account: str) -> DeliveryPolicy:
        """What an account allows when a message does not fit."""
        known = self.settings.accounts.get(account)
        return known.policy if known else self.settings.policy

    # its life

    @property
    def runtime(self) -> Runtime:
        """The started parts; raise `RuntimeError` if it is not started."""
        if self._runtime is None:
            raise RuntimeError("the bridge is not started: write 'async with bridge:' or 'with bridge:'")
        return self._runtime

    @property
    def started(self) -> bool:
        """Whether it takes something in; no longer while it stops."""
        return self._runtime is not None and not self._closing

    async def start(self, work: Work = "all") -> None:
        """Open the store and begin to work; raise `ConfigError` or `StoreError` if that cannot be."""
        if work not in get_args(Work):
            raise ValueError(f"work: '{work}' is none of {', '.join(get_args(Work))}")
        if self._runtime is not None or self._starting:
            raise RuntimeError("the bridge is started already")
        self._starting = True
        try:
            runtime = Runtime(self, self._clock)
            await runtime.start(work)
            self._works = work == "all"
            self._loop = asyncio.get_running_loop()
            self._runtime = runtime
        finally:
            self._starting = False

    async def stop(self, grace_s: float = 30.0) -> None:
        """Finish what is under way, within ``grace_s`` seconds; the rest is on disk.

        Nothing new is taken in meanwhile; handlers under way still reply.
        """
        if not self.started:
            return
        self._closing = True
        try:
            await self.runtime.stop(grace_s)
        finally:
            self._runtime = self._loop = None
            self._closing = False

    @contextlib.asynccontextmanager
    async def running(self, work: Work = "all") -> AsyncIterator[Self]:
        """Start it, and stop it at the end: ``async with bridge`` does so with ``work="all"``."""
        await self.start(work)
        try:
            yield self
        finally:
            await self.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        started: concurrent.futures.Future[Callable[[], object]] = concurrent.futures.Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._live(started)), name="chanbridge", daemon=True
        )
        thread.start()
        if problem := started.exception():
            thread.join()
            raise problem
        self._thread, self._leave = thread, started.result()  # only now: one that was refused changes nothing
        return self

    async def _live(self, started: concurrent.futures.Future[Callable[[], object]]) -> None:
        """Run in a thread of its own, from the start until what ``started`` gives is called."""
        over = asyncio.Event()
        try:
            await self.start()
        except BaseException as error:  # it belongs to the thread that starts the bridge
            started.set_exception(error)
            return
        started.set_result(partial(asyncio.get_running_loop().call_soon_threadsafe, over.set))
        await over.wait()
        await self.stop()

    def __exit__(self, *_: object) -> None:
        if self._thread and self._thread.is_alive():
            self._leave()
            self._thread.join()
        self._thread = None

    def asgi(self, work: Work = "all") -> Any:
        """Make the ASGI application: webhooks, media, health, readiness.

        Served by itself it starts the bridge for ``work``, and stops it; mounted in another application, that
        application starts it, and until then it answers 503.
        """
        from chanbridge.asgi import app

        return app(self, work=work)

    def _channel(self, account: str) -> Channel[Any]:
        channel = self.accounts.get(account)
        if channel is None:
            if account in self.settings.broken:
                raise PluginError(account, f"cannot be used: {self.settings.broken[account]}")
            raise self._no_account(account)
        return channel

    @property
    def _known_accounts(self) -> list[str]:
        """The accounts that there are, also those whose plugin does not load."""
        return [*self.accounts, *self.settings.broken]

    def _no_account(self, account: str) -> ValidationError:
        names = ", ".join(self._known_accounts) or "none"
        return ValidationError("account", f"no account '{account}' is configured (there is {names})")

    def _only(self, channel: str) -> str:
        fitting = [name for name in self.accounts if self.accounts[name].name == channel]
        if len(fitting) == 1:
            return fitting[0]
        if not fitting:
            raise ValidationError(
                "to",
                f"no account for channel '{channel}' is configured: add one to {self.settings.path.name}",
            )
        raise ValidationError("account", f"several accounts fit ({', '.join(fitting)}): name one")


def _refuse_no_address(to: object) -> None:
    if not isinstance(to, str):
        wanted = "an address, as in sms:+12025550123, or a Conversation"
        raise ValidationError("to", f"must be {wanted}, not {type(to).__name__}")


def configured(settings: Settings, registry: Registry) -> list[Configured]:
    """List the accounts of a configuration; raise `ConfigError` if a channel is not installed."""
    if not settings.accounts and not settings.broken:
        raise ConfigError(f"{settings.path}: no accounts: add one, or run 'chanbridge init'")
    return [
        Configured(
            name,
            partial(registry.build, account.channel),
            account.config,
            path_token=account.path_token,
            allow_from=account.allow_from,
        )
        for name, account in settings.accounts.items()
    ]


def settings_in(folder: Path, *, store: str = "", public_url: str = "") -> Settings:
    """Make the settings of a bridge that has no file: what it keeps lies in a folder."""
    return Settings(
        path=folder / DEFAULT_FILE,
        store=absolute_store(store or f"{SQLITE}chanbridge.db", folder),
        media=folder / "chanbridge-media",
        vault=folder / "chanbridge.vault",
        public_url=public_url.rstrip("/"),
    )
