"""Formatted text in one form: characters, and spans that mean something. Everything is read into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chanbridge.model.parts import Entity

MARKS = ("bold", "italic", "strike", "code", "link", "mention")
BLOCKS = ("codeblock", "quote", "ul", "ol", "heading", "table")
ATOM = "atom"
"""A line that must not be cut: an option with its marker, a link with its label."""

_SCHEMES = {"http", "https", "mailto", "tel", "sms", "geo"}
_ALIASES = {
    "strong": "bold", "b": "bold", "em": "italic", "i": "italic", "strikethrough": "strike", "s": "strike",
    "pre": "codeblock", "blockquote": "quote", "expandable_blockquote": "quote", "text_link": "link",
    "url": "link", "text_mention": "mention",
}  # fmt: skip


_LIST_MARKERS = {"ul": "-", "ol": "1."}


class Span(NamedTuple):
    """A stretch of a text: ``ref`` is a link's address, or an item's marker."""

    start: int
    end: int
    type: str
    ref: str = ""


class Rich(NamedTuple):
    """Characters and spans, properly nested, outermost first."""

    text: str
    spans: tuple[Span, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text.strip())

    def cut(self, start: int, end: int) -> Rich:
        """Give a stretch of it, spans included, without blank edges."""
        piece = self.text[start:end]
        start += len(piece) - len(piece.lstrip())
        end -= len(piece) - len(piece.rstrip())
        if start >= end:
            return Rich("")
        spans = tuple(
            Span(max(span.start, start) - start, min(span.end, end) - start, span.type, span.ref)
            for span in self.spans
            if span.start < end and span.end > start
        )
        return Rich(self.text[start:end], spans)

    def bare(self) -> Rich:
        """Give it without formatting, but with what must not be cut."""
        return Rich(self.text, tuple(span for span in self.spans if span.type == ATOM))


def safe(url: str) -> bool:
    """Say whether a link may be shown: a scheme that runs nothing."""
    scheme, colon, _ = url.strip().partition(":")
    return bool(colon) and scheme.lower() in _SCHEMES


def plain(text: str) -> Rich:
    """Take a text literally."""
    return Rich(text)


def marked(text: str, type: str, ref: str = "") -> Rich:
    """Format a whole text in one way."""
    return Rich(text, (Span(0, len(text), type, ref),) if text else ())


def line(text: str) -> Rich:
    """Make a line that must not be cut."""
    return marked(text, ATOM)


def join(pieces: Iterable[Rich], between: str = "\n") -> Rich:
    """Put pieces together, leaving out empty ones."""
    texts: list[str] = []
    spans: list[Span] = []
    offset = 0
    for piece in pieces:
        if not piece.text:
            continue
        if texts:
            texts.append(between)
            offset += len(between)
        texts.append(piece.text)
        spans.extend(Span(s.start + offset, s.end + offset, s.type, s.ref) for s in piece.spans)
        offset += len(piece.text)
    return Rich("".join(texts), tuple(spans))


def nested(text: str, spans: Iterable[Span]) -> Rich:
    """Order spans from the outside in; what overlaps another halfway is cut at its edge."""
    kept: list[Span] = []
    open_spans: list[Span] = []
    waiting = sorted(spans, key=lambda span: (span.start, -span.end))
    for span in waiting:
        start, end = max(0, span.start), min(span.end, len(text))
        while open_spans and open_spans[-1].end <= start:
            open_spans.pop()
        if open_spans:
            end = min(end, open_spans[-1].end)
        if start < end and span.type not in {other.type for other in open_spans}:
            kept.append(Span(start, end, span.type, span.ref))
            open_spans.append(kept[-1])
    return Rich(text, tuple(kept))


def from_entities(text: str, entities: Iterable[Entity]) -> Rich:
    """Read a text with entities; what we have no name for is left as words."""
    known = {*MARKS, *BLOCKS}
    named = ((_ALIASES.get(entity.type, entity.type), entity) for entity in entities)
    spans = (
        Span(e.start, e.end, type, e.ref or (_LIST_MARKERS.get(type, "")))
        for type, e in named
        if type in known and (type != "link" or not e.ref or safe(e.ref))
    )
    return nested(text, spans)
