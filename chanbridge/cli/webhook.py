"""Reading a recorded webhook: a raw body, or a JSON object of method, path, query, headers and body."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from chanbridge.http import Headers, HttpRequest
from chanbridge.model.errors import ValidationError

_KEYS = {"method", "path", "url", "query", "headers", "body", "base64", "peer"}
_NOTES = {"account", "at"}  # what 'listen --record' adds
_TELLING = {"method", "base64"}
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def read_request(content: bytes, webhook_url: str) -> HttpRequest:
    """Make a request of what was recorded; a body alone is a POST to the webhook's URL."""
    recorded = _recorded(content)
    if recorded is None:
        headers = Headers({"content-type": _guess(content)})
        return HttpRequest(method="POST", url=webhook_url, headers=headers, body=content)
    _refuse_odd(recorded)
    headers = Headers(_headers(recorded.get("headers") or {}))
    body = _body(recorded, headers.get("content-type", ""))
    if body and "content-type" not in headers:
        headers = Headers({**headers, "content-type": _guess(body)})
    return HttpRequest(
        method=str(recorded.get("method") or "POST").upper(),
        url=_url(recorded, headers, webhook_url),
        headers=headers,
        body=body,
        peer=str(recorded.get("peer") or ""),
    )


def _recorded(content: bytes) -> dict[str, Any] | None:
    """The object of a recorded request, or None if this is a body by itself."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or not found.keys() <= _KEYS | _NOTES:
        return None
    is_request = isinstance(found.get("body"), str | dict | list) or not found.keys().isdisjoint(_TELLING)
    return found if is_request else None


def _refuse_odd(recorded: dict[str, Any]) -> None:
    """Raise `ValidationError` where a key holds what cannot be a piece of a request."""
    for key in ("method", "path", "url", "peer", "base64"):
        if not isinstance(recorded.get(key) or "", str):
            raise ValidationError(key, "must be a string")
    if not isinstance(recorded.get("body", ""), str | dict | list):
        raise ValidationError("body", "must be a string, or the JSON itself as an object or array")


def _body(recorded: dict[str, Any], content_type: str) -> bytes:
    if "base64" in recorded:
        try:
            return base64.b64decode(str(recorded["base64"]), validate=True)
        except binascii.Error as error:
            raise ValidationError("base64", "must be base64") from error
    body = recorded.get("body", "")
    if isinstance(body, dict) and content_type.startswith(_FORM):
        return urlencode(body, doseq=True).encode()
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _headers(headers: Any) -> list[tuple[str, str]]:
    """Headers as an object (a value may be a list), or as a list of pairs."""
    try:
        pairs = headers.items() if isinstance(headers, dict) else [(name, value) for name, value in headers]
        return [
            (str(name), str(one))
            for name, value in pairs
            for one in (value if isinstance(value, list) else [value])
        ]
    except (TypeError, ValueError) as error:
        raise ValidationError("headers", "write an object, or a list of [name, value]") from error


def _url(recorded: dict[str, Any], headers: Headers, webhook_url: str) -> str:
    """The URL that the provider called: what it was told, with the path and query that came."""
    whole = str(recorded.get("url") or recorded.get("path") or "")
    if whole.startswith(("http://", "https://")):
        return whole
    known = urlsplit(webhook_url)
    path, mark, inline = str(recorded.get("path") or known.path).partition("?")
    public, inside, _ = known.path.rpartition("/in/")
    if inside and not path.startswith(f"{public}/"):
        path = public + path  # recorded behind a proxy that took the prefix off
    host = (
        known.netloc if webhook_url and known.hostname != "localhost" else headers.get("host", known.netloc)
    )
    query = _query(recorded.get("query")) or inline
    return f"{known.scheme}://{host}{path}" + (f"?{query}" if query or mark else "")


def _query(query: Any) -> str:
    if isinstance(query, dict):
        return urlencode(query, doseq=True)
    return urlencode(query) if isinstance(query, list) else str(query or "").removeprefix("?")


def _guess(body: bytes) -> str:
    return _JSON if body.lstrip()[:1] in (b"{", b"[") else _FORM
