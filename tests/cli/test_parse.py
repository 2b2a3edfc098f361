"""``chanbridge parse``: from a recorded webhook to events."""

from __future__ import annotations

import msgspec
import pytest

import chanbridge as cb
from chanbridge.cli.webhook import read_request
from chanbridge.model.validate import validate
from tests.cli.conftest import SECRET, Pigeon, signature

CALL = b'[{"id": "m-1-TEST", "from": "+12025550123", "to": "+12025550100", "text": "Hello"}]'
OTHERS = b'[{"id": "m-2-TEST", "from": "+12025550123", "to": "+12025550199", "text": "Hi"}]'
SET = ["--set", "number=+12025550100", "--set", f"webhook_secret={SECRET}", "--set", "api_key=k"]


def recorded(body: bytes, **fields: object) -> bytes:
    headers = {"X-Pigeon-Signature": signature(body)}
    return msgspec.json.encode({"method": "POST", "headers": headers, "body": body.decode(), **fields})


def test_a_body_alone_becomes_events_where_nothing_is_verified(cli):
    ran = cli("parse", "pigeon", "--no-verify", stdin=CALL)

    [event] = ran.json
    assert (ran.code, ran.err) == (0, "")
    assert event["type"] == "chanbridge.message.received"
    assert event["source"] == "/accounts/pigeon"
    assert event["subject"] == "pigeon/+12025550123"
    assert event["providerid"] == "m-1-TEST"
    assert event["data"]["message"]["parts"] == [{"kind": "text", "text": "Hello"}]
    assert validate(event, "event") == []


def test_a_file_is_read_as_standard_input_is(cli, tmp_path):
    (tmp_path / "body").write_bytes(CALL)

    assert cli("parse", "pigeon", "body", "--no-verify").json[0]["providerid"] == "m-1-TEST"


def test_a_signed_request_is_verified_with_the_settings_given(cli):
    ran = cli("parse", "pigeon", *SET, stdin=recorded(CALL))

    assert (ran.code, len(ran.json)) == (0, 1)


def test_a_line_that_listen_recorded_is_read_as_the_request_it_holds(cli):
    line = recorded(CALL, account="loft", at="2026-11-20T09:30:00Z")

    ran = cli("parse", "pigeon", *SET, stdin=line)

    assert (ran.code, ran.json[0]["type"]) == (0, "chanbridge.message.received")


def test_a_signed_request_is_verified_with_an_account_of_the_configuration(configured):
    ran = configured("parse", "pigeon", "--account", "loft", stdin=recorded(CALL))

    assert (ran.code, ran.json[0]["source"]) == (0, "/accounts/loft")


def test_a_forged_request_is_refused_in_one_clear_line(cli):
    ran = cli("parse", "pigeon", *SET, stdin=recorded(CALL, headers={"X-Pigeon-Signature": "0"}))

    said = (
        "chanbridge: not verified: X-Pigeon-Signature does not match the body; --no-verify skips this check\n"
    )
    assert (ran.code, ran.out, ran.err) == (1, "", said)


def test_a_secret_that_was_not_given_is_named_when_verifying_fails(cli):
    ran = cli("parse", "pigeon", "--set", "number=+12025550100", stdin=CALL)

    assert ran.code == 1
    assert "(not set: api_key, webhook_secret)" in ran.err


def test_an_event_of_another_account_is_shown_only_where_nothing_is_verified(cli):
    verified = cli("parse", "pigeon", *SET, stdin=recorded(OTHERS))
    unverified = cli("parse", "pigeon", *SET, "--no-verify", stdin=OTHERS)

    assert (verified.code, verified.out) == (0, "")
    said = "1 not shown, for accounts of another id: +12025550199 (1); --no-verify shows them\n"
    assert verified.err == said
    assert [event["data"]["account_id"] for event in unverified.json] == ["+12025550199"]


def test_an_item_that_is_not_understood_is_an_event_and_exit_code_1(cli):
    ran = cli("parse", "pigeon", "--no-verify", stdin=b'[{"odd": 1}, {"id": "1", "from": "+1", "text": "x"}]')

    assert ran.code == 1
    assert [event["type"] for event in ran.json] == [
        "chanbridge.provider.event",
        "chanbridge.message.received",
    ]
    assert ran.err == "chanbridge parse: not all of it is understood: PayloadError: no text at [0]\n"


def test_a_body_that_is_not_understood_at_all_says_so(cli):
    ran = cli("parse", "pigeon", "--no-verify", stdin=b"%&!")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("chanbridge parse: not all of it is understood: PayloadError")


def test_a_wake_is_a_line_too(cli):
    ran = cli("parse", "pigeon", "--no-verify", stdin=b'[{"ring": 1}]')

    assert ran.json == [{"type": "chanbridge.wake", "data": {"key": "ring"}}]


