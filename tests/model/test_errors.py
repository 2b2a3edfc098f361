"""One vocabulary of errors, with what holds for each."""

from __future__ import annotations

from typing import get_args

import pytest

import chanbridge as cb
from chanbridge.http import Headers, HttpResponse
from chanbridge.model.errors import ERRORS

# The table of the schema, section 4: code, retryable, scope.
TABLE = """
    invalid_request        no   message
    unsupported_content    no   message
    too_large              no   message
    media_unavailable      yes  message
    recipient_invalid      no   recipient
    recipient_unreachable  yes  recipient
    recipient_opted_out    no   recipient
    window_closed          no   recipient
    template_invalid       no   message
    policy_rejected        no   message
    auth_failed            no   account
    account_blocked        no   account
    rate_limited           yes  account
    channel_unavailable    yes  channel
    expired                no   message
    target_gone            no   message
    outcome_unknown        no   message
    internal               yes  message
"""
ROWS = [line.split() for line in TABLE.split("\n") if line.strip()]


@pytest.mark.parametrize(("code", "retryable", "scope"), ROWS)
def test_a_code_stands_for_what_the_table_says(code, retryable, scope):
    error = cb.SendError(code)

    assert (error.retryable, error.scope) == (retryable == "yes", scope)


def test_the_table_names_every_code():
    assert [code for code, *_ in ROWS] == list(get_args(cb.ErrorCode)) == list(ERRORS)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("window_closed", "template"),
        ("too_large", "shrink"),
        ("auth_failed", "reauth"),
        ("recipient_opted_out", "consent"),
        ("rate_limited", "wait"),
        ("account_blocked", "pay"),
        ("invalid_request", None),
    ],
)
def test_a_code_says_what_would_mend_it(code, fix):
    assert cb.SendError(code).fix == fix


def test_a_single_error_may_differ_from_its_code():
    error = cb.SendError("auth_failed", scope="message", retryable=True)

    assert (error.scope, error.retryable, error.fix) == ("message", True, "reauth")


def test_a_code_of_tomorrow_is_treated_as_our_own_fault():
    failure = cb.Failure.of("cosmic_ray")

    assert (failure.code, failure.retryable, failure.scope) == ("cosmic_ray", True, "message")


def test_an_error_survives_as_data():
    error = cb.SendError(
        "rate_limited", retry_after_s=3.5, provider=cb.ProviderError(code="429", title="Slow")
    )

    again = cb.SendError.from_failure(error.failure)

    assert again.failure == error.failure
    assert str(again) == str(error) == "rate_limited: Slow"


def test_the_errors_are_one_tree():
    assert issubclass(cb.Unsupported, cb.SendError)
    for error in (cb.ConfigError, cb.PluginError, cb.SignatureError, cb.PayloadError, cb.ValidationError):
        assert issubclass(error, cb.ChanbridgeError)


def test_what_cannot_go_to_a_channel_is_unsupported_content():
    assert cb.Unsupported("no carousels").code == "unsupported_content"
    assert cb.Unsupported("closed", code="window_closed", fix="template").fix == "template"


def test_errors_say_where():
    assert (
        str(cb.ValidationError("parts[2].media.mime", "must be there"))
        == "parts[2].media.mime: must be there"
    )
    assert str(cb.ValidationError("", "must be there")) == "must be there"
    assert str(cb.PluginError("chanbridge-fax", "has no paper")) == "chanbridge-fax: has no paper"
    assert str(cb.ConfigError("one", "two")) == "one\ntwo"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),
        (401, "auth_failed"),
        (402, "account_blocked"),
        (403, "auth_failed"),
        (404, "target_gone"),
        (408, "channel_unavailable"),
        (410, "target_gone"),
        (413, "too_large"),
        (418, "invalid_request"),
        (429, "rate_limited"),
        (500, "channel_unavailable"),
        (503, "channel_unavailable"),
        (302, "internal"),
    ],
)
def test_an_http_status_stands_for_a_code(status, code):
    assert cb.code_of_status(status) == code
    assert cb.SendError.of(HttpResponse(status=status)).code == code


def test_a_response_becomes_an_error_with_what_the_provider_said():
    response = HttpResponse(status=400, headers=Headers({"Retry-After": "7"}))

    error = cb.SendError.of(
        response, code="policy_rejected", provider=131031, subcode=None, title="Locked", id="t"
    )

    assert error.code == "policy_rejected"
    assert error.retry_after_s == 7.0
    assert error.provider == cb.ProviderError(code="131031", title="Locked", http=400, id="t")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 01 Nov 2026 12:02:00 GMT", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 120.0),
        ({"Retry-After": "Sun, 01 Nov 2026 11:00:00 GMT", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sun, 01 Nov 2026 12:02:00 -0000", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}, 120.0),
        ({"Retry-After": "Sun, 01 Nov 2026 12:02:00 GMT"}, None),
        ({"Retry-After": "٣"}, 3.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert cb.retry_after(HttpResponse(status=429, headers=Headers(headers))) == seconds
