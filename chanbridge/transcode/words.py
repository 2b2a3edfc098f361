"""How typed answers are compared: by normal form, never by likeness."""

from __future__ import annotations

import re
import unicodedata

_EDGES = ".,;:!?¡¿。！？…،؟।\"'“”‘’«»()[]*_~-–— \t\r\n"
_MARKER = re.compile(r"\(?\s*([0-9]{1,4}|[a-z]{1,3})\s*[).:]?")


def label_key(text: str) -> str:
    """Give the form in which labels are compared: NFKC, case folded, no punctuation at the edges."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    folded = " ".join(folded.split())
    return folded.strip(_EDGES) or folded


def marker_key(text: str) -> str:
    """Give the marker that a text consists of (``2``, ``2.``, ``(2)``, ``２)``), or ""."""
    found = _MARKER.fullmatch(_digits(unicodedata.normalize("NFKC", text.strip()).casefold()))
    if not found:
        return ""
    marker = found.group(1)
    return (marker.lstrip("0") or "0") if marker.isdigit() else marker


def _digits(text: str) -> str:
    """Write the digits of any script in ASCII."""
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
