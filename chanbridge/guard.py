"""Keeps fetches of other people's URLs away from our own network.

Only *foreign* URLs are guarded: those that came in a message, or that a provider redirected to.
A ``base_url`` is ours and may well be loopback (the simulators are).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

from chanbridge.model.errors import SendError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]

_REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")  # all that is routed today lies in here
_REFUSED_V6 = [
    ipaddress.ip_network(network)
    for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": (80,), "https": (443,)}
_ALL_DIGITS = frozenset("0123456789abcdefx.")


class Target(msgspec.Struct, frozen=True):
    """A checked URL, and the addresses that it may be fetched from."""

    host: str
    port: int
    addresses: tuple[str, ...]


def public(address: Address) -> bool:
    """Say whether an address is one of the open internet, whatever form it is wrapped in."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED)
    inner = _wrapped(address)
    if inner is not None:
        return public(inner)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Unwrap the IPv4 address that an IPv6 one stands for: mapped, 6to4, NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def check_url(url: str, *, allow_private: bool = False) -> SplitResult:
    """Check all of a foreign URL that needs no look-up; raise `SendError` that says what is wrong.

    ``allow_private`` admits private addresses and any port, for tests and closed networks.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused("it is no URL") from error
    for problem in _problems(parts, host, port, allow_private):
        raise _refused(problem)
    return parts


def _problems(parts: SplitResult, host: str, port: int | None, allow_private: bool) -> Iterator[str]:
    if parts.scheme not in _PORTS:
        yield "only http and https are fetched"
    if parts.username is not None or parts.password is not None:
        yield "it names a user"
    if not host or any(char <= " " or char in "\\%@" for char in host):
        yield "it names no host"
    if allow_private:
        return
    if port is not None and port not in _PORTS.get(parts.scheme, ()):
        yield "its port is not the usual one"
    literal = _literal(host)
    if literal is None and _looks_numeric(host):
        yield "its host is an address written oddly"
    if literal is not None and not public(literal):
        yield "its address is not public"


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looks_numeric(host: str) -> bool:
    """Find 127.1, 0x7f.1, 017700000001: resolvers take them for addresses."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last[:1].isdigit() and set(last) <= _ALL_DIGITS


async def check_target(url: str, *, allow_private: bool = False, resolve: Resolve | None = None) -> Target:
    """Check a foreign URL and every address of its host; raise `SendError` if one of them is not public.

    Connect to one of the addresses given, not to the name: its next look-up may say something else.
    """
    parts = check_url(url, allow_private=allow_private)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme][0]
    literal = _literal(host)
    found = [str(literal)] if literal else await (resolve or look_up)(host, port)
    if not found:
        raise SendError(
            "media_unavailable", detail=f"the host of a foreign URL has no address: {_shown(host)}"
        )
    if not allow_private and not all(public(ipaddress.ip_address(address)) for address in found):
        raise _refused("its host has an address that is not public")
    return Target(host, port, tuple(found))


async def look_up(host: str, port: int) -> list[str]:
    """Give the addresses of a host, in the resolver's order, each once."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SendError("media_unavailable", detail=f"cannot look up {_shown(host)}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _refused(problem: str) -> SendError:
    return SendError("media_unavailable", detail=f"a foreign URL is not fetched: {problem}", retryable=False)


def _shown(host: str) -> str:
    return host[:100].encode("ascii", "replace").decode()
