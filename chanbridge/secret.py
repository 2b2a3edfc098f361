"""Credentials as a type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import msgspec


class Secret:
    """A credential that shows itself only to `reveal`: no useful ``str``, ``repr`` or encoding.

    An empty one, or one of white space, is false: everybody knows it, so it must never verify anything.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential itself: for signing, nothing else."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value.strip())

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


def empty_secrets(value: object, place: str = "") -> Iterator[str]:
    """Name every secret within a configuration that is empty, as in ``pin`` or ``keys.first``."""
    if isinstance(value, Secret):
        if not value:
            yield place
        return
    for name, item in _items(value):
        yield from empty_secrets(item, f"{place}.{name}" if place else str(name))


def _items(value: object) -> Iterator[tuple[Any, object]]:
    if isinstance(value, msgspec.Struct):
        yield from msgspec.structs.asdict(value).items()
    elif isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
