"""Where plugins may join in: the hook specifications, and the typed object that calls them.

A hook is a plain function, never async: what must await is a handler or a sink. Implementations
are called in pluggy's order: ``tryfirst``, then the latest registered first, then ``trylast``.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import pluggy

from chanbridge.model.base import Model
from chanbridge.model.errors import PluginError, SendError
from chanbridge.model.message import Message

if TYPE_CHECKING:
    from chanbridge.channel import Account, Channel
    from chanbridge.http import HttpRequest, HttpResponse
    from chanbridge.model.address import Contact
    from chanbridge.model.events import Event
    from chanbridge.model.media import Media

_log = logging.getLogger(__name__)

hookspec = pluggy.HookspecMarker("chanbridge")
hookimpl = pluggy.HookimplMarker("chanbridge")


class Sink(Protocol):
    """Where events go besides handlers (a feed, a webhook, a bus), each at a pace of its own."""

    name: str

    def deliver(self, event: Event) -> Awaitable[None] | None:
        """Take one event; ``def`` or ``async def``. An exception has it brought again, with backoff."""


class Parked(Model, kw_only=True):
    """What was tried in vain and now waits for a person: an event, a step that was to go out, a request."""

    id: str
    kind: Literal["event", "step", "request"] = "event"
    account: str = ""
    conversation: str = ""
    consumer: str = ""  # the handler or sink that failed
    attempts: int = 0
    error: str = ""  # never holds a message's words


class Specs:
    """The hook specifications. A new argument comes with a default, so that old plugins keep working."""

    @hookspec
    def chanbridge_channels(self) -> Iterable[type[Channel[Any]]]:  # type: ignore[empty-body]
        """Name the channel classes of this module.

        Called once, when the module's channel is first used. An exception is a `PluginError` for
        whoever asked for that channel, and harms no other.
        """

    @hookspec
    def chanbridge_sinks(self) -> Iterable[Sink]:  # type: ignore[empty-body]
        """Name the sinks that every event is to reach.

        Called once, when a bridge starts. An exception is logged with the plugin's name; the bridge
        starts without these sinks.
        """

    @hookspec
    def chanbridge_simulators(self) -> Iterable[Any]:  # type: ignore[empty-body]
        """Name the simulators of this module's provider, for the sandbox.

        Called once, when a sandbox starts. An exception is logged with the plugin's name; the sandbox
        starts without these simulators.
        """

    @hookspec
    def chanbridge_received(self, account: Account[Any], event: Event) -> None:
        """Observe an event after it was verified, parsed and stored, before any handler.

        Called at least once per event, in the order of its conversation. An exception is logged
        and stops nothing. Do not block: enqueue and return.
        """

    @hookspec
    def chanbridge_request(self, account: Account[Any], request: HttpRequest, response: HttpResponse) -> None:
        """Observe a request to a provider and its answer; the request is unsigned, so it holds no credential.

        Called once for every answer, retries included, and not where none came. An exception is
        logged and stops nothing.
        """

    @hookspec
    def chanbridge_stored(self, media: Media) -> None:
        """Observe a received file, now in the media store (``media.blob``).

        Called at least once per file. An exception is logged and stops nothing.
        """

    @hookspec
    def chanbridge_parked(self, item: Parked) -> None:
        """Observe that something was given up and waits for a person.

        Called once for each time that an item is parked. An exception is logged and stops nothing.
        """

    @hookspec(firstresult=True)
    def chanbridge_identify(self, contact: Contact) -> str | None:
        """Give the key of a contact in the CRM, or None to let the next plugin say.

        Called when a handler asks for ``conversation.customer``; the first answer counts. An exception
        is logged, and the next plugin is asked.
        """

    @hookspec
    def chanbridge_sending(self, account: Account[Any], message: Message) -> Message | None:
        """Give the message that shall go out, changed or not, to the next plugin; None leaves it as it is.

        Called once per message, before it is planned. Raise `SendError` to refuse it; any other
        exception refuses it too (code ``internal``), since consent is checked here.
        """


class _Impl(NamedTuple):
    plugin: str
    call: Callable[..., Any]


class Hooks:
    """The hooks as the core calls them: one typed method each."""

    def __init__(self) -> None:
        self._manager = _manager()
        self._bind()

    def add(self, plugin: object, name: str) -> None:
        """Register a module or object with ``hookimpl`` functions; raise `PluginError` if they are wrong."""
        if self._manager.is_registered(plugin):
            return
        examine(plugin, name)
        unique = name if not self._manager.has_plugin(name) else f"{name}:{len(self._manager.get_plugins())}"
        self._manager.register(plugin, unique)
        self._bind()

    @property
    def are_told(self) -> bool:
        """Whether any plugin observes what was received."""
        return bool(self._received)

    def received(self, account: Account[Any], event: Event) -> None:
        """Tell that an event was received and stored."""
        for plugin, call in self._received:
            try:
                call(account, event)
            except Exception as error:
                _failed("chanbridge_received", plugin, error)

    def request(self, account: Account[Any], request: HttpRequest, response: HttpResponse) -> None:
        """Tell that a provider answered a request."""
        self._observe("chanbridge_request", account, request, response)

    def stored(self, media: Media) -> None:
        """Tell that a file is in the media store."""
        self._observe("chanbridge_stored", media)

    def parked(self, item: Parked) -> None:
        """Tell that something waits for a person."""
        self._observe("chanbridge_parked", item)

    def identify(self, contact: Contact) -> str | None:
        """Ask for the key of a contact in the CRM; None if no plugin knows."""
        for plugin, call in self._impls["chanbridge_identify"]:
            try:
                key = call(contact)
            except Exception as error:
                _failed("chanbridge_identify", plugin, error)
            else:
                if key is not None:
                    return str(key)
        return None

    def sending(self, account: Account[Any], message: Message) -> Message:
        """Give the message that shall go out; raise `SendError` if a plugin refuses it."""
        for plugin, call in self._impls["chanbridge_sending"]:
            message = _pass_on(plugin, call, account, message)
        return message

    def sinks(self) -> list[Sink]:
        """The sinks that plugins bring."""
        return self._collect("chanbridge_sinks")

    def simulators(self) -> list[Any]:
        """The simulators that plugins bring."""
        return self._collect("chanbridge_simulators")

    def _bind(self) -> None:
        """Cache the implementations in their order: called directly they cost a tenth of pluggy's loop."""
        self._impls = {name: _ordered(self._manager, name) for name in _SPECS}
        self._received = self._impls["chanbridge_received"]

    def _observe(self, hook: str, *args: object) -> None:
        for plugin, call in self._impls[hook]:
            try:
                call(*args)
            except Exception as error:
                _failed(hook, plugin, error)

    def _collect(self, hook: str) -> list[Any]:
        found: list[Any] = []
        for plugin, call in self._impls[hook]:
            try:
                found += call()
            except Exception as error:
                _failed(hook, plugin, error)
        return found


