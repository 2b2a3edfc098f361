"""The names of a template's slots: ``body.1``, ``header``, ``button.0``, ``card.0.body.first_name``."""

from __future__ import annotations

import re
from typing import NamedTuple

import chanbridge as cb

NAME = re.compile(r"[a-z_]{1,20}")
COMPONENTS = ("header", "body", "button", "limited_time_offer")


class Slot(NamedTuple):
    """Where a value goes: the component, which of its parameters or buttons, on which card."""

    component: str
    key: str = ""
    card: int | None = None

    @property
    def position(self) -> int | None:
        return int(self.key) if self.key.isdigit() else None


def parse(name: str) -> Slot:
    """Read a slot's name; raise `ValidationError` with what it may be."""
    pieces = name.split(".")
    card = None
    if pieces[0] == "card" and len(pieces) > 2 and pieces[1].isdecimal():
        card, pieces = int(pieces[1]), pieces[2:]
    component, key = pieces[0], ".".join(pieces[1:])
    if component not in COMPONENTS or not _fits(component, key):
        raise cb.ValidationError(
            "", "no such slot: use body.1, body.NAME, header, header.1, button.0, limited_time_offer, "
            "or one of these after card.0."
        )  # fmt: skip
    return Slot(component, key, card)


def _fits(component: str, key: str) -> bool:
    if component == "button":
        return key.isdecimal() and key.isascii()
    if component == "limited_time_offer":
        return not key
    if key.isdecimal() and key.isascii():
        return int(key) > 0
    return bool(NAME.fullmatch(key)) or (component == "header" and not key)
