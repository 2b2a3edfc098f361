"""Ids of parts and of what can be chosen, where their author gave none.

An id says where its bearer stands, counted from 0:

- ``p0`` a part, ``p0.c0`` a card of its carousel, ``p0.v0`` a part of its template's preview
- ``p0.a0`` an action of the part, ``p0.tap`` a card's tap, ``p0.o0`` an option of a poll
- ``p0.r0`` a row of a list, counted through its sections
- ``q0`` a quick reply; ``alt0.p0``, ``alt0.q0`` the same in an alternative

Under a part whose author gave it an id, that id takes the place of ``p0``. An id that the author
has used elsewhere gets a ``_`` behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from chanbridge.model.message import Alternative, Message
from chanbridge.model.parts import (
    Action,
    Card,
    Carousel,
    ListItem,
    ListPart,
    Part,
    Poll,
    PollOption,
    Section,
    Template,
)

Choosable = Action | ListItem | PollOption
T = TypeVar("T")
C = TypeVar("C", Action, ListItem, PollOption)


def with_ids(message: Message) -> Message:
    """Return the message with every part and every option named. Naming twice changes nothing."""
    return _Naming(message).message(message)


class Form(NamedTuple):
    """What is shown together, so that its ids must differ; each with its path."""

    parts: list[tuple[str, Part]]
    choices: list[tuple[str, Choosable]]


def forms_of(message: Message) -> Iterator[Form]:
    """Give the forms of a message: its parts, each of its alternatives, each template's preview."""
    yield from _forms("", message.parts, message.quick_replies)
    for index, alternative in enumerate(message.alternatives):
        yield from _forms(f"alternatives[{index}].", alternative.parts, alternative.quick_replies)


def _forms(path: str, parts: Iterable[Part], quick_replies: Iterable[Action]) -> Iterator[Form]:
    shown = list(_walk(f"{path}parts", parts))
    choices = [(f"{at}.{below}", choice) for at, part in shown for below, choice in _choices(part)]
    yield Form(shown, [*choices, *_numbered(f"{path}quick_replies", quick_replies)])
    for at, part in shown:
        if isinstance(part, Template) and part.preview:
            inner = list(_walk(f"{at}.preview", part.preview))
            yield Form(inner, [(f"{to}.{below}", choice) for to, p in inner for below, choice in _choices(p)])


def _walk(path: str, parts: Iterable[Part]) -> Iterator[tuple[str, Part]]:
    for at, part in _numbered(path, parts):
        yield at, part
        if isinstance(part, Carousel):
            yield from _walk(f"{at}.cards", part.cards)


def _choices(part: Part) -> Iterator[tuple[str, Choosable]]:
    yield from _numbered("actions", part.actions)
    match part:
        case ListPart(sections=sections):
            for index, section in enumerate(sections):
                yield from _numbered(f"sections[{index}].items", section.items)
        case Poll(options=options):
            yield from _numbered("options", options)
        case Card(tap=Action() as tap):
            yield "tap", tap


def _numbered(path: str, items: Iterable[T]) -> Iterator[tuple[str, T]]:
    return ((f"{path}[{index}]", item) for index, item in enumerate(items))


class _Naming:
    """Gives names that the author of a message has not used."""

    def __init__(self, message: Message) -> None:
        forms = list(forms_of(message))
        self._parts = {part.id for form in forms for _, part in form.parts}
        self._choices = {choice.id for form in forms for _, choice in form.choices}

    def message(self, message: Message) -> Message:
        return msgspec.structs.replace(
            message,
            parts=self._all_parts(message.parts, "p"),
            quick_replies=self._all(message.quick_replies, "q"),
            alternatives=tuple(self._alternative(a, f"alt{n}.") for n, a in enumerate(message.alternatives)),
        )

    def _alternative(self, alternative: Alternative, prefix: str) -> Alternative:
        return msgspec.structs.replace(
            alternative,
            parts=self._all_parts(alternative.parts, f"{prefix}p"),
            quick_replies=self._all(alternative.quick_replies, f"{prefix}q"),
        )

    def _all_parts(self, parts: Iterable[Part], prefix: str) -> tuple[Part, ...]:
        return tuple(self._part(part, f"{prefix}{index}") for index, part in enumerate(parts))

    def _part(self, part: Part, position: str) -> Part:
        id = part.id or _free(position, self._parts)
        named = msgspec.structs.replace(part, id=id, actions=self._all(part.actions, f"{id}.a"))
        match named:
            case ListPart(sections=sections):
                return msgspec.structs.replace(named, sections=tuple(self._sections(sections, f"{id}.r")))
            case Poll(options=options):
                return msgspec.structs.replace(named, options=self._all(options, f"{id}.o"))
            case Card(tap=Action() as tap):
                return msgspec.structs.replace(named, tap=self._choice(tap, f"{id}.tap"))
            case Carousel(cards=cards):
                return msgspec.structs.replace(named, cards=self._all_parts(cards, f"{id}.c"))
            case Template(preview=preview):
                return msgspec.structs.replace(named, preview=self._all_parts(preview, f"{id}.v"))
            case _:
                return named

    def _sections(self, sections: Iterable[Section], prefix: str) -> Iterator[Section]:
        rows = 0
        for section in sections:
            yield msgspec.structs.replace(section, items=self._all(section.items, prefix, rows))
            rows += len(section.items)

    def _all(self, choices: Iterable[C], prefix: str, start: int = 0) -> tuple[C, ...]:
        return tuple(self._choice(choice, f"{prefix}{index}") for index, choice in enumerate(choices, start))

    def _choice(self, choice: C, position: str) -> C:
        if choice.id:
            return choice
        return msgspec.structs.replace(choice, id=_free(position, self._choices))


def _free(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    used.add(name)
    return name
