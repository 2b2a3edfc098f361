"""Whether a message is one: checked once, where it enters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chanbridge.model import structure
from chanbridge.model.errors import ValidationError
from chanbridge.model.message import Message
from chanbridge.model.naming import forms_of
from chanbridge.model.naming import with_ids as with_ids
from chanbridge.model.structure import Problem


def check(message: Message) -> None:
    """Raise `ValidationError` for the first thing that is wrong with a message."""
    for problem in _problems(message):
        raise ValidationError(problem.path, problem.rule)


def problems(message: Message) -> list[ValidationError]:
    """Give everything that is wrong with a message."""
    return [ValidationError(problem.path, problem.rule) for problem in _problems(message)]


def _problems(message: Message) -> Iterator[Problem]:
    wrong = False
    for problem in structure.problems(message):
        wrong = True
        yield problem
    if not wrong:
        for form in forms_of(message):
            yield from _repeated((path, part.id) for path, part in form.parts)
            yield from _repeated((path, choice.id) for path, choice in form.choices)


def _repeated(ids: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for path, id in ids:
        if id and first.setdefault(id, path) != path:
            yield Problem(f"{path}.id", f"'{id}' is taken by {first[id]}: give each its own")
