"""Every error code of the provider stands for what its documents say, and is retried as they say."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

import chanbridge as cb
from chanbridge_whatsapp.errors import CODES, RANGES, Problem, failure, rule

CLASSES: dict[str, set[str]] = {
    "unauthorized": {"auth_failed"},
    "forbidden": {"auth_failed"},
    "unknown": {"internal"},
    "temporary": {"channel_unavailable"},
    "rate_limited": {"rate_limited"},
    "not_found": {"target_gone"},
    "invalid_request": {"invalid_request"},
    "invalid_recipient": {"recipient_invalid"},
    "outside_window": {"window_closed"},
    "policy": {"policy_rejected"},
    "blocked_or_opted_out": {"recipient_opted_out"},
    "media_error": {"media_unavailable", "too_large"},
    "payment": {"account_blocked"},
    "template_error": {"template_invalid"},
}
"""The provider's classes, and the codes of the uniform vocabulary for them."""


def numbers(cell: str) -> Iterator[int]:
    """Read ``0, 190`` and ``200-299``."""
    for piece in cell.split(" (")[0].split(","):
        low, _, high = piece.strip().partition("-")
        yield from range(int(low), int(high or low) + 1)


def table() -> list[tuple[int, str, str]]:
    with (Path(__file__).parent / "data" / "errors.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(code, row["class"], row["retry"]) for row in rows for code in numbers(row["codes"])]


TABLE = table()
EXCEPT = {
    133004: "temporary",
    133016: "rate_limited",
}  # named by a row of their own, within a range of another


def expected_codes(code: int, classes: str) -> set[str]:
    named = EXCEPT.get(code, classes)
    return {known for name in named.split(" / ") for known in CLASSES[name]}


@pytest.mark.parametrize(("code", "classes", "retry"), TABLE, ids=lambda value: str(value)[:20])
def test_a_code_stands_for_its_class(code, classes, retry):
    found = rule(code)

    assert found is not None
    assert found.code in expected_codes(code, classes)


RETRIED = {
    "no": False, "once": True, "yes": True, "yes, minutes": True, "yes, backoff": True, "yes, 4^n s": True,
    "later, hours": True, "next day": True, "after 72 h": True, "later": True, "not before 24 h": False,
    "no: send template": False, "no (1 later try ok)": False, "per item": False,
    "no / yes": False, "139102, 139103 yes": False,
}  # fmt: skip
BY_CODE = {132069: True, 139102: True, 139103: True, 133004: True}


@pytest.mark.parametrize(("code", "classes", "retry"), TABLE, ids=lambda value: str(value)[:20])
def test_a_code_is_retried_as_the_table_says(code, classes, retry):
    expected = BY_CODE.get(code, RETRIED[retry])

    assert failure(Problem(code=code)).retryable is expected


def test_the_table_has_no_code_that_the_documents_do_not_name():
    documented = {code for code, _, _ in TABLE}

    assert CODES.keys() <= documented
    assert {code for low, high, _ in RANGES for code in range(low, high + 1)} <= documented


@pytest.mark.parametrize(
    ("code", "scope", "fix", "retry_after_s"),
    [
        (190, "account", "reauth", None),
        (10, "message", "reauth", None),
        (131042, "account", "pay", None),
        (131031, "account", None, None),
        (131045, "account", "reauth", None),
        (131056, "recipient", "wait", None),
        (130429, "account", "wait", None),
        (4, "channel", "wait", None),
        (131048, "account", "wait", 3600.0),
        (131064, "account", "wait", 86400.0),
        (133016, "account", "wait", 259200.0),
        (131049, "recipient", "wait", 86400.0),
        (131047, "recipient", "template", None),
        (131050, "recipient", "consent", None),
        (131026, "recipient", "other_channel", None),
        (131057, "account", "wait", 180.0),
        (132015, "message", "wait", 10800.0),
        (132001, "message", "template", None),
        (33, "account", None, None),
    ],
)
def test_an_error_says_whom_it_concerns_and_what_helps(code, scope, fix, retry_after_s):
    found = failure(Problem(code=code))

    assert (found.scope, found.fix, found.retry_after_s) == (scope, fix, retry_after_s)


SAMPLE = {
    "message": "(#132000) Number of parameters does not match the expected number of params",
    "type": "OAuthException",
    "code": 132000,
    "error_data": {"messaging_product": "whatsapp", "details": "body: 1 does not match the expected 2"},
    "error_subcode": 1234567,
    "fbtrace_id": "TESTTRACE",
}


def test_an_error_keeps_what_the_provider_said(channel):
    error = channel.error(cb.HttpResponse.of_json({"error": SAMPLE}, status=400))

    assert (error.code, error.failure.detail) == ("template_invalid", "body: 1 does not match the expected 2")
    assert error.provider == cb.ProviderError(
        code="132000", subcode="1234567", title=SAMPLE["message"], http=400, id="TESTTRACE"
    )


def test_an_error_within_a_200_is_an_error(channel):
    error = channel.error(cb.HttpResponse.of_json({"error": {"code": 130429, "message": "slow down"}}))

    assert (error.code, error.retryable) == ("rate_limited", True)


@pytest.mark.parametrize(
    "body",
    [b"", b'{"messages":[{"id":"wamid.1"}]}', b'{"data":{"error":1}}', b'{"error":null}', b'["error"]'],
)
def test_a_200_without_an_error_is_fine(channel, body):
    assert channel.error(cb.HttpResponse(body=body)) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(429, "rate_limited"), (500, "channel_unavailable"), (503, "channel_unavailable"), (401, "auth_failed"),
     (404, "target_gone"), (400, "invalid_request")],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"<html>", b'{"error":{"code":999999}}', b'{"error":{"code":"x"}}'])
def test_without_a_known_code_the_http_status_decides(channel, status, code, body):
    assert channel.error(cb.HttpResponse(status=status, body=body)).code == code


def test_retry_after_of_the_answer_comes_before_the_table(channel):
    response = cb.HttpResponse.of_json({"error": {"code": 131048}}, status=429)
    response = cb.HttpResponse(status=429, headers=cb.Headers({"retry-after": "7"}), body=response.body)

    assert channel.error(response).retry_after_s == 7.0


def test_a_token_that_the_provider_quotes_is_not_passed_on(channel):
    token = "EAATEST" + "x1" * 40
    body = {"error": {"code": 190, "message": f"Malformed access token {token}"}}

    error = channel.error(cb.HttpResponse.of_json(body, status=401))

    assert token not in f"{error} {error.failure}"
    assert error.scope == "account"


def test_a_media_id_that_expired_is_a_target_gone(channel):
    body = {"error": {"code": 100, "error_subcode": 33, "message": "Unsupported get request."}}

    assert channel.error(cb.HttpResponse.of_json(body, status=400)).code == "target_gone"


@pytest.mark.parametrize("code", [131052, 131053])
@pytest.mark.parametrize(
    "words", ["The image is larger than 5242880 bytes.", "File size exceeds the limit", "The file is too big"]
)
def test_a_file_that_is_too_large_is_not_tried_again(code, words):
    found = failure(Problem(code=code, error_data={"details": words}))

    assert (found.code, found.retryable, found.fix) == ("too_large", False, "shrink")


def test_a_file_of_the_wrong_type_is_not_called_too_large():
    found = failure(Problem(code=131053, error_data={"details": "Unsupported image mime type image/gif."}))

    assert found.code == "media_unavailable"
