"""Who may see an account's credential."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


@lru_cache(maxsize=1024)
def origin(url: str) -> Origin | None:
    """Give scheme, host and port of a URL in one form; None where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host or parts.username is not None or "\\" in url:
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def trusted(url: str, hosts: Iterable[str], base_url: str = "") -> bool:
    """Say whether a URL is the provider's: the origin of ``base_url``, or https at one of ``hosts``."""
    place = origin(url)
    if place is None:
        return False
    if base_url and place == origin(base_url):
        return True
    return place.scheme == "https" and place.port == 443 and place.host in {host.lower() for host in hosts}
