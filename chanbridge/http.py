"""What plugins and the transport exchange: requests, responses, and the flows that yield them.

The same two structs serve both ways: a webhook that reached us is an `HttpRequest`, and so is a
call that a plugin wants made. Nothing here does I/O.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Generator, ItemsView, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, overload
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from chanbridge.model.errors import PayloadError
from chanbridge.model.media import Media
from chanbridge.placeholder import placeholder

T = TypeVar("T")


class Headers(Mapping[str, str]):
    """Header fields in order, found by their name in any case; repeats are joined with a comma."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, str] = {}
        if not fields:
            return
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        for name, value in pairs:
            key = name.lower()
            self._fields[key] = f"{self._fields[key]}, {value}" if key in self._fields else value

    @classmethod
    def of_raw(cls, fields: Sequence[tuple[bytes, bytes]]) -> Headers:
        """Make them of a server's bytes, the names in lower case (ASGI)."""
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        if len(named) < len(fields):  # some are repeated
            return cls((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
        headers = cls.__new__(cls)
        headers._fields = named
        return headers

    @property
    def fields(self) -> dict[str, str]:
        """The fields as a dictionary, the names in lower case; it is not to be changed."""
        return self._fields

    def items(self) -> ItemsView[str, str]:
        """The fields, the names in lower case."""
        return self._fields.items()

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...

    def get(self, name: str, /, default: Any = None) -> Any:
        """Give a field, or the default: `Mapping` would raise an exception and catch it."""
        return self._fields.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._fields)})"  # names only: values may be credentials


class MediaBody(msgspec.Struct, frozen=True):
    """The bytes of a file, streamed from the media store; ``start``/``end`` cut a slice (bytes)."""

    media: Media
    start: int = 0
    end: int | None = None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a multipart body."""

    name: str
    value: str | bytes | MediaBody
    filename: str = ""
    content_type: str = ""


class Multipart(msgspec.Struct, frozen=True):
    """A ``multipart/form-data`` body."""

    fields: tuple[Field, ...]


Body: TypeAlias = bytes | MediaBody | Multipart


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One HTTP request. ``idempotent``: repeating it does no harm (a GET by nature)."""

    method: str
    url: str
    headers: Headers = msgspec.field(default_factory=Headers)
    body: Any = b""  # a Body; of a webhook, the bytes exactly as they came
    idempotent: bool = False
    stream: bool = False  # the answer's body goes to the media store: see download()
    peer: str = ""  # of a webhook: the address it came from

    @classmethod
    def get(cls, url: str, **params: object) -> HttpRequest:
        """Build a GET; ``params`` become its query."""
        query = urlencode({name: str(value) for name, value in params.items() if value is not None})
        return cls(method="GET", url=f"{url}?{query}" if query else url, idempotent=True)

    @classmethod
    def post_json(cls, url: str, body: object, *, idempotent: bool = False) -> HttpRequest:
        """Build a POST of a JSON value."""
        headers = Headers({"content-type": "application/json"})
        return cls(
            method="POST",
            url=url,
            headers=headers,
            body=msgspec.json.encode(body),
            idempotent=idempotent,
        )

    @classmethod
    def post_form(
        cls,
        url: str,
        fields: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        idempotent: bool = False,
    ) -> HttpRequest:
        """Build a POST of form fields; a field may occur several times."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        headers = Headers({"content-type": "application/x-www-form-urlencoded"})
        body = urlencode(pairs).encode()
        return cls(method="POST", url=url, headers=headers, body=body, idempotent=idempotent)

    @classmethod
    def post_multipart(cls, url: str, *fields: Field, idempotent: bool = True) -> HttpRequest:
        """Build a POST of fields and files: an upload, which may be repeated."""
        return cls(method="POST", url=url, body=Multipart(fields), idempotent=idempotent)

    @property
    def repeatable(self) -> bool:
        """Say whether it may be sent again when its outcome is not known."""
        return self.idempotent or self.method in {"GET", "HEAD", "OPTIONS"}

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        """The decoded query; of a repeated name, the last value."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def content(self) -> bytes:
        """The body, where it is bytes."""
        return self.body if isinstance(self.body, bytes) else b""

    def json(self, type: type[T] | Any = Any) -> T:
        """Decode the body; raise `PayloadError` if it does not fit."""
        decoded: T = decode_json(self.content, type)
        return decoded

    def form(self) -> list[tuple[str, str]]:
        """Decode form fields, blank and repeated ones kept; raise `PayloadError` if it is no UTF-8 form."""
        try:
            text = self.content.decode()
            return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=2000)
        except ValueError as error:
            raise PayloadError(f"the body is no UTF-8 form: {type(error).__name__}") from error

    def with_headers(self, **headers: str) -> HttpRequest:
        """Return a copy with the headers set; ``_`` in a name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return msgspec.structs.replace(self, headers=Headers({**self.headers, **named}))

    def with_query(self, **params: str) -> HttpRequest:
        """Return a copy with the parameters appended to its query."""
        joint = "&" if urlsplit(self.url).query else "?"
        return msgspec.structs.replace(self, url=f"{self.url}{joint}{urlencode(params)}")

    def download(self) -> HttpRequest:
        """Return a copy whose answer is streamed into the media store: read it at `HttpResponse.blob`."""
        return msgspec.structs.replace(self, stream=True)


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One HTTP response. ``blob`` is the media store's handle of a downloaded body."""

    status: int = 200
    headers: Headers = msgspec.field(default_factory=Headers)
    body: bytes = b""
    blob: Media | None = None
    placeholder: bool = False  # a stand-in for --dry-run: json(T) gives a T of placeholders

    @classmethod
    def text(
        cls, text: str, *, status: int = 200, content_type: str = "text/plain; charset=utf-8"
    ) -> HttpResponse:
        """Build an answer of text."""
        return cls(status=status, headers=Headers({"content-type": content_type}), body=text.encode())

    @classmethod
    def of_json(cls, value: object, *, status: int = 200) -> HttpResponse:
        """Build an answer of a JSON value."""
        headers = Headers({"content-type": "application/json"})
        return cls(status=status, headers=headers, body=msgspec.json.encode(value))

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self, type: type[T] | Any = Any) -> T:
        """Decode the body; raise `PayloadError` if it does not fit."""
        decoded: T = placeholder(type) if self.placeholder else decode_json(self.body, type)
        return decoded

    def json_or(self, default: T) -> T:
        """Decode the body into the type of ``default``; give ``default`` where it does not fit."""
        try:
            return self.json(type(default))
        except PayloadError:
            return default


