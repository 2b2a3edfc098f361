"""How the documents of the store are written."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from chanbridge.model.codec import from_wire, to_wire
from chanbridge.model.message import Message


def fingerprint(message: Message) -> bytes:
    """Mark the content of a message, whatever its ids are."""
    return hashlib.blake2b(pack(message.replace(id="", conversation="")), digest_size=16).digest()


def pack(value: Any) -> bytes:
    """Write a document of the store."""
    if value is None:
        return b"null"
    return msgspec.json.encode(
        [to_wire(each) for each in value] if isinstance(value, list) else to_wire(value)
    )


def unpack_as(type: Any, data: bytes) -> Any:
    """Read a document of the store."""
    return from_wire(type, msgspec.json.decode(data))
