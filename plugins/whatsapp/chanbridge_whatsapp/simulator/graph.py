"""How the Graph API answers: its errors, its pages, its sparse objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import chanbridge as cb
from chanbridge.sandbox import Refusal

TITLES = {
    0: "AuthException",
    3: "Capability or permissions issue",
    10: "Permission denied",
    33: "Parameter value is not valid",
    100: "Invalid parameter",
    190: "Error validating access token: session has expired",
    2200: "Callback verification failed",
    80007: "Rate limit issues",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131021: "Recipient cannot be sender",
    131026: "Message undeliverable",
    131030: "Recipient phone number not in allowed list",
    131047: "Re-engagement message",
    131050: "User has stopped marketing messages from this business",
    131051: "Unsupported message type",
    131052: "Media download error",
    131053: "Media upload error",
    131056: "Pair rate limit hit",
    131062: "Business-scoped user ids are not supported for this message",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is paused",
    132018: "Template parameter value is not valid",
    138006: "No approved call permission from the recipient",
    2388023: "The template language is being deleted",
}
STATUSES = {190: 401, 3: 403, 10: 403, 132001: 404, 130429: 429, 131056: 429, 80007: 429, 131016: 503}
_VERSION = re.compile(r"/v\d+\.\d+(?=/)")


class Refused(Refusal):
    """The Graph API refuses a call. ``details`` explains."""

    def __init__(self, code: int, details: str = "", *, subcode: int = 0, status: int = 0) -> None:
        super().__init__(code)
        self.code, self.details, self.subcode = code, details, subcode
        self.status = status or STATUSES.get(code, 400)

    def response(self, **headers: str) -> cb.HttpResponse:
        """Write it as the Graph API does."""
        error: dict[str, Any] = {
            "message": f"(#{self.code}) {title(self.code)}",
            "type": "OAuthException",
            "code": self.code,
            "fbtrace_id": "TESTTRACE",
        }
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode:
            error["error_subcode"] = self.subcode
        answer = cb.HttpResponse.of_json({"error": error}, status=self.status)
        return cb.HttpResponse(
            status=self.status, headers=cb.Headers({**answer.headers, **headers}), body=answer.body
        )


def missing(name: str) -> Refused:
    """Refuse a call that lacks a parameter."""
    return Refused(131008, f"The parameter {name} is required.")


def absent(id: str) -> Refused:
    """Refuse a call about an object that does not exist, or that the token may not see."""
    details = f"Object with ID '{id}' does not exist, or the token lacks the permission to load it."
    return Refused(100, details, subcode=33)


def title(code: int) -> str:
    """The short text of an error code."""
    return TITLES.get(code, "Invalid parameter")


def status_error(code: int, details: str = "") -> dict[str, Any]:
    """An error as a ``failed`` status carries it."""
    return {
        "code": code,
        "title": title(code),
        "message": title(code),
        "error_data": {"details": details or title(code)},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }


def unversioned(path: str) -> str:
    """Drop the API version in front of a path: every version is served."""
    return _VERSION.sub("", path, count=1)


def success(**fields: Any) -> cb.HttpResponse:
    """The usual answer to a change."""
    return cb.HttpResponse.of_json({"success": True, **fields})


def node(fields: Mapping[str, Any], wanted: str = "") -> cb.HttpResponse:
    """One object; with ``fields`` asked for, only these and its id."""
    names = [name.partition("{")[0].strip() for name in wanted.split(",") if name] or list(fields)
    return cb.HttpResponse.of_json({name: fields[name] for name in [*names, "id"] if name in fields})


def page(items: Iterable[Any], query: Mapping[str, Any] | None = None, **summary: Any) -> cb.HttpResponse:
    """A list, in pages of ``limit`` behind the cursor ``after``."""
    asked, found = query or {}, list(items)
    start, size = _number(asked.get("after")), _number(asked.get("limit")) or 25
    end = start + size
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(min(end, len(found)))}}
    if end < len(found):
        paging["next"] = f"https://graph.facebook.com/next?after={end}"
    answer = {"data": found[start:end], "paging": paging}
    return cb.HttpResponse.of_json({**answer, "summary": summary} if summary else answer)


def _number(value: Any) -> int:
    return int(value) if str(value or "").isdigit() else 0
