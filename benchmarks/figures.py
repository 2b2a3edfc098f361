"""Figures: what was measured, what was wanted, and whether it holds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple


class Figure(NamedTuple):
    """One line of the table. Without a ``target`` it is there to be read."""

    name: str
    value: float
    unit: str
    target: float | None = None
    sense: Literal["at least", "at most"] = "at least"
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Say whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.value >= self.target if self.sense == "at least" else self.value <= self.target

    def line(self) -> list[str]:
        """Give its cells as they are shown."""
        wanted = "" if self.target is None else f"{self.sense} {self.target:g}"
        said = {None: "", True: "holds", False: "MISSED"}[self.holds]
        return [self.name, f"{short(self.value)} {self.unit}".strip(), wanted, said, self.note]


class Size(NamedTuple):
    """How much is measured."""

    rounds: int  # pairs of A and B
    requests: int  # in each half of a pair
    memory: int  # webhooks of each half of the memory test
    conversations: int  # open ones, against a thousand


QUICK = Size(rounds=7, requests=3_000, memory=20_000, conversations=20_000)
FULL = Size(rounds=15, requests=6_000, memory=100_000, conversations=100_000)


def short(value: float) -> str:
    """Write a number with three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def progress(words: str) -> None:
    """Tell on standard error what is being done."""
    print(words, file=sys.stderr, flush=True)


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Iterable[float]) -> str:
    """Write the smallest and the largest."""
    known = sorted(values)
    return f"{short(known[0])} to {short(known[-1])}"


def paired(a: Callable[[], float], b: Callable[[], float], rounds: int) -> list[tuple[float, float]]:
    """Measure both in turn, A B A B, after one round that does not count."""
    a(), b()
    return [(a(), b()) for _ in range(rounds)]


def table(rows: list[list[str]]) -> str:
    """Lay out rows in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                     for row in rows)  # fmt: skip
