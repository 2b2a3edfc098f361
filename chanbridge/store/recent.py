"""The dedupe keys of what came in lately, in memory."""

from __future__ import annotations

from collections.abc import Iterable

GENERATION = 16_384
"""How many keys are gathered before the ones gathered earlier are forgotten: between one and two of these."""


class Recent:
    """Remembers keys, the newest some ten thousand."""

    def __init__(self) -> None:
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def __contains__(self, key: bytes) -> bool:
        return key in self._young or key in self._old

    def add(self, keys: Iterable[bytes]) -> None:
        """Remember some more."""
        if len(self._young) >= GENERATION:
            self._old, self._young = self._young, set()
        self._young.update(keys)

    def clear(self) -> None:
        """Forget all."""
        self._young.clear()
        self._old.clear()
