"""What the provider's error codes stand for: the table as data, and the reading of an error object."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

import chanbridge as cb

MINUTES, HOUR, DAY = 180.0, 3600.0, 86400.0


class Rule(NamedTuple):
    """What a code means; ``None`` leaves what holds for ``code`` in general (schema, section 4)."""

    code: cb.ErrorCode
    retryable: bool | None = None
    scope: cb.Scope | None = None
    fix: cb.Fix | None = None
    retry_after_s: float | None = None


_DEAD_TOKEN = Rule("auth_failed")
_NO_RIGHT = Rule("auth_failed", scope="message")
_NOT_REGISTERED = Rule("auth_failed", scope="account")  # of the number: no message gets out
_BUSY = Rule("channel_unavailable")
_HICCUP = Rule("channel_unavailable", scope="message")
_MAINTENANCE = Rule("channel_unavailable", scope="account", retry_after_s=MINUTES)
_UNCALLABLE = Rule("channel_unavailable", scope="recipient")
_LIMIT = Rule("rate_limited")
_INVALID = Rule("invalid_request")
_NOBODY = Rule("recipient_invalid")
_STOPPED = Rule("recipient_opted_out")
_POLICY = Rule("policy_rejected")
_BLOCKED = Rule("policy_rejected", scope="account")
_MEDIA = Rule("media_unavailable")
_TOO_LARGE = Rule("too_large")
_TEMPLATE = Rule("template_invalid")
_UNPAID = Rule("account_blocked")
_GONE = Rule("target_gone")

CODES: dict[int, Rule] = {
    0: _DEAD_TOKEN, 190: _DEAD_TOKEN,
    3: _NO_RIGHT, 10: _NO_RIGHT, 131005: _NO_RIGHT,
    1: Rule("internal"),
    2: _BUSY, 131016: _BUSY, 131000: _HICCUP,
    131057: _MAINTENANCE, 133004: _MAINTENANCE, 2494100: _MAINTENANCE,
    4: Rule("rate_limited", scope="channel"),  # of the app, so of all its numbers
    80007: _LIMIT, 130429: _LIMIT, 613: _LIMIT,
    131048: Rule("rate_limited", retry_after_s=HOUR),
    131056: Rule("rate_limited", scope="recipient"),
    131064: Rule("rate_limited", retry_after_s=DAY),
    131208: Rule("rate_limited", scope="recipient"),
    133016: Rule("rate_limited", retry_after_s=3 * DAY),
    33: Rule("target_gone", scope="account"),  # the sender itself is gone
    100: _INVALID, 131008: _INVALID, 131009: _INVALID, 135000: _INVALID,
    131021: _NOBODY, 131026: _NOBODY, 131030: _NOBODY, 1026: _NOBODY, 137000: _NOBODY,
    131062: Rule("recipient_invalid", scope="message"),  # only authentication messages
    131047: Rule("window_closed"),
    131049: Rule("policy_rejected", scope="recipient", fix="wait", retry_after_s=DAY),
    130472: Rule("policy_rejected", scope="recipient"),
    131050: _STOPPED, 130403: _STOPPED,
    131051: _INVALID,
    131052: _MEDIA, 131053: _MEDIA,
    131042: _UNPAID, 131044: _UNPAID,
    134011: Rule("account_blocked", scope="message"),  # only payment messages
    368: _BLOCKED, 131031: _BLOCKED, 130497: Rule("policy_rejected", scope="recipient"),
    131037: _NOT_REGISTERED, 131045: _NOT_REGISTERED,
    131055: _POLICY, 131063: _POLICY,
    132000: _TEMPLATE, 132001: _TEMPLATE, 132005: _TEMPLATE, 132007: _TEMPLATE, 132008: _TEMPLATE,
    132012: _TEMPLATE, 132016: _TEMPLATE, 132018: _TEMPLATE, 132068: _TEMPLATE,
    132015: Rule("template_invalid", retryable=True, fix="wait", retry_after_s=3 * HOUR),
    132069: Rule("template_invalid", retryable=True, fix="wait"),
    138000: _NO_RIGHT, 138006: _NO_RIGHT, 138018: _NO_RIGHT,
    138001: _UNCALLABLE, 138004: _UNCALLABLE, 138007: _UNCALLABLE,
    138002: _LIMIT, 138005: _LIMIT, 138009: _LIMIT, 138012: _LIMIT, 138013: _LIMIT,
    138003: _INVALID,
    139000: _POLICY,
    139100: _INVALID, 139101: _INVALID,
    139102: _HICCUP, 139103: _HICCUP,
    139200: _POLICY,
    131020: _INVALID, 131041: _GONE, 131059: _INVALID,
    131201: Rule("internal", retryable=False),  # some members of a group were not reached
    131202: _INVALID, 131204: _INVALID,
    131207: Rule("policy_rejected", scope="recipient"),
    131214: _NO_RIGHT, 131215: _NO_RIGHT,
    2388040: _TEMPLATE, 2388047: _TEMPLATE, 2388073: _TEMPLATE, 2388293: _TEMPLATE,
    2388299: _TEMPLATE, 2388019: _TEMPLATE,
}  # fmt: skip
RANGES: tuple[tuple[int, int, Rule], ...] = (
    (200, 299, _NO_RIGHT),
    (133000, 133015, _NOT_REGISTERED),
    (134100, 134102, _POLICY),
    (139001, 139004, _INVALID),
    (131209, 131213, _INVALID),
    (147001, 147005, _INVALID),
    (2593107, 2593109, _NO_RIGHT),
)
SUBCODES: dict[tuple[int, int], Rule] = {
    (100, 33): _GONE
}  # "no object with that id": a media id that expired


class Problem(msgspec.Struct):
    """An error object, as answers and webhooks hold it."""

    code: int = -1
    error_subcode: int | None = None
    title: str | None = None
    message: str | None = None
    error_user_msg: str | None = None
    fbtrace_id: str | None = None
    error_data: Any = None  # an object with details; has been seen as text

    @property
    def details(self) -> str:
        data = self.error_data
        said = data.get("details") if isinstance(data, dict) else data
        return said if isinstance(said, str) else ""


class Refused(msgspec.Struct):
    """The body of an answer that is an error, whatever its HTTP status."""

    error: Problem | None = None


_LARGE = re.compile(r"\blarger than\b|\btoo (?:large|big)\b|\bexceed", re.IGNORECASE)


def rule(code: int, subcode: int | None = None) -> Rule | None:
    """Look a code up; None if it is not known."""
    known = SUBCODES.get((code, subcode or 0)) or CODES.get(code)
    return known or next((rule for low, high, rule in RANGES if low <= code <= high), None)


def failure(problem: Problem, *, http: int = 0, retry_after_s: float | None = None) -> cb.Failure:
    """Make the failure of an error object: by its code, else by the HTTP status."""
    known = rule(problem.code, problem.error_subcode) or Rule(_by_status(http))
    if known is _MEDIA and _LARGE.search(f"{problem.details} {problem.message or ''}"):
        known = _TOO_LARGE  # one code for type, size and codec: only the words tell
    over: dict[str, Any] = {
        "retryable": known.retryable,
        "scope": known.scope,
        "fix": known.fix,
        "retry_after_s": retry_after_s if retry_after_s is not None else known.retry_after_s,
    }
    said = cb.ProviderError(
        code="" if problem.code < 0 else str(problem.code),
        subcode="" if problem.error_subcode is None else str(problem.error_subcode),
        title=_clean(problem.title or problem.message or ""),
        http=http,
        id=problem.fbtrace_id or "",
    )
    given = {name: value for name, value in over.items() if value is not None}
    detail = _clean(problem.details or problem.error_user_msg or "")
    return cb.Failure.of(known.code, provider=said, detail=detail, **given)


def error_of(response: cb.HttpResponse) -> cb.SendError | None:
    """Make the error of a response; None if it is fine. A 200 may hold an error as well."""
    if response.ok and b'"error"' not in response.body[:4096]:
        return None
    problem = response.json_or(Refused()).error
    if problem is None:
        return None if response.ok else cb.SendError.of(response)
    found = failure(problem, http=response.status, retry_after_s=cb.retry_after(response))
    return cb.SendError.from_failure(found)


def _by_status(http: int) -> cb.ErrorCode:
    return cb.code_of_status(http) if http and not 200 <= http < 300 else "internal"


def _clean(text: str) -> str:
    """Drop what may be a token: the provider quotes a malformed one."""
    return re.sub(r"[\w|%-]{40,}", "...", text)


def problem_of(error: object) -> Problem:
    """Read an error object of a webhook, as far as it is one."""
    try:
        return msgspec.convert(error, Problem, strict=False)
    except msgspec.ValidationError:
        return Problem()