def test_a_handshake_gives_no_events(cli):
    ran = cli("parse", "pigeon", *SET, stdin=b'{"method": "GET", "query": {"hub": "1"}, "body": ""}')

    assert (ran.code, ran.out, ran.err) == (0, "", "a subscription handshake, answered with 200: no events\n")


def test_a_handshake_that_is_not_verified_is_told_as_one(cli, monkeypatch):
    refused = cb.HttpResponse.text("the verify token is another one", status=403)
    monkeypatch.setattr(Pigeon, "challenge", lambda self, request: refused)

    ran = cli("parse", "pigeon", "--no-verify", stdin=b'{"method": "GET", "query": {"hub": "1"}, "body": ""}')

    said = "a subscription handshake, its token was not checked: no events\n"
    assert (ran.code, ran.out, ran.err) == (0, "", said)


URL = "https://hooks.example.com/channels/in/loft"


@pytest.mark.parametrize(
    ("document", "url"),
    [
        ({"body": "x"}, URL),
        ({"body": "x", "path": "/channels/in/loft"}, URL),
        ({"body": "x", "path": "/in/loft/below?a=b"}, f"{URL}/below?a=b"),
        ({"body": "x", "query": {"a": ["1", "2"], "b": "c d"}}, f"{URL}?a=1&a=2&b=c+d"),
        ({"body": "x", "query": "a=1"}, f"{URL}?a=1"),
        ({"body": "x", "url": "https://other.example.com/y"}, "https://other.example.com/y"),
        ({"body": "x", "path": "https://other.example.com/y?z"}, "https://other.example.com/y?z"),
        ({"body": "x", "headers": {"Host": "evil.example.com"}}, URL),
    ],
)
def test_the_url_of_a_recorded_request_is_the_one_that_the_provider_knows(document, url):
    request = read_request(msgspec.json.encode(document), URL)

    assert (request.method, request.url, request.content) == ("POST", url, b"x")


def test_without_a_public_url_the_host_header_counts():
    request = read_request(
        b'{"body": "x", "headers": {"Host": "me.example.com"}}', "https://localhost/in/loft"
    )

    assert request.url == "https://me.example.com/in/loft"


@pytest.mark.parametrize(
    "body", [b'{"body": "x", "from": "y"}', b'{"object": "page"}', b"a=b&body=c", b'["body"]', b"\xff\xfe"]
)
def test_a_providers_own_body_is_not_taken_for_a_recorded_request(body):
    assert read_request(body, URL).content == body


def test_a_body_that_is_an_object_is_sent_as_json():
    request = read_request(b'{"method": "put", "headers": [["A", "1"], ["A", "2"]], "body": {"x": 1}}', URL)

    assert (request.method, request.content, request.headers["a"]) == ("PUT", b'{"x":1}', "1, 2")
    assert request.headers["content-type"] == "application/json"


def test_a_body_that_is_no_text_is_recorded_as_base64():
    assert read_request(b'{"base64": "//4="}', URL).content == b"\xff\xfe"


def test_a_body_that_is_an_object_is_sent_as_a_form_where_the_headers_say_so():
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    request = read_request(msgspec.json.encode({"headers": headers, "body": {"Body": "a b", "N": 1}}), URL)

    assert request.form() == [("Body", "a b"), ("N", "1")]


def test_of_several_accounts_a_verified_request_shows_ours_and_names_exactly_the_others(cli):
    body = CALL[:-1] + b", " + OTHERS[1:-1] + b", " + OTHERS[1:]
    unset = ["--set", f"webhook_secret={SECRET}", "--set", "number=+12025550100"]

    verified = cli("parse", "pigeon", *SET, stdin=recorded(body))
    partly = cli("parse", "pigeon", *unset, stdin=recorded(body))
    everything = cli("parse", "pigeon", "--no-verify", stdin=body)

    assert [event["providerid"] for event in verified.json] == ["m-1-TEST"]
    assert (
        verified.err == "2 not shown, for accounts of another id: +12025550199 (2); --no-verify shows them\n"
    )
    assert [event["providerid"] for event in partly.json] == ["m-1-TEST"]
    assert "+12025550199 (2) (not set: api_key);" in partly.err
    assert (len(everything.json), everything.err) == (3, "")


@pytest.mark.parametrize("key", ["method", "path", "url", "base64", "body"])
def test_a_key_of_a_request_that_is_no_string_is_wrong_usage(cli, key):
    ran = cli(
        "parse", "pigeon", "--no-verify", stdin=msgspec.json.encode({"method": "POST", "body": "", key: 5})
    )

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"chanbridge: {key}: must be a string")
