"""Unpacks a gzip answer piece by piece: a small one that unpacks to gigabytes cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator

_BLOCK = 64 * 1024
_GZIP = 31  # zlib's window bits for a gzip member


class TooLarge(Exception):
    """An answer is larger than is taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer is larger than {limit} bytes")


class Damaged(OSError):
    """An answer does not unpack."""


def inflated(chunks: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Give the plain bytes of an answer; an encoding that nobody asked for is left as it is."""
    if encoding.strip().lower() in {"gzip", "x-gzip"}:
        return _gunzipped(chunks)
    return aiter(chunks)


async def _gunzipped(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    unpack = _Gunzip()
    async for chunk in chunks:
        for piece in unpack.feed(chunk):
            yield piece
    unpack.finish()


class _Gunzip:
    """One or more gzip members, never more than a block of output at once."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            self._begun = True
            try:
                piece = self._member.decompress(packed, _BLOCK)
            except zlib.error as error:
                raise Damaged("the answer is no gzip") from error
            if piece:
                yield piece
            packed = self._member.unconsumed_tail or self._member.unused_data

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise Damaged("the answer ends early")
