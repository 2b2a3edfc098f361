"""Reading a vCard: what a contact says who is given as one, for channels that show fields or words."""

from __future__ import annotations

import re

from chanbridge.model.parts import ContactCard, Labeled, PostalAddress

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(?:[\w-]+\.)?(?P<name>[A-Za-z]+)(?P<parameters>(?:;[^:]*)?):(?P<value>.*)")
_TYPE = re.compile(r";(?:TYPE=)?\"?(?P<type>HOME|WORK|CELL|MAIN|IPHONE)\b", re.IGNORECASE)
_PIECES = re.compile(r"(?<!\\);")
_ESCAPED = re.compile(r"\\(.)")
_Field = tuple[str, str]  # what it is for, and its value


def filled(card: ContactCard) -> ContactCard:
    """Fill in what stands in a contact's vCard only; fields that the author gave stay."""
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
    return card.replace(**{name: value for name, value in found.items() if not getattr(card, name)})


def _read(vcard: str) -> dict[str, list[_Field]]:
    said: dict[str, list[_Field]] = {}
    for line in _FOLD.sub("", vcard).splitlines():
        read = _LINE.fullmatch(line.strip())
        if read and read["value"].strip("; "):
            type = _TYPE.search(read["parameters"])
            field = (type["type"].lower() if type else "", read["value"].strip())
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
