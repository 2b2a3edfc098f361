"""Many rows at once: one statement for some hundreds of values, of few different lengths."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""How many rows of values a statement has: few, so that the prepared ones are used again."""


def rows(
    connection: sqlite3.Connection, sql: str, values: Sequence[tuple[object, ...]], *before: object
) -> Iterator[sqlite3.Row]:
    """Run a statement for all values, all equally wide; ``{}`` in it stands for the list of them.

    The last is repeated until a statement is full, so it must do no harm twice. ``before`` are the
    parameters that come before the list.
    """
    for start in range(0, len(values), SIZES[-1]):
        some = values[start : start + SIZES[-1]]
        size = next(size for size in SIZES if size >= len(some))
        one = f"({', '.join('?' * len(some[0]))})"
        filled = [*some, *[some[-1]] * (size - len(some))]
        statement = sql.format(", ".join([one] * size))
        yield from connection.execute(statement, (*before, *chain.from_iterable(filled)))
