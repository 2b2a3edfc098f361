"""Takes credentials out of what is shown, logged or kept beside an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from chanbridge.http import Headers, HttpRequest, HttpResponse
from chanbridge.secret import Secret

MASK = "***"
SHORTEST = 12

_SECRET_HEADER = re.compile(
    r"authorization|cookie|token|secret|signature|api-?key|password|credential|session", re.IGNORECASE
)
_WORDS = r"(?:[a-z]+[_-])?(?:token|secret)|appsecret[_-]?proof|api[_-]?key|password|passwd|credentials?"
_SECRET_NAME = re.compile(rf"(?:^|\.)(?:{_WORDS})$", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(
    rf"(?:^|[._-])(?:{_WORDS}|key|signature|sig|hash|hmac|code|credential)$", re.IGNORECASE
)
_QUERY_PAIR = re.compile(r"(?P<name>[^&;=?#\s]+)=(?P<value>[^&;#\s\"'<>]*)")
_BEARER = re.compile(r"\b(?P<scheme>Bearer|Basic|OAuth)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_USERINFO = re.compile(r"(?P<scheme>https?://)[^/@\s]+@", re.IGNORECASE)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask known secrets, bearer tokens, user infos and secret-looking query parameters in a text."""
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    text = _BEARER.sub(rf"\g<scheme> {MASK}", text)
    return _QUERY_PAIR.sub(_masked_pair, text)


def without(response: HttpResponse, secrets: Iterable[str]) -> HttpResponse:
    """Mask secrets that an answer quotes (some providers repeat a token that they refuse)."""
    body = response.body
    for secret in secrets:
        body = body.replace(secret.encode(), MASK.encode())
    return response if body is response.body else msgspec.structs.replace(response, body=body)


def secrets_of(config: object) -> tuple[str, ...]:
    """List the credentials of a configuration that are long enough not to occur by chance."""
    fields = msgspec.structs.asdict(config).values() if isinstance(config, msgspec.Struct) else ()
    revealed = (value.reveal() for value in fields if isinstance(value, Secret))
    return tuple(secret for secret in revealed if len(secret) >= SHORTEST)


def redact_url(url: str, secrets: Iterable[str] = ()) -> str:
    """Mask the credentials of a URL: its user, and query parameters that look like one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    _, at, place = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{place}" if at else place
    query = _QUERY_PAIR.sub(_masked_pair, parts.query)
    return redact(urlunsplit(parts._replace(netloc=netloc, query=query)), secrets)


def is_secret_header(name: str) -> bool:
    """Say whether a header carries a credential, a signature or a cookie."""
    return _SECRET_HEADER.search(name) is not None


def redact_headers(headers: Headers | dict[str, str]) -> dict[str, str]:
    """Mask the values of headers that carry credentials, signatures or cookies."""
    return {name: MASK if is_secret_header(name) else redact(value) for name, value in headers.items()}


def redact_request(request: HttpRequest) -> HttpRequest:
    """Return a copy fit to be shown; its body stays."""
    return msgspec.structs.replace(
        request, url=redact_url(request.url), headers=Headers(redact_headers(request.headers))
    )


def redact_response(response: HttpResponse) -> HttpResponse:
    """Return a copy fit to be shown; its body stays."""
    return msgspec.structs.replace(response, headers=Headers(redact_headers(response.headers)))


def redact_json(value: Any) -> Any:
    """Mask the members of a JSON value whose names say that they are credentials."""
    if isinstance(value, dict):
        return {
            name: MASK if _SECRET_NAME.search(str(name)) and isinstance(item, str) else redact_json(item)
            for name, item in value.items()
        }
    return [redact_json(item) for item in value] if isinstance(value, list) else value


def _masked_pair(found: re.Match[str]) -> str:
    return f"{found['name']}={MASK}" if _SECRET_PARAMETER.search(found["name"]) else found[0]
