"""What every piece of the vocabulary shares: frozen, keyword-only, and open to fields it does not know."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self, dataclass_transform

import msgspec
from msgspec import Meta

JSON = Any
"""A JSON value: None, bool, int, float, str, list or dict of these."""
Filled = Annotated[str, Meta(min_length=1)]
Natural = Annotated[int, Meta(ge=0)]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A piece of the uniform schema. Each class says ``kw_only=True``: msgspec does not inherit that.

    Constructing one checks nothing: `chanbridge.model.check` does that once, at the edges.
    ``extra`` holds the fields of a document that this version does not know, ``x-*``
    extensions among them; on the wire they stand beside the known fields.
    """

    extra: dict[str, JSON] = {}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with the given fields changed."""
        return msgspec.structs.replace(self, **changes)


class Raw(Model, kw_only=True):
    """The provider's own payload: ``body`` if it is UTF-8 text, ``data`` if it is not, or a ``ref``."""

    media_type: str = "application/json"
    body: str = ""
    data: bytes = b""
    ref: str = ""
    redacted: bool = False

    @classmethod
    def of(cls, payload: bytes, media_type: str = "application/json") -> Raw:
        """Wrap bytes as they came, without guessing a character set."""
        try:
            return cls(media_type=media_type, body=payload.decode())
        except UnicodeDecodeError:
            return cls(media_type=media_type, data=payload)

    @property
    def content(self) -> bytes:
        """The payload as it came (empty if it is only referred to)."""
        return self.data or self.body.encode()


class Context(Model, kw_only=True):
    """What an answer will need (a reply token, a service URL), with the time it stops being of use."""

    values: dict[str, JSON] = {}
    expires_at: dt.datetime | None = None


class Money(Model, kw_only=True):
    """An amount in the currency's minor units (cents)."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["EUR"])]
    minor: int


class Ref(Model, kw_only=True):
    """A message by our id, by the provider's, or by both; ``part`` picks one of several provider ids."""

    id: str = ""
    external: str = ""
    part: str = ""
