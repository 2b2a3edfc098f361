"""How sound a request is, and in what words."""

from __future__ import annotations

import msgspec

import chanbridge as cb
from chanbridge.channel import each
from chanbridge.intake import judge
from chanbridge.store.dedupe import dedupe_key


class Wanted(msgspec.Struct):
    sender: str = ""
    people: list[dict[str, int]] = []


def failures(*items: bytes, path: str = "[]") -> list[str]:
    read = msgspec.json.Decoder(Wanted)
    events = each(map(msgspec.Raw, items), read.decode, path=path)  # type: ignore[arg-type]
    return [event.error for event in events if isinstance(event, cb.ProviderEvent)]


def test_the_error_of_an_item_says_its_index_its_path_and_the_rule():
    said = failures(b'{"sender": 5}', b'{"people": [{}, {"hunter2": "hunter2"}]}', path="messages[]")

    assert said == [
        "ValidationError: Expected `str`, got `int` at messages[0].sender",
        "ValidationError: Expected `int`, got `str` at messages[1].people[1][...]",
    ]


def test_an_item_that_is_alone_has_no_index():
    assert failures(b'{"sender": 5}', path="") == ["ValidationError: Expected `str`, got `int` at sender"]


def test_a_reason_names_the_first_problems_and_counts_the_others():
    events = [cb.ProviderEvent(provider_type="malformed", error=f"KeyError at [{n}]") for n in range(9)]

    state, reason = judge(events, 0, "")

    assert state == "quarantined"
    assert reason.endswith("KeyError at [3]; KeyError at [4]; and 4 more")


def test_one_malformed_item_is_the_same_wherever_it_stands():
    raw = cb.Raw.of(b'{"sender": 5}')
    first, again = (
        cb.ProviderEvent(provider_type="malformed", error=f"KeyError at [{n}]", raw=raw) for n in range(2)
    )
    other = cb.ProviderEvent(
        provider_type="malformed", error="KeyError at [0]", raw=cb.Raw.of(b'{"sender": 6}')
    )

    assert dedupe_key(first) == dedupe_key(again) != dedupe_key(other)
