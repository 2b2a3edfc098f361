"""The store that a configuration names: the one place that knows which kinds there are."""

from __future__ import annotations

from pathlib import Path

from chanbridge.model.address import Conversation
from chanbridge.model.errors import ConfigError
from chanbridge.store import database, places
from chanbridge.store.base import Store
from chanbridge.store.engine import StoreError
from chanbridge.store.sqlite import SqliteStore


def store_of(url: str) -> Store:
    """Make the store of a URL, not opened yet; raise `ConfigError` if there is no such kind."""
    return SqliteStore(_path(url))


def empty_store(folder: Path) -> Store:
    """Make a store that holds nothing, in a folder for it alone."""
    return SqliteStore(folder / "empty.db")


def missing(url: str) -> str:
    """Name a store that is not there yet; empty: it may hold something."""
    path = _path(url)
    return "" if path.exists() else path.name


def check(url: str) -> None:
    """Raise `ConfigError` for a store that can never be opened. It must not be open here."""
    database.refuse_unusable(_path(url))


def refuse_damaged(url: str, error: BaseException) -> None:
    """Raise `ConfigError` if an error says that the store is damaged."""
    database.refuse_damaged(_path(url), error)


def full(url: str) -> str:
    """Say what is full where a store lies; empty: nothing that can be seen."""
    return database.full(_path(url))


def read_only(url: str) -> str:
    """Say what of a store this user may not write; empty: nothing that can be seen."""
    found = database.read_only(_path(url))
    return f"{found} is read-only for this user" if found else ""


def peek(url: str, to: Conversation) -> Conversation | None:
    """Look a conversation up, opening nothing for writing; raise `StoreError` if that cannot be."""
    path = _path(url)
    if not path.exists():
        return None
    database.refuse_unusable(path)
    try:
        return places.peek(path, to)
    except StoreError as error:
        database.refuse_damaged(path, error)
        raise


def _path(url: str) -> Path:
    scheme, found, path = url.partition(":///")
    if scheme != "sqlite" or not found:
        raise ConfigError(f"store: '{url.partition(':')[0]}' is not supported: write sqlite:///chanbridge.db")
    return Path(path)
