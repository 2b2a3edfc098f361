"""Twilio's signature: the published recipe, its vectors, and the official helper beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

import chanbridge as cb
from chanbridge_sms.twilio import signature

TOKEN = "f00dfeedc0ffee00d15ea5e0facade42"
URL = "https://hooks.example.com/channels/in/sms-main"
VECTORS = json.loads((Path(__file__).parent / "signatures.json").read_text())["twilio_signature"]


class Fields(dict[str, list[str]]):
    """A form as the official helper reads repeated values."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def pairs(params: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in params.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def official(url: str, fields: list[tuple[str, str]], token: str = TOKEN) -> str:
    grouped = Fields()
    for name, value in fields:
        grouped.setdefault(name, []).append(value)
    signed: str = RequestValidator(token).compute_signature(url, grouped)
    return signed


def posted(url: str, fields: list[tuple[str, str]], signed: str, **headers: str) -> cb.HttpRequest:
    request = cb.HttpRequest.post_form(url, fields)
    return request.with_headers(x_twilio_signature=signed, **headers)


def got(url: str, signed: str) -> cb.HttpRequest:
    return cb.HttpRequest.get(url).with_headers(x_twilio_signature=signed)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_vector_is_reproduced_and_accepted(make, vector):
    signed = signature.sign(vector["url"], pairs(vector["params"]), vector["auth_token"])
    request = posted(vector["url"], pairs(vector["params"]), vector["expected"])
    if body := vector.get("body"):
        headers = cb.Headers({"content-type": "application/json", "x-twilio-signature": vector["expected"]})
        request = cb.HttpRequest(method="POST", url=vector["url"], headers=headers, body=body.encode())

    make(auth_token=cb.Secret(vector["auth_token"])).verify(request)

    assert signed == vector["expected"]


@given(
    fields=st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=20)), max_size=12),
    path=st.sampled_from(["", "/", "/in/a", "/in/a?x=1&y=%20z", "/in/a?key=b+c"]),
    host=st.sampled_from(["hooks.example.com", "hooks.example.com:8443", "hooks.example.com:443"]),
)
def test_what_the_official_helper_signs_is_what_we_sign(fields, path, host):
    fields = [(name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode())
              for name, value in fields]  # fmt: skip
    url = f"https://{host}{path}"

    assert signature.sign(url, fields, TOKEN) == official(url, fields)


@pytest.mark.parametrize(
    ("signed_url", "seen_url"),
    [
        (URL, URL),
        (URL.replace(".com", ".com:443"), URL),
        (URL, URL.replace(".com", ".com:443")),
        ("http://hooks.example.com:80/in/a", "http://hooks.example.com/in/a"),
        ("https://hooks.example.com:8443/in/a", "https://hooks.example.com:8443/in/a"),
        ("https://hooks.example.com/in/a", "https://hooks.example.com:8443/in/a"),
        ("https://user:pass@hooks.example.com/in/a", "https://user:pass@hooks.example.com:8443/in/a"),
        ("https://[2001:db8::1]:443/in/a", "https://[2001:db8::1]/in/a"),
        (URL + "?a=%20b&c=d+e", URL + "?a=%20b&c=d+e"),
        (URL, URL + "#rc=3&rp=all"),
    ],
)
def test_the_port_may_be_signed_or_not_and_the_fragment_never_is(make, signed_url, seen_url):
    fields = [("Body", "Hi"), ("From", "+12025550100")]

    make(webhook_url="").verify(posted(seen_url, fields, official(signed_url, fields)))


@pytest.mark.parametrize(
    "seen_url",
    [
        "http://127.0.0.1:8000/in/sms-main?key=a%20b",
        "/in/sms-main?key=a%20b",
        "https://internal.example:8443/in/sms-main?key=a%20b",
        "https://hooks.example.com/channels/in/sms-main?key=a%20b",
    ],
)
def test_behind_a_proxy_and_under_a_prefix_the_url_is_made_of_the_public_one(sms, seen_url):
    fields = [("MessageSid", "SM1"), ("MessageStatus", "sent")]
    signed = official(URL + "?key=a%20b", fields)

    sms.verify(posted(seen_url, fields, signed))


def test_a_prefix_may_itself_look_like_ours(make):
    fields = [("MessageSid", "SM1")]
    public = "https://hooks.example.com/in/app/in/sms-main"

    make(webhook_url=public).verify(posted("http://127.0.0.1/in/sms-main", fields, official(public, fields)))


