"""What the journal keeps of a request: all but its credentials."""

from __future__ import annotations

import re
from functools import lru_cache

from chanbridge.http import Headers, HttpRequest
from chanbridge.model.media import INLINE_MAX
from chanbridge.redact import MASK, redact_url

_CREDENTIAL = re.compile(r"authorization|cookie|token|secret|api-?key|password|credential|session")


@lru_cache(maxsize=256)
def _credentials(names: tuple[str, ...]) -> tuple[str, ...]:
    # A signature is none: it fits this one body, and proves at a replay whose request it was.
    return tuple(name for name in names if _CREDENTIAL.search(name))


def kept_request(request: HttpRequest, token: str = "") -> HttpRequest:
    """Give a verified webhook as the journal may keep it; ``token`` is its secret piece of the path."""
    credentials = _credentials(tuple(request.headers.fields))
    if not (credentials or token or "?" in request.url):
        return request
    url = request.url.replace(token, MASK) if token else request.url
    headers = request.headers
    if credentials:
        headers = Headers({**headers, **dict.fromkeys(credentials, MASK)})
    return HttpRequest(
        method=request.method,
        url=redact_url(url) if "?" in url else url,
        headers=headers,
        body=request.body,
    )


def may_hold_files(request: HttpRequest) -> bool:
    """Say whether events of a request can hold more than fits inline: only a large or packed body can."""
    return len(request.content) > INLINE_MAX or "content-encoding" in request.headers
