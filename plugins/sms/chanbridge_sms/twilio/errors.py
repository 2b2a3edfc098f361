"""Twilio's error codes, of its API and of delivery reports, in the words of the schema."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

import chanbridge as cb

DAY = 24 * 3600.0
_DIGITS = re.compile(r"\+?\d[\d ()-]{5,}\d")  # a number in Twilio's words: who it is goes into no error


class Meaning(Struct, frozen=True):
    """What a code stands for; ``over`` is where it differs from what holds for its code in general."""

    code: cb.ErrorCode
    over: dict[str, Any] = {}


def _codes(code: cb.ErrorCode, *numbers: int, **over: Any) -> dict[int, Meaning]:
    return dict.fromkeys(numbers, Meaning(code, over))


ERRORS: dict[int, Meaning] = {
    # the call
    **_codes("invalid_request", 12300, 21212, 21601, 21602, 21603, 21604, 21606, 21607, 21609, 21621, 21624),
    **_codes("invalid_request", 21701, 21702, 21703, 21704, 21705, 21910, 21911),
    **_codes("invalid_request", 30012, 30013, 30014, 30015, 30016, 30028, 30029, 30030, 30031),
    **_codes("invalid_request", 63002, 63005, 63006, 63007, 63021, 63030, 63031),
    **_codes("invalid_request", 21605, 21617, fix="shrink"),  # body too long
    **_codes("template_invalid", 21654, 21655, 21656, 63027, 63028, 63029, 63040, 63041),
    **_codes("target_gone", 20404),
    # who it goes to
    **_codes("recipient_invalid", 21211, 21214, 21401, 21612, 21614, 30005, 30006, 63003, 63024),
    **_codes("recipient_invalid", 63035, 63036),  # no RCS there; a text would arrive
    **_codes("recipient_opted_out", 21610, 30004, 63014, 63033),
    **_codes("recipient_unreachable", 30003),
    **_codes("window_closed", 63016),
    # the account; a right that is missing for one number or country stops no other message
    **_codes("auth_failed", 20003),
    **_codes("auth_failed", 63001, scope="message"),
    **_codes("auth_failed", 21219, 21408, 21608, 63008, 63015, 63020, 63022, scope="message"),
    **_codes("account_blocked", 20005, 30002),
    **_codes("account_blocked", 30010, scope="message"),  # dearer than the message's own limit
    # what may be tried again
    **_codes("rate_limited", 20429, 21611, 30001, 30022, 63017, 63018),
    **_codes("rate_limited", 14107, scope="recipient"),  # two machines answering each other
    **_codes("rate_limited", 30023, 30027, 63038, scope="message", retry_after_s=DAY),  # a day's cap
    **_codes("channel_unavailable", 20500, 20503),
    **_codes("channel_unavailable", 30017, 30020, 30021, 30410, scope="message"),
    **_codes("channel_unavailable", 63009, 63010, 63012, 63023, scope="message"),
    **_codes("internal", 30008),
    # what only tells: nothing of ours is to be sent again
    **_codes("channel_unavailable", 30009, retryable=False, scope="message", fix=None),
    **_codes("expired", 30036),
    # files
    **_codes("too_large", 11751, 21623, 30019, 63034),
    **_codes("media_unavailable", 11200, 11205, 21620, 63025, retryable=False, fix="other_channel"),
    **_codes("media_unavailable", 63019, 63037),
    **_codes("unsupported_content", 30011, fix="other_channel"),  # no MMS there; a text with a link would do
    # what carriers and platforms do not allow
    **_codes("policy_rejected", 21618, 30007, 30018, 30024, 30032, 30034, 63013, 63026, 63032),
}
"""The whole table of codes; a code that is not here means what its HTTP status means."""

DETAILS: dict[cb.ErrorCode, str] = {
    "media_unavailable": "a file could not be fetched by its link: it must be open to Twilio without a login",
    "too_large": "a file is larger than it may be: send a smaller one, or its link in a text",
    "unsupported_content": "no picture messages arrive there: send a text with a link",
}
"""What a report of a failed picture message means, which names a number and nothing else."""
OPTED_OUT = "21610"


def of_response(response: cb.HttpResponse) -> cb.SendError | None:
    """Make the error of an answer of the API; None: it is fine."""
    if response.ok:
        return None
    said = response.json_or(_Problem())
    meaning = ERRORS.get(said.code or 0)
    over = dict(meaning.over) if meaning else {}
    if not meaning and response.status == 403:
        over["scope"] = "message"  # a right missing for this one thing
    retry = cb.retry_after(response)
    if retry is not None:
        over["retry_after_s"] = retry
    return cb.SendError.of(
        response,
        code=meaning.code if meaning else None,
        provider=said.code or "",
        title=redact(said.message or ""),
        **over,
    )


def of_code(code: str, title: str = "") -> cb.Failure:
    """Make the failure of a delivery report; one that gives no reason we know is as Twilio's own 30008."""
    provider = cb.ProviderError(code=code, title=redact(title))
    meaning = ERRORS.get(int(code)) if code.isascii() and code.isdigit() and len(code) < 10 else None
    if meaning is None:
        detail = "" if code else "Twilio gave no reason"
        return cb.Failure.of("internal", provider=provider, detail=detail)
    return cb.Failure.of(
        meaning.code, provider=provider, **{"detail": DETAILS.get(meaning.code, ""), **meaning.over}
    )


def redact(text: str) -> str:
    """Take phone numbers out of Twilio's words."""
    return _DIGITS.sub("(number)", text)[:300]


class _Problem(Struct):
    code: int | None = None
    message: str | None = None
