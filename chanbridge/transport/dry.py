"""Shows the requests of a flow without making them."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from chanbridge.http import Flow, HttpRequest, HttpResponse, MediaBody, Multipart, Pause
from chanbridge.model.media import Media
from chanbridge.redact import redact_headers, redact_json, redact_url
from chanbridge.transport.drive import MAX_REQUESTS
from chanbridge.transport.record import mark_of

_STAND_IN = Media(blob="0" * 64, mime="application/octet-stream", filename="file")


def dry_run(flow: Flow[Any]) -> list[HttpRequest]:
    """Give the requests that a flow would make, unsigned, each answered by a stand-in.

    A flow that loops until its provider is ready ends too: it is left after as many requests as a real
    one may make, or when it asks the same again.
    """
    requests: list[HttpRequest] = []
    try:
        step = next(flow)
        for _ in range(MAX_REQUESTS):
            if isinstance(step, HttpRequest):
                if requests and mark_of(step) == mark_of(requests[-1]):
                    break
                requests.append(step)
            step = flow.send(_stand_in(step))
    except StopIteration:
        return requests
    finally:
        flow.close()
    return requests


def _stand_in(step: HttpRequest | Pause) -> HttpResponse:
    blob = _STAND_IN if isinstance(step, HttpRequest) and step.stream else None
    return HttpResponse(placeholder=True, blob=blob)


def request_as_json(request: HttpRequest) -> dict[str, Any]:
    """Describe a request as JSON, without credentials: JSON and forms decoded, bytes as base64."""
    shown: dict[str, Any] = {"method": request.method, "url": redact_url(request.url)}
    if request.headers:
        shown["headers"] = redact_headers(request.headers)
    return {**shown, **_body(request)}


def _body(request: HttpRequest) -> dict[str, Any]:
    match request.body:
        case MediaBody() as body:
            return {"file": _file(body)}
        case Multipart(fields=fields):
            return {"multipart": [_field(field) for field in fields]}
        case b"":
            return {}
        case bytes() as content:
            return _content(content, request)
    raise TypeError(f"a request has a body of {type(request.body).__name__}")


def _content(content: bytes, request: HttpRequest) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return {"form": [[name, redact_json({name: value})[name]] for name, value in request.form()]}
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return {"json": redact_json(msgspec.json.decode(content))}
        except msgspec.DecodeError:
            return {"body": _readable(content)}
    return {"body": _readable(content)}


def _readable(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _field(field: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": field.name}
    if field.filename:
        shown["filename"] = field.filename
    if field.content_type:
        shown["content_type"] = field.content_type
    if isinstance(field.value, MediaBody):
        return {**shown, "file": _file(field.value)}
    value = field.value if isinstance(field.value, str) else _readable(field.value)
    return {**shown, "value": redact_json({field.name: value})[field.name]}


def _file(body: MediaBody) -> dict[str, Any]:
    media = body.media
    known = {
        "blob": media.blob,
        "mime": media.mime,
        "filename": media.filename,
        "size": media.size if media.size is not None else len(media.data) or None,
        "start": body.start or None,
        "end": body.end,
    }
    return {name: value for name, value in known.items() if value not in ("", None)}
