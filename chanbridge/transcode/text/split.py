"""Cut a text that is too long (D1): at a paragraph, a line, a sentence, a word, a character.

Never inside a link, a grapheme cluster, a code block or a marker line, unless that alone is too long.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from chanbridge.transcode.text.graphemes import boundaries
from chanbridge.transcode.text.lengths import urls
from chanbridge.transcode.text.rich import ATOM, Rich

Fits = Callable[[Rich], bool]

_LEVELS = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"[.!?…؟।]+[\"'”’)\]]*\s+|[。！？]+[”’）]*\s*"),
    re.compile(r"\s+|[，、；：]"),
)
_FULL_ENOUGH = 0.5
"""A piece that ends at a paragraph, line or sentence must be at least half as long as it could be."""


class TooLong(ValueError):
    """Not even one character fits."""


def split(rich: Rich, fits: Fits) -> list[Rich]:
    """Cut a text into pieces that fit; raise `TooLong` if a single character does not."""
    if fits(rich):
        return [rich]
    return list(_Splitter(rich.cut(0, len(rich.text)), fits).pieces())


class _Splitter:
    def __init__(self, rich: Rich, fits: Fits) -> None:
        self._rich = rich
        self._text = rich.text
        self._fits = fits
        self._ends = boundaries(rich.text)
        links = [span for span in rich.spans if span.type == "link"]
        solid = [span for span in rich.spans if span.type in (ATOM, "codeblock")]
        zones = {(span.start, span.end) for span in (*links, *solid)} | set(urls(rich.text))
        self._zones = _outermost(zones)
        self._starts = [start for start, _ in self._zones]

    def pieces(self) -> Iterator[Rich]:
        start, reach = 0, 64
        while start < len(self._text):
            limit, reach = self._furthest(start, reach)
            end, piece = self._cut(start, limit)
            if piece.text:
                yield piece
            start = self._skip_blank(end)

    def _skip_blank(self, at: int) -> int:
        while at < len(self._text) and self._text[at].isspace():
            at += 1
        return at

    def _furthest(self, start: int, reach: int) -> tuple[int, int]:
        """Find how far a piece may go: doubling, then halving, in whole clusters."""
        first = bisect_right(self._ends, start)
        low, high = first, min(first + reach, len(self._ends)) - 1
        while self._fits(self._rich.cut(start, self._ends[high])):
            low = high
            if high == len(self._ends) - 1:
                return len(self._text), reach
            high = min(high + (high - first + 1), len(self._ends) - 1)
        while high - low > 1:
            middle = (low + high) // 2
            if self._fits(self._rich.cut(start, self._ends[middle])):
                low = middle
            else:
                high = middle
        return self._ends[low], max(2, low - first + 2)

    def _cut(self, start: int, limit: int) -> tuple[int, Rich]:
        """Take the best break up to the limit; what is cut must still fit."""
        if limit == len(self._text):
            piece = self._rich.cut(start, limit)
            if self._fits(piece):
                return limit, piece
        for end in self._breaks(start, limit):
            piece = self._rich.cut(start, end)
            if self._fits(piece):
                return end, piece
        return self._bare(start)

    def _breaks(self, start: int, limit: int) -> Iterator[int]:
        window = self._text[start : limit + 1]
        enough = start + int((limit - start) * _FULL_ENOUGH)
        for level in _LEVELS:
            ends = [start + match.end() for match in level.finditer(window)]
            at_word = level is _LEVELS[-1]
            fitting = (end for end in ends if end <= limit + 1 and self._edge(end) <= limit)
            good = [end for end in fitting if (at_word or end >= enough) and end > start and self._free(end)]
            yield from good[-1:]
        outside = self._before_zone(start, limit)
        if outside is not None:
            yield outside
        for level in _LEVELS:
            yield from [
                start + match.end() for match in level.finditer(window) if match.end() <= limit - start
            ][-1:]
        at = bisect_right(self._ends, limit) - 1
        while at >= 0 and self._ends[at] > start:
            yield self._ends[at]
            at -= 1

    def _edge(self, end: int) -> int:
        while end > 0 and self._text[end - 1].isspace():
            end -= 1
        return end

    def _zone(self, at: int) -> tuple[int, int] | None:
        """The zone that a position lies within."""
        before = bisect_left(self._starts, at) - 1
        if before >= 0 and self._zones[before][1] > at:
            return self._zones[before]
        return None

    def _free(self, at: int) -> bool:
        return self._zone(at) is None

    def _before_zone(self, start: int, limit: int) -> int | None:
        """The limit, or the beginning of what must not be cut there."""
        zone = self._zone(limit)
        if zone is None:
            return limit
        return zone[0] if zone[0] > start else None

    def _bare(self, start: int) -> tuple[int, Rich]:
        """Where not even one cluster fits with its formatting: without it, then by code point."""
        cluster = self._ends[bisect_right(self._ends, start)]
        for end in range(cluster, start, -1):
            piece = Rich(self._text[start:end])
            if self._fits(piece):
                return end, piece
        raise TooLong(f"the character at {start} is longer than the limit")


def _outermost(zones: set[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(zones, key=lambda zone: (zone[0], -zone[1])):
        if out and start < out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
