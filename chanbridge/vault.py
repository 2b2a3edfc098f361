"""Where grants are kept: one file that only its owner can read, beside the database."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar
from urllib.parse import quote

import msgspec

from chanbridge.blobs import write_durably
from chanbridge.channel import Grant
from chanbridge.model.errors import ConfigError

T = TypeVar("T")
_POLL_S = 0.05


class Kept(msgspec.Struct, frozen=True):
    """A grant as the vault holds it, and how often it was replaced."""

    grant: Grant
    version: int


class Vault(Protocol):
    """Keeps the grant of each account, for all processes that share it."""

    async def get(self, account: str) -> Kept | None:
        """Give an account's grant; None if it has none."""
        ...

    async def put(self, account: str, grant: Grant, expected: int) -> bool:
        """Replace a grant, durably; False if it is no longer of the ``expected`` version (0: none yet)."""
        ...

    def lease(self, account: str) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else renews this account's grant, and hold them off meanwhile."""
        ...


class FileVault:
    """A vault in one JSON file of mode 0600; other processes are held off by file locks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def get(self, account: str) -> Kept | None:
        return (await asyncio.to_thread(self._read)).get(account)

    async def put(self, account: str, grant: Grant, expected: int) -> bool:
        async with _locked(self._beside("lock")):
            return await asyncio.to_thread(self._replace, account, grant, expected)

    async def forget(self, account: str) -> None:
        """Drop an account's grant: it has to be authorized anew."""
        async with _locked(self._beside("lock")):
            await asyncio.to_thread(self._drop, account)

    def lease(self, account: str) -> AbstractAsyncContextManager[None]:
        return _locked(self._beside(f"{quote(account, safe='')}.lock"))

    def _replace(self, account: str, grant: Grant, expected: int) -> bool:
        kept = self._read()
        held = kept.get(account)
        if (held.version if held else 0) != expected:
            return False
        self._write({**kept, account: Kept(grant, expected + 1)})
        return True

    def _drop(self, account: str) -> None:
        self._write({name: kept for name, kept in self._read().items() if name != account})

    def _read(self) -> dict[str, Kept]:
        content = read_private(self._path)
        if content is None:
            return {}
        try:
            return msgspec.json.decode(content, type=dict[str, Kept])
        except msgspec.DecodeError:
            # The decoder's words may quote a token, so its cause is not kept.
            raise ConfigError(f"{self._path}: it is no vault: move it away and authorize again") from None

    def _write(self, kept: dict[str, Kept]) -> None:
        write_durably(self._path, msgspec.json.encode(kept))

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{suffix}")


def read_private(path: Path) -> bytes | None:
    """Read a file of secrets; None if there is none. Raise `ConfigError` if others can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise ConfigError(f"{path}: others can read it (mode {mode:04o}): chmod 600 {path}")
            return file.read()
    except FileNotFoundError:
        return None


def load_key(path: Path) -> bytes:
    """Give the secret key in a file, made of 32 random bytes on first use."""
    key = read_private(path)
    if key is None:
        key = _create(path, secrets.token_bytes(32))
    if len(key) < 32:
        raise ConfigError(f"{path}: it is no key of 32 bytes: remove it, a new one is made")
    return key


def _create(path: Path, key: bytes) -> bytes:
    """Keep a new key, unless another process was quicker: then its key holds."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_durably(draft, key)
    try:
        os.link(draft, path)
    except FileExistsError:
        return read_private(path) or key
    finally:
        draft.unlink()
    return key


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock that other processes respect, and that the system frees when a process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        while not try_lock(file):  # noqa: ASYNC110  (another process tells no event)
            await asyncio.sleep(_POLL_S)
        yield  # closing the file unlocks it


def _system_lock() -> Callable[[IO[bytes]], None]:
    if os.name == "nt":
        import msvcrt

        return lambda file: msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    import fcntl

    return lambda file: fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


_lock = _system_lock()


def try_lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False if another process has it locked."""
    try:
        _lock(file)
    except OSError:
        return False
    return True
