"""Ids of our own: UUIDv7 (RFC 9562), which sort by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

_RANDOM_BITS = 74
_STEP_BYTES = 4
_CHANCE_BYTES = 10
_IN_ADVANCE = 100


def uuid7(now_ms: int, random: int) -> str:
    """Write the UUIDv7 of a time (ms since 1970) and 74 random bits."""
    number = (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 62 & 0xFFF) << 64
    digits = f"{number | 0b10 << 62 | random & (1 << 62) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


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
            chance = self._draw()
            fresh = self._clock() << _RANDOM_BITS | chance >> 6
            # Within a millisecond, or when the clock was set back: a random step beyond the last.
            stepped = self._last + 1 + (chance & (1 << 8 * _STEP_BYTES) - 1)
            self._last = max(fresh, stepped) if self._last else fresh
            made = self._last
        return uuid7(made >> _RANDOM_BITS, made & (1 << _RANDOM_BITS) - 1)

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