class Pause(msgspec.Struct, frozen=True):
    """Yielded by a flow that must wait: the provider is still processing."""

    seconds: float


Flow: TypeAlias = Generator[HttpRequest | Pause, HttpResponse, T]
"""Yields requests, is handed responses, returns a T. A failure is raised at the ``yield``."""


def decode_json(body: bytes, type: type[T] | Any = Any) -> T:
    """Decode JSON into a type; raise `PayloadError` that says where, never what, is wrong.

    Half of a surrogate pair is read as U+FFFD: what was cut in two costs a character, not the body.
    """
    try:
        decoded: T = msgspec.json.decode(body, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        mended = with_whole_characters(body)
        if mended != body:
            again: T = decode_json(mended, type)
            return again
        raise PayloadError(f"unexpected JSON: {unquoted(error)}") from error
    return decoded


def with_whole_characters(body: bytes) -> bytes:
    """Write escaped halves of surrogate pairs (``\\ud83d`` alone) in JSON as ``\\ufffd``; all else stays."""
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["half"] else found[0], body)


# Every escape is passed over whole, so that the u behind an escaped backslash begins none.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def unquoted(error: Exception) -> str:
    """Keep what msgspec says of types and places, drop any value or unknown name it quotes."""
    said, at, path = str(error).rpartition(" - at `")
    rule = re.split("""['"]|(?<=unknown field) `""", said if at else path)[0].strip()
    return f"{rule}{at}{path}"[:200] if at else rule[:200]


def same(given: str, expected: str) -> bool:
    """Compare in constant time whatever was sent (`hmac.compare_digest` refuses text that is not ASCII)."""
    try:
        return hmac.compare_digest(given, expected)
    except TypeError:  # not ASCII: as bytes
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
