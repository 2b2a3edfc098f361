"""Requests and responses, as plugins see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.http import decode_json, with_whole_characters

TOKENS = st.from_regex("[A-Za-z][A-Za-z0-9-]*", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","))


class Disc(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    size: int = 0


class Square(msgspec.Struct, tag=True):
    size: int = 0


class Answer(msgspec.Struct):
    id: str
    count: int = 0
    state: Literal["new", "old"] = "new"
    shape: Disc | Square | None = None


# Headers


@given(TOKENS, VALUES, st.sampled_from([str.upper, str.lower, str.title]))
def test_a_header_is_found_by_its_name_in_any_case(
    name: str, value: str, spell: Callable[[str], str]
) -> None:
    assert cb.Headers({name: value})[spell(name)] == value


def test_repeated_headers_are_joined() -> None:
    headers = cb.Headers([("Via", "a"), ("X-Id", "1"), ("via", "b")])

    assert dict(headers) == {"via": "a, b", "x-id": "1"}
    assert len(headers) == 2


def test_headers_never_show_their_values() -> None:
    assert repr(cb.Headers({"Authorization": "Bearer hunter2"})) == "Headers(authorization)"


# Requests


def test_a_get_has_its_parameters_in_its_query_and_may_be_repeated() -> None:
    request = cb.HttpRequest.get("https://api.example.com/v1/messages", limit=5, after=None, q="a&b ü")

    assert request.query == {"limit": "5", "q": "a&b ü"}
    assert (request.host, request.path) == ("api.example.com", "/v1/messages")
    assert request.repeatable


def test_a_post_is_not_repeatable_unless_it_says_so() -> None:
    assert not cb.HttpRequest.post_json("https://example.com", {}).repeatable
    assert cb.HttpRequest.post_json("https://example.com", {}, idempotent=True).repeatable
    assert not cb.HttpRequest.post_form("https://example.com", {}).repeatable


def test_an_upload_is_repeatable() -> None:
    request = cb.HttpRequest.post_multipart("https://example.com", cb.Field(name="type", value="image/png"))

    assert request.repeatable
    assert request.content == b""


def test_json_goes_out_and_comes_in() -> None:
    request = cb.HttpRequest.post_json("https://example.com", {"id": "ü", "count": 2})

    assert request.headers["Content-Type"] == "application/json"
    assert request.json() == {"id": "ü", "count": 2}
    assert request.json(Answer) == Answer(id="ü", count=2)


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=5))
def test_form_fields_survive_in_order_blank_and_repeated_ones_too(fields: list[tuple[str, str]]) -> None:
    assert cb.HttpRequest.post_form("https://example.com", fields).form() == fields


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 2001)])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(cb.PayloadError, match="no UTF-8 form"):
        cb.HttpRequest(method="POST", url="https://example.com", body=body).form()


def test_copies_are_changed_and_the_original_is_not() -> None:
    request = cb.HttpRequest.get("https://example.com/a", x=1)

    changed = request.with_headers(x_api_key="k").with_query(y="2 3").download()

    assert changed.headers["X-Api-Key"] == "k"
    assert changed.url == "https://example.com/a?x=1&y=2+3"
    assert changed.stream
    assert (dict(request.headers), request.stream) == ({}, False)


def test_a_query_is_begun_where_there_is_none() -> None:
    request = cb.HttpRequest(method="POST", url="https://example.com/a")

    assert request.with_query(y="2").url == "https://example.com/a?y=2"


# Responses


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_a_response_is_fine_in_the_two_hundreds(status: int, ok: bool) -> None:
    assert cb.HttpResponse(status=status).ok == ok


def test_an_answer_of_text_says_what_it_is() -> None:
    response = cb.HttpResponse.text("ü", status=202)

    assert (response.status, response.body) == (202, "ü".encode())
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_default_stands_in_for_json_that_does_not_fit() -> None:
    assert cb.HttpResponse(body=b"<html>").json_or(Answer(id="none")) == Answer(id="none")
    assert cb.HttpResponse.of_json({"id": "1"}).json_or(Answer(id="none")) == Answer(id="1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 5, "token": "hunter2"}',
        b'{"id": "hunter2", "count": "hunter2"}',
        b'{"count": 1, "hunter2": 1}',
        b'{"id": "1", "state": "hunter2"}',
        b'{"id": "1", "state": "it\'s o\'hunter2"}',
        b'{"id": "1", "state": "\\" - at `hunter2"}',
        b'{"id": "1", "shape": {"type": "it\'s o\'hunter2"}}',
        b'{"id": "1", "shape": {"type": "Disc", "hunter2": 1}}',
        b"hunter2",
        b'{"id": "hunter2',
        b'"hunter2"',
        b'{"id": "\xff hunter2"}',
        b"[" * 100_000,
        b"",
    ],
)
def test_an_error_of_json_never_quotes_a_value(body: bytes) -> None:
    with pytest.raises(cb.PayloadError, match="unexpected JSON") as raised:
        decode_json(body, Answer)

    assert "hunter2" not in str(raised.value)
    assert len(str(raised.value)) < 250


def test_an_error_of_json_says_where() -> None:
    with pytest.raises(cb.PayloadError) as raised:
        decode_json(b'{"id": 5}', Answer)

    assert str(raised.value) == "unexpected JSON: Expected `str`, got `int` - at `$.id`"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"\uDE00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\n", "\ufffd\n"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
def test_half_a_surrogate_pair_in_json_is_read_as_a_replacement_character(written: bytes, read: str) -> None:
    assert decode_json(b'{"id": "%s"}' % written, Answer) == Answer(id=read)


@given(st.text())
def test_json_of_whole_characters_is_not_touched(text: str) -> None:
    body = json.dumps(text.encode("utf-8", "replace").decode()).encode()

    assert with_whole_characters(body) == body


def test_a_stand_in_answers_any_type() -> None:
    assert cb.HttpResponse(placeholder=True).json(Answer) == Answer(id="<id>")


# same()


@given(st.text(), st.text())
def test_same_is_equality(one: str, other: str) -> None:
    assert cb.same(one, one)
    assert cb.same(one, other) == (one == other)


@pytest.mark.parametrize("given", ["sig\udcff", "\ud800", "sïg", "", "sig\x00"])
def test_same_takes_whatever_was_sent(given: str) -> None:
    assert not cb.same(given, "sig")
