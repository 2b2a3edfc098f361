"""Which handler answers a call; forms and credentials read from it. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from email.message import Message as Fields
from email.parser import HeaderParser
from email.utils import collapse_rfc2231_value
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from chanbridge.http import HttpRequest, HttpResponse


class Upload(Struct, frozen=True):
    """One field of a received multipart form."""

    name: str
    data: bytes
    filename: str = ""
    content_type: str = ""

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class Refusal(Exception, ABC):
    """Raised by a handler to refuse a call in the provider's shape."""

    @abstractmethod
    def response(self) -> HttpResponse:
        """Write the answer."""


class Call:
    """One call of the simulated API: its request, what the path named, and what is to follow it."""

    def __init__(self, request: HttpRequest, name: str, params: dict[str, str]) -> None:
        self.request = request
        self.name = name
        self.params = params
        self.jobs: list[Job] = []

    def later(self, job: Job) -> None:
        """Do something once the answer has left."""
        self.jobs.append(job)

    @property
    def fields(self) -> dict[str, Any]:
        """The call's parameters: its query, then its JSON object, form or multipart texts."""
        return {**self.request.query, **body_fields(self.request)}


Job: TypeAlias = Callable[[], Awaitable[None]]
Handler: TypeAlias = Callable[[Call], HttpResponse | Awaitable[HttpResponse]]


class Route(Struct, frozen=True):
    """A handler for ``METHOD /path/{parameter}``; ``name`` is what faults match."""

    method: str
    path: str
    name: str
    handler: Handler
    public: bool = False  # needs no credential


class Router:
    """Finds the route of a call: the first that fits, as they were given."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, _pattern(route.path)) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Give the route and what the path named; None if there is no such route."""
        for route, pattern in self._routes:
            if route.method == method and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "/?")


def body_fields(request: HttpRequest) -> dict[str, Any]:
    """Read a body as fields: JSON object, form (a repeated name gives a list) or multipart; else none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return {part.name: part.text for part in multipart(request) if not part.filename}
    if kind == "application/x-www-form-urlencoded":
        fields: dict[str, Any] = {}
        for name, value in request.form():
            fields.setdefault(name, []).append(value)
        return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}
    try:
        decoded = msgspec.json.decode(request.content) if request.content else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def multipart(request: HttpRequest) -> list[Upload]:
    """Read a ``multipart/form-data`` body; an unreadable one has no fields."""
    boundary = _parameters("content-type", request.headers.get("content-type", "")).get_param("boundary")
    if not isinstance(boundary, str):
        return []
    pieces = (b"\r\n" + request.content).split(b"\r\n--" + boundary.encode())
    return [_upload(piece) for piece in pieces[1:] if piece.startswith(b"\r\n")]


def _upload(piece: bytes) -> Upload:
    head, _, data = piece.partition(b"\r\n\r\n")
    fields = HeaderParser().parsestr(head.strip().decode("utf-8", "replace"))
    disposition = _parameters("content-disposition", fields.get("content-disposition", ""))
    return Upload(
        name=_parameter(disposition, "name"),
        data=data,
        filename=_parameter(disposition, "filename"),
        content_type=fields.get("content-type", ""),
    )


def _parameter(fields: Fields, name: str) -> str:
    value = fields.get_param(name, "", header="content-disposition")
    return collapse_rfc2231_value(value) if value else ""


def _parameters(name: str, value: str) -> Fields:
    fields = Fields()
    fields[name] = value
    return fields


def bearer(request: HttpRequest) -> str:
    """The token of ``Authorization: Bearer`` or ``OAuth``; empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in {"bearer", "oauth"} else ""


def basic(request: HttpRequest) -> tuple[str, str]:
    """The user and password of ``Authorization: Basic``; empty if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
