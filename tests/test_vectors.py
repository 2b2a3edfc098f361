"""Golden vectors: recorded requests are read as they are, and a difference is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import chanbridge as cb
from chanbridge.testing import vectors

ADA = "parrot:ada"


class Parrot(cb.Channel[Any]):
    """Says what was posted."""

    name = "parrot"
    Config = msgspec.Struct

    def verify(self, request: cb.HttpRequest) -> None:
        return None

    def parse(self, request: cb.HttpRequest) -> Iterator[cb.Found]:
        raw = cb.Raw.of(request.content) if request.content else None
        text = request.content.decode()
        return iter([cb.MessageReceived.text(text, sender=cb.Contact(address=ADA), raw=raw)])


@pytest.fixture
def parrot() -> Parrot:
    return Parrot(cb.Account("parrot", msgspec.Struct()))


def recorded(folder: Path, body: bytes = b"hello") -> Path:
    file = folder / "hello.http"
    file.write_bytes(
        b"POST /in/parrot?a=1 HTTP/1.1\r\nHost: hooks.example.com\r\nX-Twice: a\r\nx-twice: b\r\n\r\n" + body
    )
    return file


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_request_is_read_to_the_last_byte(newline):
    head = newline.join([b"POST /in/a?x=1 HTTP/1.1", b"Host: hooks.example.com", b"X-Sign:  abc", b""])

    request = vectors.parse_request(head + newline + b"one\r\n\r\ntwo\n")

    assert (request.method, request.url) == ("POST", "https://hooks.example.com/in/a?x=1")
    assert request.headers["x-sign"] == "abc"
    assert request.body == b"one\r\n\r\ntwo\n"


def test_a_request_may_have_no_body_and_no_host():
    request = vectors.parse_request(b"GET /in/a HTTP/1.1\n")

    assert (request.url, request.body) == ("https://hooks.example.com/in/a", b"")


@pytest.mark.parametrize("text", [b"", b"hello", b"\n\nbody"])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(ValueError, match="no request line"):
        vectors.parse_request(text)


def test_a_folder_without_vectors_is_a_mistake(tmp_path):
    with pytest.raises(FileNotFoundError):
        vectors.vectors(tmp_path)


def test_an_expectation_is_written_only_on_request(tmp_path, parrot, monkeypatch):
    file = recorded(tmp_path)

    with pytest.raises(FileNotFoundError):
        vectors.check(parrot, file)
    monkeypatch.setenv(vectors.WRITE, "1")
    vectors.check(parrot, file)
    monkeypatch.delenv(vectors.WRITE)
    vectors.check(parrot, file)

    [event] = json.loads(file.with_suffix(".json").read_text())
    assert event["type"] == "chanbridge.message.received"
    assert event["data"]["message"]["parts"] == [{"kind": "text", "text": "hello"}]
    assert "raw" not in event["data"]


def test_a_difference_is_named_by_its_path(tmp_path, parrot, monkeypatch):
    file = recorded(tmp_path)
    monkeypatch.setenv(vectors.WRITE, "1")
    vectors.check(parrot, file)
    monkeypatch.delenv(vectors.WRITE)
    recorded(tmp_path, b"changed")

    with pytest.raises(AssertionError, match=r"data\.message\.parts\[0\]\.text: 'hello' became 'changed'"):
        vectors.check(parrot, file)


def test_another_number_of_events_is_a_difference(tmp_path, parrot):
    file = recorded(tmp_path)
    file.with_suffix(".json").write_text("[]")

    with pytest.raises(AssertionError, match="expected 0 events, found 1"):
        vectors.check(parrot, file)


def test_an_event_without_its_raw_payload_fails(tmp_path, parrot):
    with pytest.raises(AssertionError, match="without their raw payload"):
        vectors.check(parrot, recorded(tmp_path, b""))
