"""Reading a vCard: what a contact says who is given as one, for channels that show fields or words."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Iterator

from chanbridge.model.links import runs
from chanbridge.model.parts import ContactCard, Labeled, PostalAddress
from chanbridge.transcode.plan import Loss

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(?:[\w-]+\.)?(?P<name>[A-Za-z-]+)(?P<parameters>(?:;[^:]*)?):(?P<value>.*)")
_QUOTED = re.compile(r";(?:ENCODING=)?QUOTED-PRINTABLE\b", re.IGNORECASE)
_BEGIN = re.compile(r"^(?=[ \t]*BEGIN:VCARD)", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(r";(?:TYPE=)?\"?(?P<type>HOME|WORK|CELL|MAIN|IPHONE)\b", re.IGNORECASE)
_PIECES = re.compile(r"(?<!\\);")
_ESCAPED = re.compile(r"\\(.)")
_READ = ("FN", "N", "TEL", "EMAIL", "URL", "ADR", "ORG", "TITLE", "BDAY")
_LINKS = ("URL", "TEL", "EMAIL", "IMPP", "SOURCE", "FBURL", "CALURI", "CALADRURI", "X-SOCIALPROFILE")
_Field = tuple[str, str]  # what it is for, and its value


def filled(cards: Iterable[ContactCard], path: str) -> tuple[list[ContactCard], list[Loss]]:
    """Fill in what stands in the vCards of contacts only: each vCard is a contact, and fields that the author
    gave stay. Say what of them goes out to nobody."""
    found: list[ContactCard] = []
    losses: list[Loss] = []
    for index, card in enumerate(cards):
        at = f"{path}/contacts/{index}/vcard"
        for one in _each(card):
            safe, unsafe = _without_unsafe_links(one.vcard)
            made = _filled(one.replace(vcard=safe))
            if unsafe:
                reason = "a link that runs or reads something is left out"
                losses.append(Loss(path=at, level="affordance", rule="D16", reason=reason))
            if one.vcard and not made.vcard:
                reason = "nothing in it can be read as a vCard"
                losses.append(Loss(path=at, level="content", rule="D16", reason=reason))
            if made.name or not one.vcard:
                found.append(made)
    return found, losses


def _each(card: ContactCard) -> Iterator[ContactCard]:
    """Give a contact for each vCard in one text; what else the author gave is of the first."""
    start, *others = [piece for piece in _BEGIN.split(card.vcard.lstrip("\ufeff")) if piece.strip()] or [""]
    if others and not _BEGIN.match(start):
        start, others = start + others[0], others[1:]
    yield card.replace(vcard=start)
    for vcard in others:
        yield ContactCard(name="", vcard=vcard)


def _filled(card: ContactCard) -> ContactCard:
    """Fill in the fields of a contact from its vCard; drop that if it says nothing."""
    if not card.vcard:
        return card
    said = _read(card.vcard)
    found = {
        "phones": tuple(Labeled(value=_plain(value), type=type) for type, value in said.get("TEL", ())),
        "emails": tuple(Labeled(value=_plain(value), type=type) for type, value in said.get("EMAIL", ())),
        "urls": tuple(Labeled(value=_plain(value), type=type) for type, value in said.get("URL", ())),
        "addresses": tuple(_address(type, value) for type, value in said.get("ADR", ())),
        "org": _first(said, "ORG"),
        "title": _first(said, "TITLE"),
        "birthday": _first(said, "BDAY"),
    }
    given = card.name.strip()
    name = given or next(filter(None, _names(said)), "")
    says = any(field in said for field in _READ) or ("BEGIN" in said and given)
    vcard = card.vcard if says else ""
    filling = {field: value for field, value in found.items() if not getattr(card, field)}
    return card.replace(name=name, vcard=vcard, **filling)


def _names(said: dict[str, list[_Field]]) -> Iterator[str]:
    """Give what a card may be called by, the best first."""
    yield " ".join(_plain(value) for _, value in said.get("FN", ())[:1])
    for _, value in said.get("N", ())[:1]:
        last, first, *_ = [*map(_plain, _PIECES.split(value)), ""]
        yield f"{first} {last}".strip()
    yield _first(said, "ORG")
    for field in ("EMAIL", "TEL"):
        yield from (_plain(value) for _, value in said.get(field, ()))


def _lines(vcard: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Give the lines of a vCard, unfolded, and how each is read."""
    lines = iter(_FOLD.sub("", vcard).splitlines())
    for line in lines:
        while line.endswith("=") and _QUOTED.search(line.partition(":")[0]):  # how vCard 2.1 breaks it
            line = line[:-1] + next(lines, "")
        yield line, _LINE.fullmatch(line.strip())


def _without_unsafe_links(vcard: str) -> tuple[str, bool]:
    """Leave out the lines whose links no message may have; say whether there were any."""
    lines = list(_lines(vcard))
    kept = [line for line, read in lines if not (read and _is_unsafe(read))]
    return ("\r\n".join(kept), True) if len(kept) < len(lines) else (vcard, False)


def _is_unsafe(read: re.Match[str]) -> bool:
    return read["name"].upper() in _LINKS and runs(_plain(_value(read)))


def _value(read: re.Match[str]) -> str:
    """Give the value of a line, decoded where vCard 2.1 has it quoted."""
    if not _QUOTED.search(read["parameters"]):
        return read["value"].strip()
    return quopri.decodestring(read["value"].encode()).decode("utf-8", "replace").strip()


def _read(vcard: str) -> dict[str, list[_Field]]:
    said: dict[str, list[_Field]] = {}
    for _, read in _lines(vcard):
        if read and _value(read).strip("; "):
            type = _TYPE.search(read["parameters"])
            field = (type["type"].lower() if type else "", _value(read))
            said.setdefault(read["name"].upper(), []).append(field)
    return said


def _first(said: dict[str, list[_Field]], name: str) -> str:
    """Give the first field of a name, its pieces (of an organisation: its units) as words."""
    for _, value in said.get(name, ()):
        return ", ".join(filter(None, map(_plain, _PIECES.split(value))))
    return ""


def _address(type: str, value: str) -> PostalAddress:
    pieces = [*map(_plain, _PIECES.split(value)), *[""] * 7][:7]
    box, extended, street, city, region, postal_code, country = pieces
    return PostalAddress(
        street=", ".join(filter(None, (box, extended, street))),
        city=city,
        region=region,
        postal_code=postal_code,
        country=country,
        type=type,
    )


def _plain(value: str) -> str:
    text = _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value)
    return text.removeprefix("tel:").strip()
