"""The handshake and the signature: who may post here."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

import pytest

import chanbridge as cb

SIGNATURES = json.loads((Path(__file__).parent / "data" / "signatures.json").read_text())
URL = "https://hooks.example.com/in/support"


def signed(body: bytes, signature: str | None) -> cb.HttpRequest:
    headers = cb.Headers({} if signature is None else {"X-Hub-Signature-256": signature})
    return cb.HttpRequest(method="POST", url=URL, headers=headers, body=body)


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: case["name"])
def test_a_published_signature_is_accepted_over_the_raw_bytes(account, case):
    channel = account(app_secret=cb.Secret(case["secret"]))

    assert channel.verify(signed(case["body"].encode(), case["x_hub_signature_256"])) is None


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: case["name"])
def test_one_byte_more_makes_a_signature_wrong(account, case):
    channel = account(app_secret=cb.Secret(case["secret"]))

    with pytest.raises(cb.SignatureError, match="does not match"):
        channel.verify(signed(case["body"].encode() + b" ", case["x_hub_signature_256"]))


@pytest.mark.parametrize("signature", [None, "", "sha256=", "sha1=abc", "sha256=é", "eefab581"])
def test_a_missing_or_odd_signature_is_refused(channel, signature):
    with pytest.raises(cb.SignatureError):
        channel.verify(signed(b"{}", signature))


def test_a_signature_error_never_tells_the_secret(channel):
    with pytest.raises(cb.SignatureError) as caught:
        channel.verify(signed(b"{}", "sha256=00"))

    assert channel.config.app_secret.reveal() not in str(caught.value)


@pytest.mark.parametrize("empty", ["", " "])
def test_what_an_empty_app_secret_signs_is_refused(account, empty):
    signature = hmac.digest(empty.encode(), b"{}", "sha256").hex()

    with pytest.raises(cb.SignatureError, match="app_secret is empty"):
        account(app_secret=cb.Secret(empty)).verify(signed(b"{}", f"sha256={signature}"))


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_verify_token_answers_no_handshake(account, empty):
    request = cb.HttpRequest.get(
        URL, **{"hub.mode": "subscribe", "hub.verify_token": empty, "hub.challenge": "7"}
    )

    assert account(verify_token=cb.Secret(empty)).challenge(request).status == 403


def test_the_handshake_answers_the_challenge_as_it_came(channel):
    query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=TEST-verify"

    answer = channel.challenge(cb.HttpRequest(method="GET", url=f"{URL}?{query}"))

    assert (answer.status, answer.body) == (200, b"1158201444")
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("token", ["", "another", "TEST-verify2", "é"])
def test_the_handshake_with_another_token_is_forbidden(channel, token):
    request = cb.HttpRequest.get(
        URL, **{"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "7"}
    )

    answer = channel.challenge(request)

    assert answer.status == 403
    assert b"7" not in answer.body


@pytest.mark.parametrize(
    ("method", "query"), [("POST", "hub.mode=subscribe"), ("GET", ""), ("GET", "hub.mode=x")]
)
def test_anything_else_is_no_handshake(channel, method, query):
    assert channel.challenge(cb.HttpRequest(method=method, url=f"{URL}?{query}")) is None


def test_a_stored_webhook_is_answered_with_an_empty_200(channel, webhook):
    answer = channel.acknowledge(webhook(), [])

    assert (answer.status, answer.body) == (200, b"")
