"""No credential is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.redact import (
    redact,
    redact_headers,
    redact_json,
    redact_request,
    redact_response,
    redact_url,
)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Hub-Signature-256",
        "X-Twilio-Signature", "X-Line-Signature", "X-Api-Key", "X-Auth-Token",
        "X-Telegram-Bot-Api-Secret-Token", "webhook-signature",
    ],
)  # fmt: skip
def test_a_header_that_carries_a_credential_is_masked(name: str):
    shown = redact_headers(Headers({name: "topsecret", "content-type": "application/json"}))

    assert shown == {name.lower(): "***", "content-type": "application/json"}


@pytest.mark.parametrize(
    "name",
    [
        "access_token", "token", "hub.verify_token", "appsecret_proof", "api_key", "key", "sig",
        "X-Amz-Signature", "client_secret", "refresh_token", "password", "hash", "code",
    ],
)  # fmt: skip
def test_a_parameter_that_is_a_credential_is_masked(name: str):
    shown = redact_url(f"https://api.example/v2?fields=id&{name}=topsecret&after=MTA")

    assert shown == f"https://api.example/v2?fields=id&{name}=***&after=MTA"


@pytest.mark.parametrize("name", ["to", "monkey", "tokens", "postcode", "passage", "design", "hub.challenge"])
def test_any_other_parameter_is_shown(name: str):
    url = f"https://api.example/v2?{name}=value"

    assert redact_url(url) == url


def test_the_user_of_a_url_is_masked():
    assert redact_url("https://AC1:topsecret@api.example/x") == "https://***@api.example/x"
    assert redact("failed: https://AC1:topsecret@api.example/x") == "failed: https://***@api.example/x"


def test_a_url_that_is_none_is_masked_whole():
    assert redact_url("https://[topsecret") == "***"


def test_known_secrets_and_bearer_tokens_are_masked_anywhere():
    text = "POST failed with Bearer EAAG.topsecret-1 and app secret 5up3rs3cret (5up3rs3cret-2)"

    assert redact(text, ["5up3rs3cret", "5up3rs3cret-2"]) == (
        "POST failed with Bearer *** and app secret *** (***)"
    )


def test_a_secret_too_short_to_be_one_masks_no_ordinary_text():
    assert redact("an apple", ["a", ""]) == "an apple"


@given(st.text(), st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=12))
def test_a_known_secret_never_survives(text: str, secret: str):
    assert secret not in redact(f"{text}{secret}{text}", [secret]) or secret in redact(text, [])


def test_a_request_and_a_response_are_masked_and_keep_the_rest():
    request = HttpRequest.post_json("https://api.example/m?access_token=topsecret", {"to": "x"})

    shown = redact_request(request.with_headers(authorization="Bearer topsecret"))
    answer = redact_response(
        HttpResponse(status=201, headers=Headers({"set-cookie": "topsecret"}), body=b"{}")
    )

    assert "topsecret" not in f"{shown.url}{dict(shown.headers)}{dict(answer.headers)}"
    assert (shown.json(), answer.status, answer.body) == ({"to": "x"}, 201, b"{}")


def test_members_that_are_credentials_are_masked_in_json():
    value = {
        "client_secret": "topsecret",
        "token": "topsecret",
        "template": {"language": {"code": "en"}, "parameters": [{"password": "topsecret", "text": "hash"}]},
        "tokens": 7,
    }

    assert redact_json(value) == {
        "client_secret": "***",
        "token": "***",
        "template": {"language": {"code": "en"}, "parameters": [{"password": "***", "text": "hash"}]},
        "tokens": 7,
    }
