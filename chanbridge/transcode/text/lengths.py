"""How long a text is, in the unit that a channel counts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from chanbridge.model.capabilities import TextLimits, Unit
from chanbridge.transcode import gsm
from chanbridge.transcode.text.graphemes import boundaries, clusters, is_pictographic

URL = re.compile(r"(?:https?|ftp|mailto|tel|geo|sms):[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_TRAILING = ".,:;!?')]*"
URL_WEIGHT = 23
_DOMAIN = re.compile(
    r"(?<![A-Za-z0-9.-])(?:https?://)?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?:/[^\s]*)?", re.IGNORECASE
)
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))


def length(text: str, unit: Unit) -> int:
    """Measure a text; ``gsm`` counts septets, or UTF-16 units if the text needs UCS-2."""
    return _MEASURES[unit](text)


def excess(text: str, limits: TextLimits) -> int:
    """Say by how much a text breaks a channel's limits; 0 if it fits."""
    over = 0
    if limits.max is not None:
        over = length(text, limits.unit) - limits.max
    if limits.unit == "gsm" and limits.max_segments is not None:
        cut = gsm.segments(text)
        over = max(over, sum(cut.parts[limits.max_segments :]))
    return max(0, over)


def fits(text: str, max: int | None, unit: Unit) -> bool:
    """Say whether a text is within a maximum; None is no limit."""
    return max is None or length(text, unit) <= max


def urls(text: str) -> list[tuple[int, int]]:
    """Find the links of a text, without the punctuation behind them."""
    if ":" not in text:
        return []
    found = ((match.start(), match.group()) for match in URL.finditer(text))
    return [(start, start + len(url.rstrip(_TRAILING))) for start, url in found]


def _graphemes(text: str) -> int:
    return len(boundaries(text))


def _utf16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _weighted(text: str) -> int:
    """Count as X does: light and heavy characters, links at a flat rate, an emoji as one."""
    text = unicodedata.normalize("NFC", text)
    total = position = 0
    for match in _DOMAIN.finditer(text):
        total += _weight(text[position : match.start()])
        flat = match.group().lower().startswith("http")
        total += URL_WEIGHT if flat else max(URL_WEIGHT, _weight(match.group()))
        position = match.end()
    return total + _weight(text[position:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if _is_emoji(cluster) else sum(map(_character, cluster)) for cluster in clusters(text))


def _is_emoji(cluster: str) -> bool:
    if len(cluster) == 1:
        return False
    flag = "\U0001f1e6" <= cluster[0] <= "\U0001f1ff"
    return flag or cluster.endswith("\u20e3") or is_pictographic(cluster[0])


def _character(character: str) -> int:
    code = ord(character)
    return 1 if any(first <= code <= last for first, last in _LIGHT) else 2


_MEASURES: dict[Unit, Callable[[str], int]] = {
    "graphemes": _graphemes,
    "codepoints": len,
    "utf16": _utf16,
    "bytes": _bytes,
    "gsm": gsm.units,
    "weighted": _weighted,
}
