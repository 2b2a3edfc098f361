"""Read Markdown: bold, italic, strike, code, links, headings, quotes, lists, fences, tables."""

from __future__ import annotations

import re

from chanbridge.transcode.text.rich import Rich, Span, join, marked, nested, safe

_FENCE = re.compile(r" {0,3}(```+(?=[^`]*$)|~~~+)")
_HEADING = re.compile(r" {0,3}#{1,6} +(.*?)(?: +#+)? *$")
_QUOTE = re.compile(r" {0,3}> ?(.*)$")
_BULLET = re.compile(r" *[-*+] +(.*)$")
_NUMBER = re.compile(r" *(\d{1,9})[.)] +(.*)$")
_ROW = re.compile(r" *\|(.*)\| *$")
_RULE = re.compile(r"[ |:-]*-[ |:-]*$")
_ESCAPABLE = frozenset("\\`*_{}[]()#+-.!|>~<")
_DELIMITERS = {"**": "bold", "__": "bold", "~~": "strike", "*": "italic", "_": "italic"}
_LINK = re.compile(r"\[((?:[^\[\]\\\n]|\\.){0,1000})\]\(<?([^\s()<>]*(?:\([^\s()<>]*\))?[^\s()<>]*)>?\)")
_AUTOLINK = re.compile(r"<((?:https?|mailto|tel):[^\s<>]+)>")
_TOKEN = re.compile(r"\\.|`+|\*\*|__|~~|[*_\[<]", re.DOTALL)


def parse(source: str) -> Rich:
    """Read Markdown into words and spans."""
    pieces: list[Rich] = []
    lines = source.replace("\r\n", "\n").split("\n")
    at = 0
    paragraph: list[str] = []
    unclosed: set[str] = set()
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        fenced = None
        if fence and fence.group(1) not in unclosed:
            fenced = _fenced(lines, at, fence.group(1))
            unclosed |= {fence.group(1)} if fenced is None else set()
        block, after = fenced or _block(lines[at], at)
        if block is None:
            paragraph.append(lines[at])
        else:
            pieces.extend([inline("\n".join(paragraph))] if paragraph else [])
            paragraph = []
            pieces.extend([block] if block.text else [])
        at = after
    pieces.extend([inline("\n".join(paragraph))] if paragraph else [])
    return _merge(_lines(pieces))


def _lines(pieces: list[Rich]) -> Rich:
    """Join pieces by lines; an empty paragraph between them is a blank line."""
    text = "\n".join(piece.text for piece in pieces)
    spans: list[Span] = []
    offset = 0
    for piece in pieces:
        spans.extend(Span(s.start + offset, s.end + offset, s.type, s.ref) for s in piece.spans)
        offset += len(piece.text) + 1
    lead = len(text) - len(text.lstrip("\n"))
    return nested(text.strip("\n"), [Span(s.start - lead, s.end - lead, s.type, s.ref) for s in spans])


def _merge(rich: Rich) -> Rich:
    """Make one quote, and one table, of neighbouring lines."""
    out: list[Span] = []
    latest: dict[str, int] = {}
    for span in rich.spans:
        last = latest.get(span.type)
        if span.type in ("quote", "table") and last is not None and out[last].end + 1 == span.start:
            out[last] = out[last]._replace(end=span.end)
        else:
            latest[span.type] = len(out)
            out.append(span)
    return nested(rich.text, out)


def _fenced(lines: list[str], at: int, fence: str) -> tuple[Rich, int] | None:
    """Read a code block; None if nothing closes it but a fence with words beside it (as within a line)."""
    ends = (n for n in range(at + 1, len(lines)) if _closes(lines[n].strip(), fence))
    end = next(ends, len(lines))
    below = lines[at + 1 :] if end == len(lines) else []
    if lines[at].strip() != fence and end == len(lines) and (not below or any(fence in one for one in below)):
        return None
    return marked("\n".join(lines[at + 1 : end]), "codeblock"), end + 1


def _closes(line: str, fence: str) -> bool:
    return line.startswith(fence) and not line.strip(fence[0])


