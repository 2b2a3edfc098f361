"""How Twilio's REST API answers: its errors, lists and dates."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import chanbridge as cb
from chanbridge.sandbox import Refusal

API = "2010-04-01"
MESSAGES = {
    11200: "HTTP retrieval failure",
    11751: "MMS -> the media exceed the messaging provider's size limit",
    12300: "Invalid Content-Type",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid 'From' Phone Number",
    21266: "'To' and 'From' number cannot be the same",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number is not a valid message-capable number of your account",
    21609: "Invalid 'StatusCallback' URL",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21620: "Invalid media URL(s)",
    21623: "Number of media files exceeds allowed limit",
    21624: "Invalid ValidityPeriod value",
    21655: "The ContentSid is invalid",
    21656: "The ContentVariables parameter is invalid",
    21701: "The Messaging Service does not exist",
    30003: "Unreachable destination handset",
    30008: "Unknown error",
}
STATUSES = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503}


class Refused(Refusal):
    """Twilio refuses a call."""

    def __init__(self, code: int, details: str = "", *, status: int = 0) -> None:
        super().__init__(code)
        self.code, self.details = code, details
        self.status = status or STATUSES.get(code, 400)

    def response(self, **headers: str) -> cb.HttpResponse:
        """Write it as Twilio does."""
        text = message(self.code)
        problem = {
            "code": self.code,
            "message": f"{text}: {self.details}" if self.details else text,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        answer = cb.HttpResponse.of_json(problem, status=self.status)
        if self.code == 20003:
            headers["www-authenticate"] = 'Basic realm="Twilio API"'
        return cb.HttpResponse(
            status=self.status, headers=cb.Headers({**answer.headers, **headers}), body=answer.body
        )


def message(code: int) -> str:
    """The text of an error code."""
    return MESSAGES.get(code, "Error")


def created(value: object) -> cb.HttpResponse:
    """The answer to what was made."""
    return cb.HttpResponse.of_json(value, status=201)


def gone() -> cb.HttpResponse:
    """The answer to what was deleted."""
    return cb.HttpResponse(status=204)


def date(at: dt.datetime) -> str:
    """A date as the 2010 API writes it."""
    return email.utils.format_datetime(at)


def iso(at: dt.datetime) -> str:
    """A date as the newer APIs write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def page(name: str, items: Sequence[Any], query: Mapping[str, str], path: str) -> cb.HttpResponse:
    """A list of the 2010 API, in pages."""
    size, place = _number(query, "PageSize", 50), _number(query, "Page", 0)
    start = place * size
    found = list(items[start : start + size])

    def link(to: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': to})}"

    more = start + size < len(items)
    answer = {
        name: found,
        "page": place,
        "page_size": size,
        "start": start,
        "end": start + len(found) - 1,
        "uri": path,
        "first_page_uri": link(0),
        "next_page_uri": link(place + 1) if more else None,
        "previous_page_uri": link(place - 1) if place else None,
    }
    return cb.HttpResponse.of_json(answer)


def listed(name: str, items: Sequence[Any]) -> cb.HttpResponse:
    """A list of the newer APIs, in one page."""
    meta = {"key": name, "page": 0, "page_size": max(50, len(items)), "next_page_url": None}
    return cb.HttpResponse.of_json({name: list(items), "meta": meta})


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, "")
    return int(value) if value.isdigit() else default
