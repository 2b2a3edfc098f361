"""Cut a text that is too long (D1): at a paragraph, a line, a sentence, a word, a character.

Never inside a link, a grapheme cluster, a code block or a marker line, unless that alone is too long.
A link or a character that is cut can no longer be followed or read: `Split.broken` names it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from chanbridge.transcode.text.graphemes import boundaries
from chanbridge.transcode.text.lengths import urls
from chanbridge.transcode.text.rich import ATOM, Rich, Span

Fits = Callable[[Rich], bool]
Whole = Literal["link", "character"]
"""What is of no use in halves."""

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


class Split(NamedTuple):
    """The pieces of a text, and what was too long to stay whole in one of them."""

    pieces: list[Rich]
    broken: tuple[Whole, ...] = ()


def split(rich: Rich, fits: Fits) -> Split:
    """Cut a text into pieces that fit; raise `TooLong` if a single character does not."""
    if fits(rich):
        return Split([rich])
    text = rich.cut(0, len(rich.text))
    linked = [_with_room(span, text.text, fits) for span in text.spans]
    splitter = _Splitter(text._replace(spans=tuple(span for span in linked if span)), fits)
    pieces = list(splitter.pieces())
    lost: list[Whole] = ["link"] if None in linked else []
    return Split(pieces, tuple(dict.fromkeys((*lost, *splitter.broken))))


def _with_room(span: Span, text: str, fits: Fits) -> Span | None:
    """Leave out an address that leaves no room for its label; one that is its own label is shown once."""
    if span.type != "link" or not span.ref:
        return span
    first = Rich(text[span.start : span.start + 1], (Span(0, 1, "link", span.ref),))
    if fits(first):
        return span
    return span._replace(ref="") if span.ref == text[span.start : span.end] else None


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
        self._labels = [span for span in links if span.ref]
        self._addresses = [*urls(rich.text), *((span.start, span.end) for span in links if not span.ref)]
        self.broken: list[Whole] = []

    def pieces(self) -> Iterator[Rich]:
        start, reach = 0, 64
        while start < len(self._text):
            limit, reach = self._furthest(start, reach)
            end, piece = self._cut(start, limit)
            if self._breaks_address(end):
                self.broken.append("link")
            if piece.text:
                yield piece
            start = self._skip_blank(end)

    def _breaks_address(self, at: int) -> bool:
        """Say whether a cut goes through an address; one behind a label stands with both its halves."""
        if self._free(at) or any(span.start < at < span.end for span in self._labels):
            return False
        return any(start < at < end for start, end in self._addresses)

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
                self.broken += ["character"] if end < cluster else []
                self.broken += ["link"] if any(s.start <= start < s.end for s in self._labels) else []
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
