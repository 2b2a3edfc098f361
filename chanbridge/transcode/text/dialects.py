"""Write formatted text the way a channel wants it: plain, whatsapp, markdown, html.

In a dialect with escapes (markdown, html) the characters of a text are escaped, so that they are
shown as they were written; ``plain`` and ``whatsapp`` have none.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from chanbridge.transcode.text.rich import ATOM, BLOCKS, Rich, Span

_MARKDOWN = re.compile(r"([\\`*_\[\]<>~|])|^( *)([#+-]|\d+[.)])(?=\s)", re.MULTILINE)


class Written(NamedTuple):
    """A text in a dialect, and the kinds of formatting that it could not keep."""

    text: str
    dropped: tuple[str, ...] = ()


class Dialect(NamedTuple):
    """How one dialect writes: marks around words, a way to escape, links, blocks."""

    marks: dict[str, tuple[str, str]]
    escape: Callable[[str], str]
    link: Callable[[str, str], str]
    block: Callable[[str, str, str], str]  # kind, marker, what is inside
    tight: bool = False  # marks must hug a word, stand at its edge, and stay within a line


def write(rich: Rich, dialect: str, keep: Collection[str]) -> Written:
    """Write a text; formatting that is not in ``keep`` becomes what plain text does with it."""
    way = DIALECTS.get(dialect, DIALECTS["plain"])
    if not rich.spans:
        return Written(way.escape(rich.text))
    writer = _Writer(rich, way, frozenset(keep))
    text = writer.stretch(0, len(rich.text), writer.children(-1))
    return Written(text, tuple(dict.fromkeys(writer.dropped)))


class _Writer:
    def __init__(self, rich: Rich, way: Dialect, keep: frozenset[str]) -> None:
        self._text = rich.text
        self._way = way
        self._keep = keep
        self._spans = rich.spans
        self._nested: dict[int, list[int]] = {-1: []}
        self.dropped: list[str] = []
        stack: list[int] = []
        for index, span in enumerate(rich.spans):
            while stack and rich.spans[stack[-1]].end <= span.start:
                stack.pop()
            self._nested.setdefault(stack[-1] if stack else -1, []).append(index)
            stack.append(index)

    def children(self, index: int) -> list[int]:
        return self._nested.get(index, [])

    def stretch(self, start: int, end: int, inside: list[int], *, verbatim: bool = False) -> str:
        """Write a stretch of the text with the spans that lie directly in it."""
        out: list[str] = []
        for index in inside:
            span = self._spans[index]
            out.append(self._escape(self._text[start : span.start], verbatim))
            out.append(self._span(index, span, verbatim))
            start = span.end
        out.append(self._escape(self._text[start:end], verbatim))
        return "".join(out)

    def _escape(self, text: str, verbatim: bool) -> str:
        return text if verbatim and self._way.escape is _escape_markdown else self._way.escape(text)

    def _span(self, index: int, span: Span, verbatim: bool) -> str:
        code = span.type in ("code", "codeblock") and span.type in self._keep
        inside = self.stretch(span.start, span.end, self.children(index), verbatim=verbatim or code)
        if span.type == ATOM or verbatim:
            return inside
        if span.type == "link":
            return self._link(span, inside)
        way = self._way if span.type in self._keep else DIALECTS["plain"]
        if span.type not in self._keep:
            self.dropped.append(span.type)
        if span.type in BLOCKS:
            return way.block(span.type, span.ref, inside)
        mark = way.marks.get(span.type)
        return self._mark(span, mark, inside) if mark else inside

    def _link(self, span: Span, label: str) -> str:
        words = self._text[span.start : span.end]
        if not span.ref or (words == span.ref and "link" not in self._keep):
            return label
        if "link" in self._keep:
            return self._way.link(label, span.ref)
        self.dropped.append("link")
        return f"{label} ({self._way.escape(span.ref)})"

    def _mark(self, span: Span, mark: tuple[str, str], inside: str) -> str:
        before, after = mark
        if not self._way.tight:
            return f"{before}{inside}{after}"
        if before in inside or self._inside_word(span):
            self.dropped.append(span.type)
            return inside
        return "\n".join(_hug(line, before, after) for line in inside.split("\n"))

    def _inside_word(self, span: Span) -> bool:
        """Say whether a letter stands right before or behind the words of a span."""
        words = self._text[span.start : span.end]
        start, end = span.end - len(words.lstrip()), span.start + len(words.rstrip())
        edges = self._text[max(0, start - 1) : start] + self._text[end : end + 1]
        return any(character.isalnum() for character in edges)


def _hug(line: str, before: str, after: str) -> str:
    words = line.strip()
    if not words:
        return line
    lead = line[: len(line) - len(line.lstrip())]
    return f"{lead}{before}{words}{after}{line[len(line.rstrip()) :]}"


def _each_line(prefix: str, inside: str) -> str:
    return "\n".join(prefix + line for line in inside.split("\n"))


def _item(marker: str, inside: str) -> str:
    return f"{marker or '-'} {inside}"


def _plain_block(type: str, marker: str, inside: str) -> str:
    if type == "quote":
        return _each_line("> ", inside)
    return _item(marker, inside) if type in ("ul", "ol") else inside


def _whatsapp_block(type: str, marker: str, inside: str) -> str:
    if type == "codeblock":
        return f"```{inside}```"
    if type == "heading":
        return inside if "*" in inside else _hug(inside, "*", "*")
    return _plain_block(type, marker, inside)


def _markdown_block(type: str, marker: str, inside: str) -> str:
    if type == "codeblock":
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", inside))])
        return f"{fence}\n{inside}\n{fence}"
    if type == "heading":
        return f"# {inside}"
    if type == "table":
        return "\n".join(_markdown_table(inside.split("\n")))
    return _plain_block(type, marker, inside)


def _markdown_table(rows: list[str]) -> Iterator[str]:
    for number, row in enumerate(rows):
        cells = row.split(" \\| ")
        yield "| " + " | ".join(cells) + " |"
        if number == 0:
            yield "|" + " --- |" * len(cells)


def _html_block(type: str, marker: str, inside: str) -> str:
    if type in ("ul", "ol"):
        return _item("•" if type == "ul" else marker, inside)
    if type == "table":
        return inside
    before, after = {
        "codeblock": ("<pre>", "</pre>"),
        "quote": ("<blockquote>", "</blockquote>"),
        "heading": ("<b>", "</b>"),
    }[type]
    return f"{before}{inside}{after}"


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    if match.group(1):
        return f"\\{match.group(1)}"
    lead, marker = match.group(2), match.group(3)
    return f"{lead}{marker[:-1]}\\{marker[-1]}"


def _literal(text: str) -> str:
    return text


def _escape_html(text: str) -> str:
    return html.escape(text, quote=False)


def _label_link(label: str, url: str) -> str:
    return f"{label} ({url})"


def _markdown_link(label: str, url: str) -> str:
    return f"[{label}](<{url}>)" if set("() <>") & set(url) else f"[{label}]({url})"


def _html_link(label: str, url: str) -> str:
    return f'<a href="{html.escape(url)}">{label}</a>'


def _pairs(**marks: str) -> dict[str, tuple[str, str]]:
    return {type: (mark, mark) for type, mark in marks.items()}


def _tags(**tags: str) -> dict[str, tuple[str, str]]:
    return {type: (f"<{tag}>", f"</{tag}>") for type, tag in tags.items()}


DIALECTS: dict[str, Dialect] = {
    "plain": Dialect({}, _literal, _label_link, _plain_block),
    "whatsapp": Dialect(
        _pairs(bold="*", italic="_", strike="~", code="`"), _literal, _label_link, _whatsapp_block, tight=True
    ),
    "markdown": Dialect(
        _pairs(bold="**", italic="*", strike="~~", code="`"),
        _escape_markdown,
        _markdown_link,
        _markdown_block,
    ),
    "html": Dialect(
        _tags(bold="b", italic="i", strike="s", code="code"), _escape_html, _html_link, _html_block
    ),
}
