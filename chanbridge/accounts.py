"""The configured accounts as live channels, and which of them an event belongs to."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from chanbridge.channel import Account, Channel
from chanbridge.http import same
from chanbridge.model.errors import ConfigError
from chanbridge.secret import Secret, empty_secrets

AnyChannel = Channel[Any]
Clock = Callable[[], dt.datetime]
Factory = Callable[[Account[Any]], AnyChannel]
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


def utc_now() -> dt.datetime:
    """The time."""
    return dt.datetime.now(dt.UTC)


class Configured(NamedTuple):
    """One account of the configuration. ``make`` is its channel class, or builds one.

    ``path_token`` is a piece of the webhook's path that nobody can guess, ``allow_from`` the addresses
    and networks that webhooks may come from (empty: any). An account whose channel signs nothing
    must have the first.
    """

    name: str
    make: Factory
    config: msgspec.Struct
    path_token: Secret | None = None
    allow_from: tuple[str, ...] = ()


class Door:
    """What guards an account's webhooks besides the provider's signature."""

    def __init__(self, token: str, networks: Iterable[str]) -> None:
        self.token = token
        self._networks = tuple(ipaddress.ip_network(network, strict=False) for network in networks)

    def refuses(self, below: str, peer: str) -> str:
        """Name what refuses a request: ``path_token`` or ``address``; empty if it may enter."""
        if self.token and not same(below.partition("/")[0], self.token):
            return "path_token"
        return "" if self._admits(peer) else "address"

    def _admits(self, peer: str) -> bool:
        if not self._networks:
            return True
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


class Accounts(Mapping[str, AnyChannel]):
    """The accounts by name. Webhook URLs are made of ``public_url``, as the providers know it."""

    def __init__(
        self, configured: Mapping[str, Configured], *, public_url: str = "", clock: Clock = utc_now
    ) -> None:
        self.public_url = public_url.rstrip("/")
        self.broken: frozenset[str] = frozenset()  # configured, but their plugin does not load
        self._configured = configured
        _refuse_empty_secrets(configured)
        self._channels = {name: self._build(name, clock) for name in configured}
        self.doors: dict[str, Door] = {}
        for name, entry in configured.items():
            door = _door(entry, self._channels[name])
            if door is not None:
                self.doors[name] = door

    @classmethod
    def of(
        cls,
        entries: Iterable[Configured | tuple[str, Factory, Any]],
        *,
        public_url: str = "",
        clock: Clock = utc_now,
    ) -> Accounts:
        """Make the channels.

        Raise `ConfigError` if a name occurs twice, a secret is empty, or an unsigned one is unprotected.
        """
        configured: dict[str, Configured] = {}
        for entry in entries:
            known = Configured(*entry)
            if known.name in configured:
                raise ConfigError(f"accounts.{known.name}: the name occurs twice; names are unique")
            configured[known.name] = known
        return cls(configured, public_url=public_url, clock=clock)

    def __getitem__(self, name: str) -> AnyChannel:
        return self._channels[name]

    def find(self, name: str) -> AnyChannel | None:
        """Give a channel if there is one: `Mapping.get` would raise an exception and catch it."""
        return self._channels.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def as_of(self, name: str, time: dt.datetime) -> AnyChannel:
        """Make an account's channel anew, for which it is a given time: to verify what came then."""
        return self._build(name, lambda: time)

    async def owner_of(
        self, name: str, account_id: str, accepts: Callable[[str], Awaitable[bool]]
    ) -> str | None:
        """Name the account an event belongs to that came in at ``name``; None: nobody owns it.

        An event that names no account stays. One that names another goes there only if that
        account ``accepts`` the request too: the first one's secret speaks for no other.
        """
        channel = self._channels[name]
        if not account_id or channel.owns(account_id):
            return name
        for other, candidate in self._channels.items():
            if candidate.name == channel.name and candidate.owns(account_id) and await accepts(other):
                return other
        return None

    def _build(self, name: str, clock: Clock) -> AnyChannel:
        entry = self._configured[name]
        url = webhook_url(self.public_url, name, entry.path_token)
        return entry.make(Account(name, entry.config, webhook_url=url, clock=clock))


def webhook_url(public_url: str, name: str, token: Secret | None = None) -> str:
    """Write the URL that a provider is to be told; empty where we do not know our own."""
    if not public_url:
        return ""
    return f"{public_url.rstrip('/')}/in/{name}" + (f"/{token.reveal()}" if token else "")


def _refuse_empty_secrets(configured: Mapping[str, Configured]) -> None:
    """Raise `ConfigError` for secrets that everybody knows: with them anybody could sign."""
    found = [
        f"accounts.{name}.{place}: the secret is empty: give one, or leave it out"
        for name, entry in configured.items()
        for place in (*empty_secrets(entry.config), *empty_secrets(entry.path_token, "path_token"))
    ]
    if found:
        raise ConfigError(*found)


def _door(entry: Configured, channel: AnyChannel) -> Door | None:
    token = entry.path_token.reveal() if entry.path_token else ""
    where = f"accounts.{entry.name}"
    why = getattr(channel.verify, "unsigned", "")
    if why and not token:
        raise ConfigError(f'{where}: {why}: set path_token = "env:...", 16 or more letters and digits')
    if token and not TOKEN.fullmatch(token):
        raise ConfigError(f"{where}.path_token: use 16 to 128 of A-Z, a-z, 0-9, - and _")
    try:
        return Door(token, entry.allow_from) if token or entry.allow_from else None
    except ValueError as error:
        raise ConfigError(f"{where}.allow_from: {error}: write 192.0.2.0/24 or 192.0.2.7") from error