def test_another_query_encoding_is_another_signature(sms):
    fields = [("MessageSid", "SM1")]
    request = posted(URL + "?key=a+b", fields, official(URL + "?key=a%20b", fields))

    with pytest.raises(cb.SignatureError):
        sms.verify(request)


def test_a_get_signs_its_url_alone(sms):
    url = URL + "?" + urlencode({"MessageSid": "SM1", "From": "+12025550100", "Body": ""})

    sms.verify(got(url, official(url, [])))


@pytest.mark.parametrize("token", [TOKEN, "the-second-token", "the-shared-key"])
def test_any_of_the_configured_keys_may_have_signed(make, token):
    fields = [("Body", "Hi")]
    channel = make(
        auth_token_secondary=cb.Secret("the-second-token"), webhook_key=cb.Secret("the-shared-key")
    )

    channel.verify(posted(URL, fields, official(URL, fields, token)))


def test_a_shared_key_signs_with_the_algorithm_that_its_header_names(make):
    fields = [("Body", "Hi")]
    signed = RequestValidator("the-shared-key").compute_signature(URL, dict(fields), "HMAC_SHA256")
    settings = {"x_twilio_webhooks_signature_settings": "key=TESTKEY,algorithm=HMAC_SHA256"}

    make(webhook_key=cb.Secret("the-shared-key")).verify(posted(URL, fields, signed, **settings))


def test_an_unknown_algorithm_is_refused(sms):
    settings = {"x_twilio_webhooks_signature_settings": "key=TESTKEY,algorithm=NONE"}
    fields = [("Body", "Hi")]

    with pytest.raises(cb.SignatureError, match="algorithm"):
        sms.verify(posted(URL, fields, official(URL, fields), **settings))


FIELDS = [("Body", "Hi"), ("From", "+12025550100")]
SIGNED = official(URL, FIELDS)
JSON_BODY = b'{"type":"message"}'
HASHED_URL = f"{URL}?bodySHA256={hashlib.sha256(JSON_BODY).hexdigest()}"
JSON_HEADERS = {"content-type": "application/json", "x-twilio-signature": official(HASHED_URL, [])}
FORGED = {
    "no signature": cb.HttpRequest.post_form(URL, FIELDS),
    "an empty signature": posted(URL, FIELDS, ""),
    "a signature that is no ASCII": posted(URL, FIELDS, "é" * 28),
    "another token": posted(URL, FIELDS, official(URL, FIELDS, "another-token")),
    "a changed value": posted(URL, [("Body", "Ho"), ("From", "+12025550100")], SIGNED),
    "an added field": posted(URL, [*FIELDS, ("To", "+12025550112")], SIGNED),
    "a field less": posted(URL, FIELDS[:1], SIGNED),
    "another URL": posted(URL + "2", FIELDS, SIGNED),
    "a body that is no form": cb.HttpRequest(
        method="POST",
        url=URL,
        headers=cb.Headers(
            {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": SIGNED}
        ),
        body=b"Body=%ff\xff",
    ),
    "another JSON body": cb.HttpRequest(
        method="POST", url=HASHED_URL, headers=cb.Headers(JSON_HEADERS), body=JSON_BODY + b" "
    ),
    "JSON without a hash": cb.HttpRequest(
        method="POST",
        url=URL,
        headers=cb.Headers({"content-type": "application/json", "x-twilio-signature": official(URL, [])}),
        body=JSON_BODY,
    ),
    "a form passed off as JSON": cb.HttpRequest(
        method="POST",
        url=URL,
        headers=cb.Headers({"content-type": "text/plain", "x-twilio-signature": official(URL, [])}),
        body=urlencode(FIELDS).encode(),
    ),
}


@pytest.mark.parametrize("request_", FORGED.values(), ids=FORGED.keys())
def test_a_forged_request_is_refused(sms, request_):
    with pytest.raises(cb.SignatureError):
        sms.verify(request_)


@pytest.mark.parametrize("key", ["auth_token", "auth_token_secondary", "webhook_key"])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_token_signs_nothing(make, key, empty):
    fields = [("Body", "Hi")]
    request = posted(URL, fields, official(URL, fields, empty))

    with pytest.raises(cb.SignatureError):
        make(**{key: cb.Secret(empty)}).verify(request)


def test_a_refusal_names_no_secret_and_no_words(sms):
    with pytest.raises(cb.SignatureError) as refused:
        sms.verify(posted(URL, [("Body", "private words")], "wrong"))

    assert TOKEN not in str(refused.value)
    assert "private" not in str(refused.value)