def _block(line: str, at: int) -> tuple[Rich | None, int]:
    if heading := _HEADING.match(line):
        return _wrap(inline(heading.group(1)), "heading"), at + 1
    if quote := _QUOTE.match(line):
        return _wrap(inline(quote.group(1)), "quote"), at + 1
    if bullet := _BULLET.match(line):
        return _wrap(inline(bullet.group(1)), "ul", "-"), at + 1
    if number := _NUMBER.match(line):
        return _wrap(inline(number.group(2)), "ol", f"{number.group(1)}."), at + 1
    if row := _ROW.match(line):
        return _table_row(row.group(1)), at + 1
    return None, at + 1


def _table_row(row: str) -> Rich:
    if _RULE.match(row):
        return Rich("")
    cells = [inline(cell.strip()) for cell in re.split(r"(?<!\\)\|", row)]
    return _wrap(join(cells, " | "), "table")


def _wrap(rich: Rich, type: str, ref: str = "") -> Rich:
    whole = (Span(0, len(rich.text), type, ref),) if rich.text else ()
    return Rich(rich.text, (*whole, *rich.spans))


def inline(source: str) -> Rich:
    """Read the marks within a paragraph."""
    reader = _Inline(source)
    position = 0
    while match := _TOKEN.search(source, position):
        reader.put(source[position : match.start()])
        position = reader.token(match)
    reader.put(source[position:])
    return reader.result()


class _Inline:
    """Pieces of text; spans run from piece to piece until all delimiters are known."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._spans: list[tuple[int, int, str, str]] = []
        self._waiting: list[tuple[str, int]] = []
        self._unclosed: set[str] = set()

    def put(self, text: str) -> None:
        self._pieces.append(text)

    def token(self, match: re.Match[str]) -> int:
        """Read one token; give where reading goes on."""
        found = match.group()
        if found.startswith("\\"):
            self.put(found[1] if found[1] in _ESCAPABLE else found)
        elif found.startswith("`"):
            return self._code(match)
        elif found in _DELIMITERS:
            self._delimiter(found, match)
        else:
            return self._link(match)
        return match.end()

    def result(self) -> Rich:
        offsets = [0]
        for piece in self._pieces:
            offsets.append(offsets[-1] + len(piece))
        spans = (Span(offsets[start], offsets[end], type, ref) for start, end, type, ref in self._spans)
        return nested("".join(self._pieces), spans)

    def _code(self, match: re.Match[str]) -> int:
        run = match.group()
        closing = None
        if run not in self._unclosed:
            closing = re.compile(f"(?<!`){run}(?!`)").search(self._source, match.end())
        if closing is None:
            self._unclosed.add(run)
            self.put(run)
            return match.end()
        self._add(self._source[match.end() : closing.start()].strip() or " ", "code")
        return closing.end()

    def _link(self, match: re.Match[str]) -> int:
        pattern = _LINK if match.group() == "[" else _AUTOLINK
        found = pattern.match(self._source, match.start())
        if found is None:
            self.put(match.group())
            return match.end()
        label, url = found.group(1), found.group(found.lastindex or 1)
        shown = inline(label).text if pattern is _LINK else label
        if safe(url):
            self._add(shown, "link", url)
        else:
            self.put(shown)
        return found.end()

    def _add(self, text: str, type: str, ref: str = "") -> None:
        self.put(text)
        self._spans.append((len(self._pieces) - 1, len(self._pieces), type, ref))

    def _delimiter(self, token: str, match: re.Match[str]) -> None:
        before = self._source[match.start() - 1 : match.start()] or " "
        after = self._source[match.end() : match.end() + 1] or " "
        inside_word = token.startswith("_") and before.isalnum() and after.isalnum()
        opened = next((n for n, (mark, _) in enumerate(self._waiting) if mark == token), None)
        self.put(token)
        at = len(self._pieces) - 1
        if inside_word:
            return
        if opened is not None and not before.isspace():
            start = self._waiting[opened][1]
            del self._waiting[opened:]
            self._pieces[start] = self._pieces[at] = ""
            self._spans.append((start + 1, at, _DELIMITERS[token], ""))
        elif not after.isspace() and opened is None:
            self._waiting.append((token, at))
