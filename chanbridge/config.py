"""The configuration: chanbridge.toml and the environment, as typed settings.

Everything is checked before anything starts, and every problem is reported at once, with file,
line, key and mend.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from chanbridge.channel import Account
from chanbridge.config_check import problems
from chanbridge.config_source import KeyPath, Resolver, Source, child_type, decode_secret, takes_text
from chanbridge.model.errors import ChanbridgeError, ConfigError, PluginError
from chanbridge.model.schemas import config_schema
from chanbridge.placeholder import placeholder
from chanbridge.registry import NoChannel, Registry
from chanbridge.secret import Secret
from chanbridge.transcode.plan import Policy

DEFAULT_FILE = "chanbridge.toml"
SQLITE = "sqlite:///"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Listen(Struct, frozen=True, kw_only=True):
    """Where the server listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080


class Limits(Struct, frozen=True, kw_only=True):
    """What is refused for its size, in bytes."""

    body: Annotated[int, Meta(ge=1, description="largest webhook")] = 4 * 1024 * 1024
    media: Annotated[int, Meta(ge=1, description="largest file that is fetched")] = 100 * 1024 * 1024


class DeliveryPolicy(Policy, kw_only=True):
    """What an account allows when a message does not fit, or when something goes wrong.

    ``on_unknown``: whether a request whose outcome nobody knows is parked or repeated; ``on_parked``:
    whether a conversation goes on past a parked event; ``handler_attempts``: tries before parking;
    ``handler_slow_s``: a handler that runs longer is logged and counted as slow; ``handler_timeout_s``:
    one that runs longer has failed (0: no limit; a ``def`` one runs on in its thread).
    """

    on_unknown: Literal["park", "repeat"] = "park"
    on_parked: Literal["continue", "wait"] = "continue"
    handler_attempts: Annotated[int, Meta(ge=1)] = 8
    handler_slow_s: Annotated[float, Meta(gt=0)] = 30.0
    handler_timeout_s: Annotated[float, Meta(ge=0)] = 0.0


class AccountSettings(Struct, frozen=True, kw_only=True):
    """One account: its channel's own configuration, and what the core does with it.

    ``path_token`` and ``allow_from`` protect the webhook of a provider that signs nothing: a piece of
    its path that nobody can guess, and the networks it may come from.
    """

    name: str
    channel: str
    config: Any  # the channel's Config
    policy: DeliveryPolicy = DeliveryPolicy()
    path_token: Secret | None = None
    allow_from: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # of `account_from`: required settings that were not given


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one bridge. ``store`` and the paths are absolute."""

    path: Path
    store: str
    media: Path
    vault: Path
    public_url: str = ""
    listen: Listen = Listen()
    limits: Limits = Limits()
    policy: DeliveryPolicy = DeliveryPolicy()
    allow_literal_secrets: bool = False
    accounts: dict[str, AccountSettings] = {}
    broken: dict[str, str] = {}  # accounts whose plugin does not load, and why: they harm no other

    def __repr__(self) -> str:
        return (
            f"Settings(path={self.path}, accounts={list(self.accounts)})"  # a store URL may hold a password
        )


class _Document(Struct, kw_only=True):
    """The keys of chanbridge.toml."""

    store: str = f"{SQLITE}chanbridge.db"  # what came in and what goes out; a path is beside this file
    media: str = "chanbridge-media"  # the folder of received and sent files
    vault: str = "chanbridge.vault"  # the file of expiring tokens; keep it from others
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^/?#]+[^?#\n]*)?$",
            description="an http(s) URL without a query or fragment",
        ),
    ] = ""
    listen: Listen = Listen()
    limits: Limits = Limits()
    policy: DeliveryPolicy = DeliveryPolicy()
    allow_literal_secrets: bool = False  # take secrets that stand in this file: for trying only
    accounts: dict[str, dict[str, Any]] = {}  # read one by one


class _Account(Struct, kw_only=True):
    """The keys of an account that are the core's; all others are the channel's."""

    channel: str
    policy: dict[str, Any] = {}
    path_token: Annotated[Secret | None, Meta(description="of the webhook of an unsigned channel")] = None
    allow_from: tuple[str, ...] = ()  # networks that its webhooks may come from; empty: any


_ENVIRONMENT = {"CHANBRIDGE_STORE": "store", "CHANBRIDGE_PUBLIC_URL": "public_url"}


def config_path(given: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Say which file counts: the given one, else ``$CHANBRIDGE_CONFIG``, else chanbridge.toml here."""
    return Path(given or environ.get("CHANBRIDGE_CONFIG") or DEFAULT_FILE)


