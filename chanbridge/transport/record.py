"""What a send has done already, and what it may therefore still do. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec

from chanbridge.http import Headers, HttpRequest, HttpResponse, MediaBody, Multipart
from chanbridge.model.errors import Failure, SendError
from chanbridge.model.media import Media

KEPT_HEADERS = frozenset(
    {"content-type", "date", "etag", "location", "retry-after", "request-id", "x-request-id", "x-fb-trace-id"}
)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request of a send, by its mark, and what came of it. Plain data: encode it as it is.

    Neither a response nor a failure: the request was about to leave when it was written down.
    """

    mark: str
    repeatable: bool = False
    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""
    blob: Media | None = None
    failure: Failure | None = None

    @classmethod
    def of(cls, mark: str, repeatable: bool, response: HttpResponse) -> Answer:
        """Write a response down, without the headers that nobody needs (some are credentials)."""
        kept = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
        return cls(
            mark=mark,
            repeatable=repeatable,
            status=response.status,
            headers=kept,
            body=response.body,
            blob=response.blob,
        )

    @property
    def open(self) -> bool:
        """Say that nobody knows what came of it."""
        return not self.status and self.failure is None

    def response(self) -> HttpResponse:
        """Give the response again; raise the `SendError` if there was one instead."""
        if self.failure is not None:
            raise SendError.from_failure(self.failure)
        return HttpResponse(status=self.status, headers=Headers(self.headers), body=self.body, blob=self.blob)


class Recorder(Protocol):
    """Keeps the answers of one send, durably, so that it can be resumed after a crash."""

    @property
    def recorded(self) -> Sequence[Answer]:
        """What is on disk from an earlier run, in order."""
        ...

    async def before(self, mark: str) -> None:
        """Write down that a request is about to leave that may not be repeated: on disk when this returns.

        It becomes an open `Answer` at the end of the record.
        """
        ...

    async def after(self, answer: Answer) -> None:
        """Write down what came of a request, in place of its open entry if it has one."""
        ...

    async def withdraw(self, mark: str) -> None:
        """Take back the open entry: the request had no effect, and is made again by a later try."""
        ...


Move: TypeAlias = Literal["make", "note"] | Answer
"""What to do with the next request: make it, note it and then make it, or take its recorded answer."""


def next_move(recorded: Sequence[Answer], index: int, mark: str, repeatable: bool) -> Move:
    """Say what to do with request number ``index`` of a flow; raise `SendError` where only a person knows.

    That is ``outcome_unknown``: it was leaving when the process died, or the record is of other requests.
    """
    if index >= len(recorded):
        return "make" if repeatable else "note"
    past = recorded[index]
    if past.mark != mark:
        raise changed(past.mark)
    if not past.open:
        return past
    if not repeatable:
        raise SendError(
            "outcome_unknown", detail=f"{mark}: the process ended while this request was under way"
        )
    return "make"


def check_finished(recorded: Sequence[Answer], used: int) -> None:
    """Raise `SendError` (``outcome_unknown``) if a flow ended before its record did."""
    if used < len(recorded):
        raise changed(recorded[used].mark)


def changed(mark: str) -> SendError:
    return SendError("outcome_unknown", detail=f"the plugin changed: it no longer makes the request {mark}")


def mark_of(request: HttpRequest) -> str:
    """Give the mark of a request: method and path to read, and a hash of method, URL and body to compare."""
    digest = hashlib.sha256()
    for piece in (request.method, request.url, *_pieces(request.body)):
        data = piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8) + data)
    return f"{request.method} {request.host}{urlsplit(request.url).path} {digest.hexdigest()[:32]}"


def _pieces(body: object) -> list[str | bytes]:
    match body:
        case bytes():
            return [body]
        case MediaBody(media=media, start=start, end=end):
            return [media.blob or media.provider_id or media.url, media.data, f"{start}-{end}"]
        case Multipart(fields=fields):
            return [
                piece
                for field in fields
                for value in [field.value]
                for piece in (
                    field.name,
                    field.filename,
                    field.content_type,
                    *([value] if isinstance(value, str) else _pieces(value)),
                )
            ]
        case _:
            raise TypeError(
                f"a request has a body of {type(body).__name__}: use bytes, MediaBody or Multipart"
            )
