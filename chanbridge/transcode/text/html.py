"""Read HTML: the subset that messages have; everything else becomes its words, or nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from chanbridge.transcode.text.rich import Rich, Span, nested, safe

_MARKS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "s": "strike", "strike": "strike",
    "del": "strike", "code": "code", "tt": "code", "kbd": "code", "a": "link", "pre": "codeblock",
    "blockquote": "quote", "table": "table", "h1": "heading", "h2": "heading", "h3": "heading",
    "h4": "heading", "h5": "heading", "h6": "heading",
}  # fmt: skip
_LINES = {"div", "tr", "li", "ul", "ol", "dt", "dd", "section", "article", "header", "footer", "figure"}
_PARAGRAPHS = {"p", "pre", "blockquote", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
_HIDDEN = {"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "math"}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MARKUP = re.compile(
    r"""(?P<nothing><[!?][^<>]*>)|</?[a-zA-Z](?:[^<>"']|"[^"<]*"|'[^'<]*')*+>|(?P<words><)"""
)
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
DEPTH_MAX = 100


def parse(source: str) -> Rich:
    """Read HTML into words and spans. Scripts, styles, images and unsafe links do not survive."""
    reader = _Reader()
    reader.feed(whole_tags(source))
    reader.close()
    return reader.result()


def whole_tags(source: str) -> str:
    """Leave only tags that end before another begins: any other ``<`` is a word, comments are dropped.

    The parser looks for the end of each tag, to the end of the text if there is none: here it is near.
    """
    ended = source.rfind("-->") + 3 if "-->" in source else 0  # no comment that begins later has an end
    return _MARKUP.sub(_kept, _COMMENT.sub("", source[:ended]) + source[ended:])


def _kept(found: re.Match[str]) -> str:
    if found["words"]:
        return "&lt;"
    return "" if found["nothing"] else found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._open: list[tuple[str, int, str]] = []  # tag, where it began, its address or marker
        self._lists: list[int | None] = []
        self._hidden = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
            return
        if self._hidden:
            return
        self._break(tag)
        if tag == "br":
            self._put("\n")
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._end_item()
        elif tag in ("td", "th") and self._out and not self._ends("\n"):
            self._put(" | ")
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")
        self._verbatim += tag == "pre"
        if (tag in _MARKS or tag in ("li", "ul", "ol")) and len(self._open) < DEPTH_MAX:
            self._open.append((tag, self._length, self._ref(tag, dict(attrs))))

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
            return
        if self._hidden:
            return
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        self._verbatim -= tag == "pre" and self._verbatim > 0
        if any(open_tag == tag for open_tag, _, _ in self._open):
            while self._close(*self._open.pop()) != tag:
                continue
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if not self._verbatim:
            data = _SPACE.sub(" ", data)
            if not self._out or self._ends("\n") or self._ends(" "):
                data = data.lstrip(" ")
        self._put(data)

    def result(self) -> Rich:
        while self._open:
            self._close(*self._open.pop())
        text = "".join(self._out)
        lead = len(text) - len(text.lstrip())
        spans = [_trimmed(text, span) for span in self._spans]
        moved = (Span(s.start - lead, s.end - lead, s.type, s.ref) for s in spans if s.start < s.end)
        return nested(text.strip(), reversed(list(moved)))  # the last to be closed is the outermost

    def _ref(self, tag: str, attrs: dict[str, str | None]) -> str:
        if tag == "li":
            return self._marker()
        if tag != "a":
            return ""
        href = (attrs.get("href") or "").strip()
        return href if safe(href) else ""

    def _marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "-"
        self._lists[-1] = number + 1
        return f"{number}."

    def _end_item(self) -> None:
        """Close an item that its author left open."""
        while self._open and self._open[-1][0] not in ("ul", "ol") and any(o[0] == "li" for o in self._open):
            self._close(*self._open.pop())

    def _close(self, tag: str, start: int, ref: str) -> str:
        item = "ul" if ref == "-" else "ol"
        type = item if tag == "li" else _MARKS.get(tag, "")
        if type and (type != "link" or ref):
            self._spans.append(Span(start, self._length, type, ref))
        return tag

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS and self._out:
            self._trim()
            self._put("\n" * (2 - self._newlines()))
        elif tag in _LINES and self._out and not self._ends("\n"):
            self._trim()
            self._put("\n")

    def _trim(self) -> None:
        while not self._verbatim and self._out and self._ends(" "):
            last = self._out.pop()
            self._out.append(last.rstrip(" "))
            self._length -= len(last) - len(self._out[-1])
            if not self._out[-1]:
                self._out.pop()

    def _newlines(self) -> int:
        tail = "".join(self._out[-2:])[-2:]
        return len(tail) - len(tail.rstrip("\n"))

    def _ends(self, character: str) -> bool:
        return bool(self._out) and self._out[-1].endswith(character)

    def _put(self, text: str) -> None:
        if text:
            self._out.append(text)
            self._length += len(text)


def _trimmed(text: str, span: Span) -> Span:
    start, end = span.start, min(span.end, len(text))
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return span._replace(start=start, end=end)
