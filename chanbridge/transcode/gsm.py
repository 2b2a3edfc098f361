"""SMS text: the GSM 03.38 alphabet, how many parts a text takes, and look-alikes that keep it small."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Literal, NamedTuple

BASIC = (
    "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5"
    "\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e\x1b\u00c6\u00e6\u00df\u00c9"
    " !\"#\u00a4%&'()*+,-./0123456789:;<=>?"
    "\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7"
    "\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0"
)
"""The default alphabet: a character's index is its septet; 1B escapes to the extension."""
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]",
    0x40: "|", 0x65: "\u20ac",
}  # fmt: skip
"""Each costs two septets: the escape, then this."""

_SINGLE = frozenset(BASIC) - {"\x1b"}
_DOUBLE = frozenset(EXTENSION.values())
ALPHABET = _SINGLE | _DOUBLE
Encoding = Literal["gsm7", "ucs2"]
SINGLE_MAX: dict[Encoding, int] = {"gsm7": 160, "ucs2": 70}
PART_MAX: dict[Encoding, int] = {"gsm7": 153, "ucs2": 67}
_NARROW: dict[Encoding, int] = {"gsm7": 152, "ucs2": 66}  # with a 16-bit reference

_LOOK_ALIKES = {
    "": "0000 0003 0004 0010 0011 0012 0013 0014 0017 0019 200B 2060 FEFF 00AD 200C 200E 200F",
    " ": "0009 0080 008D 0090 009B 009F 00A0 2000 2001 2002 2003 2004 2005 2006 2007 2008 2009 "
    "200A 2028 2029 202F 205F 3000",
    "!": "01C3 FE15 FE57",
    "!!": "203C",
    '"': "00AB 00BB 02BA 02EE 201C 201D 201E 201F 275D 275E 301D 301E 2033",
    "#": "FE5F",
    "$": "FE69",
    "%": "FE6A",
    "&": "FE60",
    "'": "0060 00B4 02B9 02BB 02BC 02BD 02C8 02CA 02CB 0313 0314 2018 2019 201B 275B 275C FE10 FE11 2032",
    "(": "2768 276A 27EE 2985 FE59",
    ")": "2769 276B 27EF 2986 FE5A",
    "*": "204E 2217 229B 2722 2723 2724 2725 2731 2732 2733 273A 273B 273C 273D 2743 2749 274A "
    "274B 29C6 FE61",
    "+": "02D6 FE62",
    ",": "0326 201A 3001 FE50 FE51 FF64",
    "-": "2010 2013 2014 2015 2022 2043 23BC 23BD FE63 2011 2012 2212 2219 25CF",
    ".": "3002 FE52 FF61 00B7",
    "...": "2026",
    "/": "00F7 0337 0338 2044 2215 29F8",
    "1/2": "00BD",
    "1/4": "00BC",
    "3/4": "00BE",
    ":": "02D0 02F8 2982 A789 FE13",
    ";": "204F FE14 FE54",
    "<": "2039 FE64",
    "=": "0347 A78A FE66",
    ">": "203A FE65",
    "?": "FE16 FE56",
    "@": "FE6B",
    "A": "1D00",
    "B": "0299",
    "C": "1D04",
    "D": "1D05",
    "E": "1D07",
    "F": "A730",
    "G": "0262",
    "H": "029C",
    "I": "026A",
    "J": "1D0A",
    "K": "1D0B",
    "L": "029F",
    "M": "1D0D",
    "N": "0274",
    "O": "1D0F",
    "P": "1D18",
    "R": "0280",
    "S": "A731",
    "T": "1D1B",
    "U": "1D1C",
    "V": "1D20",
    "W": "1D21",
    "Y": "028F",
    "Z": "1D22",
    "\\": "20E5 29F5 29F9 FE68",
    "^": "02C6 0302 1DCD",
    "_": "0332 2017",
    "{": "2774 FE5B",
    "|": "20D2 20D3 2223 239C 239F 23B8 23B9 23D0",
    "}": "2775 FE5C",
    "~": "02DC 02F7 0303 0330 0334 223C",
    "TM": "2122",
    "(c)": "00A9",
    "(R)": "00AE",
}


class Segmentation(NamedTuple):
    """How a text travels: its encoding, its units (septets or UTF-16 units), and those of each part."""

    encoding: Encoding
    units: int
    parts: tuple[int, ...]


def is_gsm(text: str) -> bool:
    """Say whether the alphabet has every character of a text."""
    return ALPHABET.issuperset(text)


def units(text: str) -> int:
    """Count septets, or UTF-16 units if the text needs UCS-2."""
    if ALPHABET.issuperset(text):
        return len(text) + sum(text.count(character) for character in _DOUBLE)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segments(text: str, *, wide_reference: bool = False) -> Segmentation:
    """Cut a text as a network does; ``wide_reference``: parts with a 16-bit reference number."""
    encoding: Encoding = "gsm7" if is_gsm(text) else "ucs2"
    total = units(text)
    if total <= SINGLE_MAX[encoding]:
        return Segmentation(encoding, total, (total,))
    room = (_NARROW if wide_reference else PART_MAX)[encoding]
    parts: list[int] = []
    used = 0
    for character in text:
        cost = _cost(character, encoding)
        if used + cost > room:
            parts.append(used)
            used = 0
        used += cost
    return Segmentation(encoding, total, (*parts, used))


def _cost(character: str, encoding: Encoding) -> int:
    if encoding == "gsm7":
        return 2 if character in _DOUBLE else 1
    return 2 if ord(character) > 0xFFFF else 1


def smart(text: str, *, accents: bool = False) -> str:
    """Write a text in the GSM alphabet by look-alikes, if that is possible for all of it; else as it is.

    ``accents`` takes letters without their accents, too, which changes what is written.
    """
    if is_gsm(text):
        return text
    table = _table()
    written = "".join(
        character if character in ALPHABET else table.get(character, character)
        for character in unicodedata.normalize("NFC", text)
    )
    if accents:
        written = "".join(character if character in ALPHABET else _bare(character) for character in written)
    return written if is_gsm(written) else text


def _bare(character: str) -> str:
    letters = "".join(c for c in unicodedata.normalize("NFD", character) if not unicodedata.combining(c))
    return letters if letters in ALPHABET else character


@cache
def _table() -> dict[str, str]:
    full_width = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    look_alikes = {
        chr(int(code, 16)): written for written, codes in _LOOK_ALIKES.items() for code in codes.split()
    }
    return {**full_width, **look_alikes}


def encode(text: str) -> bytes:
    """Write a text as unpacked septets, one an octet; raise `ValueError` if it needs UCS-2."""
    septets = {character: bytes([code]) for code, character in enumerate(BASIC) if character != "\x1b"}
    septets |= {character: bytes([0x1B, code]) for code, character in EXTENSION.items()}
    try:
        return b"".join(septets[character] for character in text)
    except KeyError as error:
        raise ValueError("the text has characters outside the GSM alphabet") from error


def decode(septets: bytes) -> str:
    """Read unpacked septets; an unknown extension is shown as the character of the basic table."""
    out: list[str] = []
    escaped = False
    for septet in septets:
        if septet == 0x1B and not escaped:
            escaped = True
            continue
        basic = BASIC[septet & 0x7F]
        out.append(EXTENSION.get(septet, basic) if escaped else basic)
        escaped = False
    return "".join(out)


def pack(septets: bytes) -> bytes:
    """Pack septets into octets; seven spare bits are filled with CR, so that no ``@`` appears."""
    if len(septets) % 8 == 7:
        septets += b"\r"
    bits = sum(septet << 7 * place for place, septet in enumerate(septets))
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")
