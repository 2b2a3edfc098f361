"""Finding and loading plugins. A `Registry` is an object, never a global."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from types import ModuleType
from typing import Any

import msgspec

from chanbridge.channel import Account, Channel
from chanbridge.hooks import Hooks, examine
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.errors import ChanbridgeError, PluginError

_log = logging.getLogger(__name__)

CHANNELS = "chanbridge"
HOOKS = "chanbridge.hooks"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")

AnyChannel = Channel[Any]
Finder = Callable[[str], Iterable[metadata.EntryPoint]]


def installed(group: str) -> Iterable[metadata.EntryPoint]:
    """The entry points of a group, in every installed distribution."""
    return metadata.entry_points(group=group)


class NoChannel(PluginError):
    """No plugin has a channel of that name."""

    def __init__(self, name: str) -> None:
        self.plugin = f"chanbridge-{name}"
        Exception.__init__(self, f"no channel '{name}': install {self.plugin}")


class Registry:
    """The channels and hooks that are installed, or were added; ``problems`` has what failed to load."""

    def __init__(self, find: Finder | None = None) -> None:
        self._find = find or installed
        self._entries: dict[str, metadata.EntryPoint] | None = None
        self._channels: dict[str, type[AnyChannel]] = {}
        self.hooks = Hooks()
        self.problems: dict[str, PluginError] = {}

    def names(self) -> list[str]:
        """The names of all channels, sorted; nothing is imported for it."""
        return sorted({*self._installed(), *self._channels})

    def channel(self, name: str) -> type[AnyChannel]:
        """Give the class of a channel, importing its plugin on first use.

        Raise `PluginError` if there is none, or if the plugin is broken.
        """
        if name in self.problems:
            raise self.problems[name]
        if name not in self._channels:
            entry = self._installed().get(name)
            if entry is None:
                raise NoChannel(name)
            try:
                self._channels[name] = self._load(entry)
            except PluginError as error:
                self.problems[name] = error
                raise
        return self._channels[name]

    def channels(self) -> dict[str, type[AnyChannel]]:
        """Load every channel; what fails is logged, and kept in ``problems``."""
        loaded = {}
        for name in self.names():
            try:
                loaded[name] = self.channel(name)
            except PluginError as error:
                _log.error("plugin.failed", extra={"plugin": error.plugin, "problem": str(error)})
        return loaded

    def add(self, plugin: ModuleType | type[AnyChannel] | object) -> None:
        """Add a plugin that is not installed: a module, a channel class, or an object with hooks."""
        if isinstance(plugin, type) and issubclass(plugin, Channel):
            self._channels[plugin.name] = _checked(plugin, plugin.__module__, "")
            return
        name = getattr(plugin, "__name__", type(plugin).__name__)
        self.hooks.add(plugin, name)
        for cls in _declared(plugin, name):
            self._channels[cls.name] = _checked(cls, name, "")

    def load_hooks(self) -> Hooks:
        """Import the plugins of the group ``chanbridge.hooks``, as a bridge does when it starts."""
        for entry in sorted(self._find(HOOKS), key=lambda entry: entry.name):
            plugin = _distribution(entry)[0]
            try:
                self.hooks.add(_imported(entry), plugin)
            except PluginError as error:
                self.problems[plugin] = error
                _log.error("plugin.failed", extra={"plugin": plugin, "problem": str(error)})
        return self.hooks

    def simulators(self) -> list[Any]:
        """The simulators of every plugin."""
        self.channels()
        return self.hooks.simulators()

    def build(self, channel: str, account: Account[Any]) -> AnyChannel:
        """Make the channel of an account.

        Raise `ConfigError` if the plugin finds fault with its configuration, and `PluginError`, with
        the plugin's name, if its code fails.
        """
        cls = self.channel(channel)
        try:
            made = cls(account)
        except ChanbridgeError:
            raise
        except Exception as error:
            raise PluginError(channel, f"cannot be set up: {type(error).__name__}") from error
        own = vars(made).get("capabilities")
        if own is not None:  # they depend on the account, as those of sms on its provider
            plugin = next(iter(_records(cls.capabilities).values()), Capabilities())
            made.capabilities = _filled(own, channel, plugin.plugin, plugin.plugin_version)
        return made

    def _installed(self) -> dict[str, metadata.EntryPoint]:
        if self._entries is None:
            self._entries = {entry.name: entry for entry in self._find(CHANNELS)}
        return self._entries

    def _load(self, entry: metadata.EntryPoint) -> type[AnyChannel]:
        plugin, version = _distribution(entry)
        module = _imported(entry)
        examine(module, plugin)
        named = {cls.name: cls for cls in _declared(module, plugin)}
        if entry.name not in named:
            has = ", ".join(sorted(named)) or "none"
            raise PluginError(plugin, f"no channel is named as entry point '{entry.name}' (there is: {has})")
        checked = _checked(named[entry.name], plugin, version)
        self.hooks.add(module, plugin)
        return checked


def _imported(entry: metadata.EntryPoint) -> Any:
    plugin = _distribution(entry)[0]
    try:
        return entry.load()
    except Exception as error:  # whatever a plugin does while it is imported
        problem = f"cannot be imported: {type(error).__name__}: {error}"
        raise PluginError(plugin, problem) from error


def _distribution(entry: metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else (f"chanbridge-{entry.name}", "")


def _declared(module: object, plugin: str) -> list[type[AnyChannel]]:
    declare = getattr(module, "chanbridge_channels", None)
    if declare is None:
        return []
    try:
        return list(declare())
    except Exception as error:
        raise PluginError(plugin, f"chanbridge_channels failed: {type(error).__name__}: {error}") from error


def _checked(cls: type[AnyChannel], plugin: str, version: str) -> type[AnyChannel]:
    """Check the contract and fill in the capabilities' origin; raise `PluginError` that names the breach."""
    if not (isinstance(cls, type) and issubclass(cls, Channel)):
        raise PluginError(plugin, f"{cls!r} is no Channel class")
    if not _NAME.fullmatch(cls.name):
        raise PluginError(
            plugin, f"{cls.__name__}.name is '{cls.name}': use lower-case letters, digits, - and _"
        )
    config = getattr(cls, "Config", None)
    if not (isinstance(config, type) and issubclass(config, msgspec.Struct)):
        raise PluginError(plugin, f"{cls.__name__}.Config is no msgspec.Struct")
    try:
        msgspec.inspect.type_info(config)
    except (TypeError, NameError) as error:  # a Meta that does not fit its type, a name that is not there
        raise PluginError(plugin, f"{config.__name__} is no valid type: {error}") from error
    if not isinstance(inspect.getattr_static(cls, "capabilities"), property):
        cls.capabilities = _filled(cls.capabilities, cls.name, plugin, version)
    return cls


def _filled(
    capabilities: object, channel: str, plugin: str, version: str
) -> Capabilities | Mapping[str, Capabilities]:
    origin = {"channel": channel, "plugin": plugin, "plugin_version": version}
    if isinstance(capabilities, Capabilities):
        return capabilities.replace(**origin)
    if not isinstance(capabilities, Mapping) or not capabilities:
        raise PluginError(plugin, f"the capabilities of '{channel}' are no record, and no table of records")
    return {name: record.replace(variant=name, **origin) for name, record in capabilities.items()}


def _records(capabilities: Capabilities | Mapping[str, Capabilities]) -> Mapping[str, Capabilities]:
    return {"": capabilities} if isinstance(capabilities, Capabilities) else capabilities
