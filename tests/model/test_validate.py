"""Documents are validated in words: where, what, and the mend; never with their values."""

from __future__ import annotations

import msgspec
import pytest

import chanbridge as cb
from chanbridge.model import validate as module
from chanbridge.model.schemas import config_schema
from chanbridge.model.validate import MOST, validate

GOOD = {"parts": [{"kind": "text", "text": "Hi"}]}


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """What one account needs."""

    number: str
    mode: str = ""


def part(**fields: object) -> dict[str, object]:
    return {"parts": [fields]}


def test_a_document_that_fits_has_no_problems():
    assert validate(GOOD, "message") == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "must be an object"),
        ({}, "'parts' is required"),
        ({"parts": []}, "parts: must not be empty"),
        (part(kind="text"), "parts[0]: 'text' is required"),
        (part(kind="text", text=5), "parts[0].text: must be a string"),
        (
            part(kind="textt"),
            "parts[0]: 'fallback_text' is required, since this kind of part is not known (or is it 'text'?)",
        ),
        (part(kind="qqqq"), "parts[0]: 'fallback_text' is required, since this kind of part is not known"),
        (part(text="Hi"), "parts[0]: 'kind' is required"),
        (
            part(kind="media", role="image", media={"mime": "image/png"}),
            "parts[0].media: must have exactly one of url, provider_id, blob and data",
        ),
        (
            part(kind="media", role="image", media={"blob": "b", "mime": "picture"}),
            "parts[0].media.mime: must be as in image/jpeg",
        ),
        (part(kind="location", lat=91, lon=0), "parts[0].lat: must be 90 or less"),
        (part(kind="location", lat=-91, lon=0), "parts[0].lat: must be -90 or more"),
        (
            part(kind="text", text="x", actions=[{"label": "a", "payload": "x" * 2049}]),
            "parts[0].actions[0].payload: must be at most 2048 long",
        ),
        (
            part(kind="carousel", cards=[{"kind": "text", "text": ""}]),
            "parts[0].cards[0].kind: must be 'card'",
        ),
        (GOOD | {"expires_at": "tomorrow"}, "expires_at: must be as in 2026-11-01T12:00:00Z"),
        (GOOD | {"sender": {"address": "ann"}}, "sender.address: must be as in sms:+12025550123"),
        (GOOD | {"sender": "ann"}, "sender: must be an object"),
        (GOOD | {"metadata": {"case": 7}}, "metadata.case: must be a string"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path_and_what_must_hold(document, problem):
    assert problem in validate(document, "message")


def test_every_missing_field_is_told():
    assert len(validate({}, "event")) == 5


def test_an_unknown_key_of_a_configuration_is_told_with_what_was_meant(monkeypatch):
    monkeypatch.setattr(module, "schema", lambda name: config_schema(Config))

    told = validate({"number": "1", "mod": "x", "zzz": 1}, "config/pigeon")

    assert told == ["no key 'mod' here: did you mean 'mode'?", "no key 'zzz' here: known are number, mode"]


def test_no_value_of_the_document_is_quoted():
    document = part(kind="media", role=7, media={"mime": "hunter2", "sha256": "hunter2"}, caption="hunter2")

    told = validate(document | {"expires_at": "hunter2", "category": ["hunter2"]}, "message")

    assert told
    assert "hunter2" not in "".join(told)


def test_only_so_many_problems_are_told():
    told = validate({"parts": [{"kind": "text"}] * 50}, "message")

    assert len(told) == MOST + 1
    assert told[-1] == f"... and {50 - MOST} more"


def test_a_document_nested_too_deeply_is_told():
    media: dict[str, object] = {"blob": "b"}
    for _ in range(5000):
        media = {"blob": "b", "thumbnail": media}

    assert validate(part(kind="media", role="image", media=media), "message") == [
        "the document is nested too deeply"
    ]


def test_a_schema_that_is_not_there_is_an_error():
    with pytest.raises(cb.ValidationError, match="no schema 'massage'"):
        validate({}, "massage")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            part(kind="text", text="Hi", actions=[{"label": "Go", "kind": "url"}]),
            "parts[0].actions[0].url: is required for an action of kind url",
        ),
        (
            part(kind="text", text="Hi", actions=[{"label": "Go", "id": "a"}, {"label": "Stay", "id": "a"}]),
            "parts[0].actions[1].id: 'a' is taken by parts[0].actions[0]: give each its own",
        ),
        (
            part(kind="link", url="javascript:alert(1)"),
            "parts[0].url: must begin with http:, https:, mailto:, tel:, sms:, geo: or an app's own ://",
        ),
    ],
)
def test_a_message_is_held_to_the_rules_that_no_schema_states(document, problem):
    assert validate(document, "message") == [problem]
