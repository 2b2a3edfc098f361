"""Ids of our own: UUIDv7 (RFC 9562), which sort by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections.abc import Callable
from itertools import accumulate

_RANDOM_BITS = 74
_RANDOM = (1 << _RANDOM_BITS) - 1
_TAIL_BITS = 62
_TAIL = (1 << _TAIL_BITS) - 1
_VARIANT = 0b10 << _TAIL_BITS
_STEP_TYPE = "I"
_STEP_BYTES = array(_STEP_TYPE).itemsize
_CHANCE_BYTES = 10
_IN_ADVANCE = 100


def uuid7(now_ms: int, random: int) -> str:
    """Write the UUIDv7 of a time (ms since 1970) and 74 random bits."""
    return _written((now_ms & (1 << 48) - 1) << _RANDOM_BITS | random & _RANDOM)


def _written(number: int) -> str:
    """Write 122 bits, between them the version and the variant."""
    head, tail = f"{number >> _TAIL_BITS:015x}", f"{number & _TAIL | _VARIANT:016x}"
    return f"{head[:8]}-{head[8:12]}-7{head[12:]}-{tail[:4]}-{tail[4:]}"


def _stepped(last: int, step: int) -> int:
    return last + 1 + step


class Minter:
    """Mints ids that only ever grow, whatever the clock does; safe to share between threads."""

    def __init__(
        self,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._random = random
        self._lock = threading.Lock()
        self._last = 0
        self._chance = b""  # asked for in advance: each asking is a call of the system
        self._used = 0
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self) -> str:
        with self._lock:
            made = self._next()
        return _written(made)

    def many(self, count: int) -> list[str]:
        """Mint so many at once, in their order."""
        if not count:
            return []
        with self._lock:
            steps = array(_STEP_TYPE, self._random(_STEP_BYTES * (count - 1)))
            numbers = list(accumulate(steps, _stepped, initial=self._next()))
            self._last = numbers[-1]
        return list(map(_written, numbers))

    def _next(self) -> int:
        chance = self._draw()
        fresh = self._clock() << _RANDOM_BITS | chance >> 6
        # Within a millisecond, or when the clock was set back: a random step beyond the last.
        stepped = _stepped(self._last, chance & (1 << 8 * _STEP_BYTES) - 1)
        self._last = max(fresh, stepped) if self._last else fresh
        return self._last

    def _draw(self) -> int:
        used = self._used
        if used >= len(self._chance):
            self._chance, used = self._random(_IN_ADVANCE * _CHANCE_BYTES), 0
        self._used = used + _CHANCE_BYTES
        return int.from_bytes(self._chance[used : self._used], "big")

    def _forget(self) -> None:
        """Draw anew in a forked process: the same chance would make the same ids."""
        self._chance = b""
        self._lock = threading.Lock()


new_id = Minter()
"""Mint an id: a message's, an event's."""