_SPECS = {name: spec for name, spec in vars(Specs).items() if name.startswith("chanbridge_")}


def examine(plugin: object, name: str) -> None:
    """Raise `PluginError` if an implementation fits no specification, is async, or wraps others."""
    trial = _manager()
    try:
        trial.register(plugin, name)
        trial.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(name, str(error).replace("\n", "; ")) from error
    for caller in trial.get_hookcallers(plugin) or []:
        for impl in caller.get_hookimpls():
            if impl.wrapper or impl.hookwrapper:
                raise PluginError(name, f"{caller.name} is a wrapper: write a plain function")
            if inspect.iscoroutinefunction(impl.function):
                raise PluginError(name, f"{caller.name} is async: hooks are plain functions, await in a sink")


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("chanbridge")
    manager.add_hookspecs(Specs)
    return manager


def _ordered(manager: pluggy.PluginManager, hook: str) -> tuple[_Impl, ...]:
    expected = tuple(inspect.signature(_SPECS[hook]).parameters)[1:]
    impls = reversed(getattr(manager.hook, hook).get_hookimpls())  # pluggy keeps the last to be called first
    return tuple(_Impl(impl.plugin_name, _taking(impl, expected)) for impl in impls)


def _taking(impl: pluggy.HookImpl, expected: tuple[str, ...]) -> Callable[..., Any]:
    """Make an implementation callable with all arguments: it may take fewer, in any order."""
    if tuple(impl.argnames) == expected:
        return impl.function
    at = [expected.index(name) for name in impl.argnames]
    function = impl.function
    return lambda *args: function(*(args[i] for i in at))


def _pass_on(plugin: str, call: Callable[..., Any], account: Account[Any], message: Message) -> Message:
    try:
        given = call(account, message)
    except SendError:
        raise
    except Exception as error:
        _failed("chanbridge_sending", plugin, error)
        raise SendError("internal", detail=f"plugin {plugin} failed: {type(error).__name__}") from error
    if given is not None and not isinstance(given, Message):
        raise SendError("internal", detail=f"plugin {plugin} gave a {type(given).__name__}, no Message")
    return message if given is None else given


def _failed(hook: str, plugin: str, error: Exception) -> None:
    """Log where a plugin failed, without its words: they may quote a message."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    at = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    _log.error("hook.failed", extra={"hook": hook, "plugin": plugin, "error": type(error).__name__, "at": at})
