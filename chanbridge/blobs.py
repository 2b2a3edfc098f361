"""The store of files: by the hash of their content, on disk before their handle is given out."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec

from chanbridge.mime import SNIFF_BYTES, safe_name, true_mime
from chanbridge.model.errors import SendError
from chanbridge.model.media import Media

MAX_FILE = 100 * 1024 * 1024
_BLOCK = 1024 * 1024
_BLOB = re.compile(r"[0-9a-f]{64}")


class MediaStore(Protocol):
    """Keeps files; a blob is the lower-case SHA-256 of its content."""

    async def put(
        self, chunks: AsyncIterable[bytes], *, mime: str = "", filename: str = "", max_bytes: int = MAX_FILE
    ) -> Media:
        """Keep a file and give its handle; raise `SendError` (``too_large``)  of a larger one."""
        ...

    async def stat(self, blob: str) -> Media:
        """Say what is known of a blob; raise `SendError` (``media_unavailable``) if it is not here."""
        ...

    def read(self, blob: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Give the bytes of a blob, or of a slice of it, piece by piece."""
        ...


class _Facts(msgspec.Struct, frozen=True):
    """What lies beside a blob: it is not in its content."""

    mime: str
    size: int
    filename: str = ""


class FileMediaStore:
    """A folder of blobs, two levels deep, with a small JSON file beside each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(
        self, chunks: AsyncIterable[bytes], *, mime: str = "", filename: str = "", max_bytes: int = MAX_FILE
    ) -> Media:
        draft = _Draft(self._folder, max_bytes)
        try:
            async for block in _blocks(chunks):
                await asyncio.to_thread(draft.write, block)
            return await asyncio.to_thread(draft.keep, mime, safe_name(filename))
        finally:
            draft.drop()

    async def stat(self, blob: str) -> Media:
        facts = await asyncio.to_thread(self._facts, blob)
        return Media(blob=blob, sha256=blob, mime=facts.mime, size=facts.size, filename=facts.filename)

    async def read(self, blob: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        position = start
        while end is None or position < end:
            length = _BLOCK if end is None else min(_BLOCK, end - position)
            block = await asyncio.to_thread(self._block, blob, position, length)
            if not block:
                return
            yield block
            position += len(block)

    def _facts(self, blob: str) -> _Facts:
        try:
            return msgspec.json.decode(_path(self._folder, blob, ".json").read_bytes(), type=_Facts)
        except (OSError, msgspec.DecodeError) as error:
            raise _missing(blob) from error

    def _block(self, blob: str, position: int, length: int) -> bytes:
        try:
            with _path(self._folder, blob).open("rb") as file:
                file.seek(position)
                return file.read(length)
        except OSError as error:
            raise _missing(blob) from error


class _Draft:
    """A file being written, under a name that nobody looks for."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes
        self._hash = hashlib.sha256()
        self._size = 0
        self._head = b""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = tempfile.NamedTemporaryFile(dir=folder, prefix=".draft-", delete=False)  # noqa: SIM115

    def write(self, block: bytes) -> None:
        self._size += len(block)
        if self._size > self._max:
            raise SendError("too_large", detail=f"the file is larger than {self._max} bytes")
        if len(self._head) < SNIFF_BYTES:
            self._head += block[:SNIFF_BYTES]
        self._hash.update(block)
        self._file.write(block)

    def keep(self, mime: str, filename: str) -> Media:
        blob = self._hash.hexdigest()
        target = _path(self._folder, blob)
        if not target.exists():
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        facts = _Facts(mime=true_mime(mime, self._head), size=self._size, filename=filename)
        if not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(target.with_suffix(".json"), msgspec.json.encode(facts))
            Path(self._file.name).replace(target)
            sync_folder(target.parent)
        return Media(blob=blob, sha256=blob, mime=facts.mime, size=self._size, filename=filename)

    def drop(self) -> None:
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)


async def _blocks(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Join small pieces, so that a thread is asked once a megabyte and not once a packet."""
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _path(folder: Path, blob: str, suffix: str = "") -> Path:
    if not _BLOB.fullmatch(blob):
        raise _missing(blob)
    return folder / blob[:2] / f"{blob}{suffix}"


def _missing(blob: str) -> SendError:
    shown = blob[:12] if _BLOB.fullmatch(blob) else "?"
    return SendError("media_unavailable", detail=f"no file {shown} in the media store", retryable=False)


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step: after a crash it is the old one or the new one, never half of each."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".draft-", delete=False) as file:
        draft = Path(file.name)
        try:
            draft.chmod(mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlive a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
