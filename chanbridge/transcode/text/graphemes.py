"""What a reader takes for one character: extended grapheme clusters (UAX 29), in linear time."""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from chanbridge.transcode.text import tables

_PLAIN = re.compile("[\n\x20-\x7e\u00a1-\u00a8\u00aa-\u00ac\u00af-\u02ff\u3041-\u3096\u4e00-\u9fff]*")
"""Characters of which each is a cluster by itself, whatever stands beside it among them."""


class _Break(IntEnum):
    OTHER, CR, LF, CONTROL, EXTEND, ZWJ, FLAG, PREPEND, SPACING, L, V, T, LV, LVT = range(14)


_CONTROLS = frozenset({_Break.CR, _Break.LF, _Break.CONTROL})
_HANGUL = frozenset(
    [(_Break.L, follower) for follower in (_Break.L, _Break.V, _Break.LV, _Break.LVT)]
    + [(first, second) for first in (_Break.LV, _Break.V) for second in (_Break.V, _Break.T)]
    + [(first, _Break.T) for first in (_Break.LVT, _Break.T)]
)


class _Properties(NamedTuple):
    break_: _Break
    pictographic: bool
    consonant: bool
    linker: bool


def boundaries(text: str) -> list[int]:
    """Give the offset behind each grapheme cluster."""
    if _PLAIN.fullmatch(text):
        return list(range(1, len(text) + 1))
    ends: list[int] = []
    before: _Properties | None = None
    emoji = joined = conjunct = linked = False
    flags = 0
    for offset, character in enumerate(text):
        now = _properties(character)
        if before is not None and not (
            _sticks(before.break_, now.break_)
            or (joined and now.pictographic)
            or (conjunct and linked and now.consonant)
            or (before.break_ is now.break_ is _Break.FLAG and flags % 2 == 1)
        ):
            ends.append(offset)
            emoji = conjunct = False
        joined = emoji and now.break_ is _Break.ZWJ
        emoji = now.pictographic or (
            emoji and now.break_ in (_Break.EXTEND, _Break.ZWJ) and not _is_joined(before)
        )
        linked = now.linker or (linked and conjunct and _binds(character, now))
        conjunct = now.consonant or (conjunct and _binds(character, now))
        linked = linked and not now.consonant
        flags = flags + 1 if now.break_ is _Break.FLAG else 0
        before = now
    return [*ends, len(text)] if text else ends


def clusters(text: str) -> list[str]:
    """Cut a text into its grapheme clusters."""
    ends = boundaries(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def is_pictographic(character: str) -> bool:
    """Say whether an emoji may begin with this character."""
    return _properties(character).pictographic


def _is_joined(before: _Properties | None) -> bool:
    return before is not None and before.break_ is _Break.ZWJ


def _binds(character: str, now: _Properties) -> bool:
    return character != "\u200c" and (now.linker or now.break_ in (_Break.EXTEND, _Break.ZWJ))


def _sticks(before: _Break, now: _Break) -> bool:
    """Rules GB3 to GB9b: whether two neighbours belong together by themselves."""
    if before in _CONTROLS or now in _CONTROLS:
        return before is _Break.CR and now is _Break.LF
    if now in (_Break.EXTEND, _Break.ZWJ, _Break.SPACING) or before is _Break.PREPEND:
        return True
    return (before, now) in _HANGUL


@lru_cache(maxsize=16384)
def _properties(character: str) -> _Properties:
    code = ord(character)
    return _Properties(
        _break(character, code),
        code in tables.members(tables.PICTOGRAPHIC),
        code in tables.members(tables.CONSONANT),
        code in tables.members(tables.LINKER),
    )


def _break(character: str, code: int) -> _Break:
    named = {
        "\r": _Break.CR,
        "\n": _Break.LF,
        "\u200d": _Break.ZWJ,
        "\u0e33": _Break.SPACING,
        "\u0eb3": _Break.SPACING,
    }
    if character in named:
        return named[character]
    if code in tables.members(tables.PREPEND):
        return _Break.PREPEND
    category = unicodedata.category(character)
    if code in tables.members(tables.EXTEND) or (category in ("Mn", "Me") and code != 0x1171E):
        return _Break.EXTEND
    if category in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return _Break.CONTROL
    if code == 0x1171E or (category == "Mc" and code not in tables.members(tables.NOT_SPACING)):
        return _Break.SPACING
    if 0x1F1E6 <= code <= 0x1F1FF:
        return _Break.FLAG
    return _hangul(code)


def _hangul(code: int) -> _Break:
    if 0xAC00 <= code <= 0xD7A3:
        return _Break.LVT if (code - 0xAC00) % 28 else _Break.LV
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return _Break.L
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return _Break.V
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return _Break.T
    return _Break.OTHER
