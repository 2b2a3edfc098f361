"""Stand-ins for a provider's answer."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import msgspec

from chanbridge.placeholder import placeholder


class Inner(msgspec.Struct):
    id: str


class Answer(msgspec.Struct, rename={"sender": "from"}):
    sender: str
    count: int
    share: float
    done: bool
    body: bytes
    at: dt.datetime
    state: Literal["new", "old"]
    inner: Inner
    items: list[Inner]
    pair: tuple[Inner, ...]
    table: dict[str, int]
    anything: Any
    maybe: str | None
    either: int | str
    spare: str = "kept"


def test_every_type_has_a_stand_in_and_defaults_stay():
    answer = placeholder(Answer)

    assert answer == Answer(
        sender="<from>",
        count=0,
        share=0.0,
        done=False,
        body=b"",
        at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        state="new",
        inner=Inner(id="<id>"),
        items=[Inner(id="<id>")],
        pair=(Inner(id="<id>"),),
        table={},
        anything={},
        maybe=None,
        either=0,
    )


def test_a_stand_in_fits_its_type():
    assert msgspec.convert(msgspec.to_builtins(placeholder(Answer)), Answer) == placeholder(Answer)


def test_without_a_type_it_is_an_empty_object():
    assert placeholder() == {}