def load_settings(
    path: str | Path | None = None,
    *,
    registry: Registry,
    environ: Mapping[str, str] = os.environ,
    allow_literal_secrets: bool = False,
) -> Settings:
    """Read and check a configuration; raise one `ConfigError` with all that is wrong with it."""
    file = config_path(path, environ)
    source = Source.read(file)
    return _Reading(source, registry, environ, literals=allow_literal_secrets).settings(file.absolute())


class _Reading:
    """One reading of a configuration, from table to settings."""

    def __init__(
        self, source: Source, registry: Registry, environ: Mapping[str, str], *, literals: bool
    ) -> None:
        self._source = source
        self._registry = registry
        literals = literals or source.table.get("allow_literal_secrets") is True
        self._resolver = Resolver(source, environ, literals=literals)
        self._broken: dict[str, str] = {}
        self._over = {key: environ[name] for name, key in _ENVIRONMENT.items() if environ.get(name)}

    def settings(self, path: Path) -> Settings:
        """Give the settings, or raise everything that is wrong with them."""
        accounts = self._source.table.get("accounts", {})
        rest = {key: value for key, value in self._source.table.items() if key != "accounts"} | self._over
        document = self._checked(_Document, rest, ())
        named = self._named(accounts)
        general = document.policy if document else DeliveryPolicy()
        made = {name: self._account(name, table, general) for name, table in named.items()}
        self._source.raise_problems()
        assert document is not None  # else there were problems
        folder = path.parent
        return Settings(
            path=path,
            store=absolute_store(document.store, folder),
            media=folder / document.media,
            vault=folder / document.vault,
            public_url=document.public_url.rstrip("/"),
            listen=document.listen,
            limits=document.limits,
            policy=document.policy,
            allow_literal_secrets=document.allow_literal_secrets,
            accounts={name: account for name, account in made.items() if account is not None},
            broken=self._broken,
        )

    def _named(self, accounts: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(accounts, dict):
            self._source.problem(("accounts",), "must be tables: [accounts.NAME]")
            return {}
        for name, table in accounts.items():
            if problem := name_problem(name):
                self._source.problem(("accounts", name), problem)
            if not isinstance(table, dict):
                self._source.problem(("accounts", name), f"must be a table: [accounts.{name}]")
        return {name: table for name, table in accounts.items() if isinstance(table, dict)}

    def _account(self, name: str, table: dict[str, Any], general: DeliveryPolicy) -> AccountSettings | None:
        path = ("accounts", name)
        own = {key: value for key, value in table.items() if key in _Account.__struct_fields__}
        core = self._checked(_Account, own, path)
        cls = self._channel(own.get("channel"), path)
        if core is None or cls is None:
            return None
        policy = self._checked(DeliveryPolicy, core.policy, (*path, "policy"))
        rest = {key: value for key, value in table.items() if key not in own}
        config = self._checked(cls.Config, rest, path)
        if policy is None or config is None:
            return None
        if not self._set_up(core.channel, Account(name, config), path):
            return None
        return AccountSettings(
            name=name,
            channel=core.channel,
            config=config,
            policy=msgspec.structs.replace(general, **{key: getattr(policy, key) for key in core.policy}),
            path_token=core.path_token,
            allow_from=core.allow_from,
        )

    def _set_up(self, channel: str, account: Account[Any], path: KeyPath) -> bool:
        """Note what the channel itself finds wrong with its configuration; False if its code fails."""
        try:
            self._registry.build(channel, account)
        except ConfigError as error:
            for problem in error.problems:
                key, colon, what = problem.partition(": ")
                known = colon and key.partition(".")[0] in account.config.__struct_fields__
                self._source.problem((*path, *key.split(".")) if known else path, what if known else problem)
        except PluginError as error:
            self._broken[account.name] = str(error)
            return False
        except ChanbridgeError as error:
            self._source.problem(path, str(error))
        return True

    def _channel(self, name: Any, path: KeyPath) -> Any:
        if not isinstance(name, str):
            return None
        try:
            return self._registry.channel(name)
        except NoChannel as error:
            self._source.problem((*path, "channel"), str(error))
        except PluginError as error:
            self._broken[str(path[-1])] = str(error)
        return None

    def _checked(self, type: type[Any], table: dict[str, Any], path: KeyPath) -> Any:
        """Resolve, check and convert a table; None, with the problems noted, if it does not fit."""
        resolved = self._resolver.resolve(table, msgspec.inspect.type_info(type), path)
        found = list(problems(resolved, config_schema(type)))
        for place, what in found:
            self._source.problem((*path, *place), what)
        return None if found else self._converted(type, resolved, path)

    def _converted(self, type: type[Any], resolved: dict[str, Any], path: KeyPath) -> Any:
        try:
            return msgspec.convert(resolved, type, dec_hook=decode_secret)
        except (msgspec.ValidationError, ValueError, TypeError) as error:  # a Config may check more
            self._source.problem(path, str(error))
            return None


def name_problem(name: str) -> str:
    """Say what is wrong with the name of an account; empty: nothing."""
    mend = "use letters, digits, -, _ and ., as it becomes part of a URL"
    return "" if _NAME.fullmatch(name) else f"no name for an account: {mend}"


def written_problems(
    name: str, table: Mapping[str, Any], *, registry: Registry, public_url: str = ""
) -> list[str]:
    """Say what would be wrong with an account once it is written: ``KEY: problem``.

    What its references stand for need not be there yet.
    """
    references = {key for key, value in table.items() if str(value).startswith(("env:", "file:"))}
    known = {**table, **dict.fromkeys(references, "env:STAND_IN")}
    source = Source("", {"public_url": public_url, "accounts": {name: known}})
    try:
        _Reading(source, registry, {"STAND_IN": "stand-in"}, literals=False).settings(Path())
    except ConfigError as error:
        found = [problem.removeprefix(": ").removeprefix(f"accounts.{name}.") for problem in error.problems]
        return [problem for problem in found if problem.partition(":")[0] not in references]
    return []


def absolute_store(url: str, folder: Path) -> str:
    """Make the path of a SQLite URL absolute: ``sqlite:///chanbridge.db`` lies beside the file."""
    if not url.startswith(SQLITE) or url == SQLITE:
        return url
    return SQLITE + str((folder / url.removeprefix(SQLITE)).absolute())


def account_from(
    channel: str,
    settings: Mapping[str, str],
    *,
    registry: Registry,
    name: str = "",
    environ: Mapping[str, str] = os.environ,
) -> AccountSettings:
    """Make an account of ``key=value`` settings, as ``chanbridge parse --set`` has them.

    Secrets may be literal. What is required and was not given gets a stand-in, and is named in
    ``missing``; raise `ConfigError` for what does not fit.
    """
    cls = registry.channel(channel).Config
    kind = msgspec.inspect.type_info(cls)
    source = Source("--set", _nested(settings))
    table = {key: typed_setting(value, child_type(kind, key)) for key, value in source.table.items()}
    resolved = Resolver(source, environ, literals=True).resolve(table, kind, ())
    schema = config_schema(cls)
    schema.pop("required", None)
    for path, what in problems(resolved, schema):
        source.problem(path, what)
    source.raise_problems()
    config, missing = _completed(cls, resolved)
    return AccountSettings(name=name or channel, channel=channel, config=config, missing=missing)


def _nested(settings: Mapping[str, str]) -> dict[str, Any]:
    """Make a tree of dotted keys."""
    tree: dict[str, Any] = {}
    for dotted, value in settings.items():
        *above, last = dotted.split(".")
        branch = tree
        for key in above:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                raise ConfigError(f"--set: {dotted}: '{key}' is set already, and is no table")
        if last in branch:
            raise ConfigError(f"--set: {dotted}: is set already, as a table")
        branch[last] = value
    return tree


def typed_setting(value: Any, kind: msgspec.inspect.Type | None) -> Any:
    """Read a setting as its type wants it: text as it stands, anything else as JSON."""
    if isinstance(value, dict):
        return {key: typed_setting(item, child_type(kind, key)) for key, item in value.items()}
    if kind is None or takes_text(kind):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _stand_in(name: str, type: Any) -> Any:
    value: Any = placeholder(type)
    if value is None:
        return Secret("")
    return f"<{name}>" if value == "<value>" else value


def _completed(cls: type[Struct], resolved: dict[str, Any]) -> tuple[Struct, tuple[str, ...]]:
    """Build a Config from what was given, with stand-ins for what is required besides; name these."""
    values: dict[str, Any] = {}
    missing = []
    for field in msgspec.structs.fields(cls):
        if field.encode_name in resolved:
            values[field.name] = msgspec.convert(
                resolved[field.encode_name], field.type, dec_hook=decode_secret
            )
        elif field.required:
            missing.append(field.encode_name)
            values[field.name] = _stand_in(field.encode_name, field.type)
    try:
        return cls(**values), tuple(missing)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"--set: {error}") from error
