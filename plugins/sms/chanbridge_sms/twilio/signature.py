"""Twilio's webhook signature: HMAC over the URL as Twilio knows it, and the form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

import chanbridge as cb

HEADER = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"  # names the algorithm of webhooks with a shared key
BODY_HASH = "bodySHA256"
FORM = "application/x-www-form-urlencoded"

_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_PORT = re.compile(r":\d*$")

Pairs = list[tuple[str, str]]


def check(request: cb.HttpRequest, keys: Iterable[cb.Secret | None], webhook_url: str = "") -> None:
    """Raise `SignatureError` unless one of the keys signed the request; an empty one signs nothing."""
    given = request.headers.get(HEADER, "")
    if not given:
        raise cb.SignatureError("X-Twilio-Signature is missing")
    algorithm = _ALGORITHMS.get(_algorithm(request.headers.get(SETTINGS, "")))
    if algorithm is None:
        raise cb.SignatureError("X-Twilio-Webhooks-Signature-Settings names an unknown algorithm")
    signed = _signed_form(request)
    usable = [key.reveal() for key in keys if key]
    good = [
        cb.same(given, sign(url, signed, key, algorithm))
        for url in urls(request.url, webhook_url)
        for key in usable
    ]
    if not any(good):
        raise cb.SignatureError(
            "X-Twilio-Signature does not match: compare public_url with the URL at Twilio, and auth_token"
        )


def sign(url: str, form: Iterable[tuple[str, str]], key: str, algorithm: str = "sha1") -> str:
    """Compute the signature of one form of a URL: parameters by name, each value of a name once."""
    text = url + "".join(name + value for name, value in sorted(set(form)))
    digest = hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), algorithm).digest()
    return base64.b64encode(digest).decode()


def fields(request: cb.HttpRequest) -> Pairs | None:
    """Give the parameters that the request carries; None where its body is no form (JSON)."""
    if request.method == "GET":
        return parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    return request.form() if is_form(request) else None


def is_form(request: cb.HttpRequest) -> bool:
    """Say whether the body is form fields: so it is where no content type says otherwise."""
    return request.headers.get("content-type", FORM).partition(";")[0].strip().lower() == FORM


def urls(url: str, webhook_url: str = "") -> list[str]:
    """List the forms of a URL that Twilio may have signed: as it came, or below the account's own.

    Twilio signs with or without the port (it is inconsistent there), never with the fragment, and
    the query exactly as it stands.
    """
    known = [url, *_public(url, webhook_url)]
    return list(dict.fromkeys(form for each in known for form in _ports(each)))


def _public(url: str, webhook_url: str) -> Iterator[str]:
    """Put what follows ``/in/`` below the prefix under which the provider knows us."""
    prefix, inside, _ = webhook_url.rpartition("/in/")
    _, found, tail = url.partition("/in/")
    if inside and found:
        yield f"{prefix}/in/{tail}"


def _ports(url: str) -> Iterator[str]:
    parsed = _URL.match(url)
    if not parsed:
        return
    scheme, place, rest = parsed.groups()
    port = _PORT.search(place)
    bare = place[: port.start()] if port else place
    standard = "443" if scheme.lower() == "https" else "80"
    yield f"{scheme}://{bare}{rest}"
    yield f"{scheme}://{place}{rest}" if port else f"{scheme}://{bare}:{standard}{rest}"


def _signed_form(request: cb.HttpRequest) -> Pairs:
    """Give the parameters that are part of the signature; a JSON body is covered by its hash instead."""
    if request.method == "GET":
        return []
    if is_form(request):
        try:
            return request.form()
        except cb.PayloadError as error:
            raise cb.SignatureError("the body is no form that could have been signed") from error
    expected = request.query.get(BODY_HASH, "")
    if not cb.same(expected.lower(), hashlib.sha256(request.content).hexdigest()):
        raise cb.SignatureError(f"{BODY_HASH} is not the hash of the body")
    return []


def _algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return "HMAC_SHA1"
