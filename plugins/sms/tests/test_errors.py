"""Twilio's whole error table, in the words of the schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import chanbridge as cb
from chanbridge_sms.twilio import errors

CLASSES: dict[str, tuple[str, bool]] = json.loads((Path(__file__).parent / "error_classes.json").read_text())
"""Twilio's codes, each with its class and whether it may be tried again."""
MEANS: dict[str, set[str]] = {
    "invalid_request": {"invalid_request"},
    "invalid_recipient": {"recipient_invalid"},
    "unauthorized": {"auth_failed"},
    "forbidden": {"auth_failed", "account_blocked"},
    "not_found": {"target_gone"},
    "outside_window": {"window_closed"},
    "template_error": {"template_invalid"},
    "media_error": {"too_large", "media_unavailable", "unsupported_content"},
    "rate_limited": {"rate_limited"},
    "blocked_or_opted_out": {"recipient_opted_out"},
    "temporary": {"channel_unavailable", "recipient_unreachable", "expired"},
    "payment": {"account_blocked"},
    "policy": {"policy_rejected"},
    "unknown": {"internal"},
}


def refusal(code: int | None, status: int = 400, message: str = "", **headers: str) -> cb.HttpResponse:
    problem = {"code": code, "message": message, "more_info": "", "status": status}
    return cb.HttpResponse(status=status, headers=cb.Headers(headers), body=json.dumps(problem).encode())


@pytest.mark.parametrize("code", CLASSES)
def test_every_code_means_what_its_class_says_in_answers_and_in_reports(sms, code):
    kind, retryable = CLASSES[code]

    answered = sms.error(refusal(int(code)))
    reported = errors.of_code(code)

    assert answered.code == reported.code
    assert answered.code in MEANS[kind]
    assert answered.retryable == reported.retryable == retryable
    assert answered.provider.code == reported.provider.code == code


def test_the_table_has_the_codes_of_the_list_and_no_other():
    assert set(map(str, errors.ERRORS)) == set(CLASSES)


def test_only_what_stops_the_whole_account_has_its_scope():
    stops = {
        code
        for code in errors.ERRORS
        if (failure := errors.of_code(str(code))).scope == "account" and not failure.retryable
    }

    assert stops == {20003, 20005, 30002}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("30003", ("recipient_unreachable", "recipient", "other_channel")),
        ("21610", ("recipient_opted_out", "recipient", "consent")),
        ("21617", ("invalid_request", "message", "shrink")),
        ("21408", ("auth_failed", "message", "reauth")),
        ("30036", ("expired", "message", None)),
        ("11200", ("media_unavailable", "message", "other_channel")),
        ("30019", ("too_large", "message", "shrink")),
        ("30011", ("unsupported_content", "message", "other_channel")),
        ("63016", ("window_closed", "recipient", "template")),
        ("20003", ("auth_failed", "account", "reauth")),
    ],
)
def test_scope_and_mend_are_stated(code, expected):
    failure = errors.of_code(code)

    assert (failure.code, failure.scope, failure.fix) == expected


@pytest.mark.parametrize(
    ("status", "code", "scope"),
    [
        (400, "invalid_request", "message"),
        (401, "auth_failed", "account"),
        (403, "auth_failed", "message"),
        (404, "target_gone", "message"),
        (429, "rate_limited", "account"),
        (500, "channel_unavailable", "channel"),
        (503, "channel_unavailable", "channel"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"code": null}', b'{"code": 1, "message": null}', b"\xff"]
)
def test_without_a_known_code_the_http_status_decides(sms, status, code, scope, body):
    error = sms.error(cb.HttpResponse(status=status, body=body))

    assert (error.code, error.scope, error.provider.http) == (code, scope, status)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_is_no_error(sms, status):
    assert sms.error(cb.HttpResponse(status=status)) is None


def test_retry_after_is_honoured_before_our_own_guess(sms):
    error = sms.error(refusal(30023, 429, **{"retry-after": "7"}))

    assert error.retry_after_s == 7


def test_a_daily_cap_waits_a_day():
    assert errors.of_code("30023").retry_after_s == 24 * 3600


def test_no_number_stands_in_an_error(sms):
    error = sms.error(refusal(21211, message="Invalid 'To' Phone Number: +1 (202) 555-0100 or 12025550100"))

    assert "555" not in str(error)
    assert error.provider.title == "Invalid 'To' Phone Number: (number) or (number)"


@pytest.mark.parametrize("code", ["", "x", "٣٠٠٠٥", "9" * 40, "-30005"])
def test_a_reason_that_is_no_code_is_kept_and_is_as_twilios_own_unknown_error(code):
    failure, unknown = errors.of_code(code), errors.of_code("30008")

    assert (failure.code, failure.provider.code) == ("internal", code)
    assert (failure.retryable, failure.scope) == (unknown.retryable, unknown.scope) == (True, "message")


@pytest.mark.parametrize("code", ["11200", "11205", "21620", "11751", "30019", "30011"])
def test_a_failed_picture_message_says_what_to_do(code):
    assert " file " in errors.of_code(code).detail or "picture" in errors.of_code(code).detail


def test_a_failed_fetch_of_a_file_is_told_with_the_code_and_the_mend():
    failure = errors.of_code("11200")

    assert (failure.retryable, failure.provider.code) == (False, "11200")
    assert failure.detail.endswith("it must be open to Twilio without a login")
