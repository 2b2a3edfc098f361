"""What makes two events the same (schema, section 1)."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence

import msgspec

from chanbridge.model.events import Event, MessageReceived, MessageStatus, ProviderEvent, ReactionChanged
from chanbridge.store.lookup import rows

MINUTE = 60.0
_ADD = "INSERT OR IGNORE INTO seen (key, at, ref, request) VALUES {} RETURNING key"
SLICES = 4096
"""In how many steps all keys are looked through for old ones: a sweep of all would stall a full store."""
KEEP_S = 8 * 24 * 3600  # providers retry for up to seven days


def dedupe_key(event: Event, account: str = "") -> bytes:
    """Give the key of an event, 16 bytes. ``account``: whose it is, where the event does not say."""
    account = account or event.account
    if type(event) is MessageReceived and event.provider_id and event.segment is None:
        return external_key(account, event.provider_id)
    return hashlib.blake2b(_identity(event, account), digest_size=16).digest()


def external_key(account: str, external: str) -> bytes:
    """Give the dedupe key of a message by the provider's id: a message is found by it, too."""
    return hashlib.blake2b(f"{account}\nmessage\n{external}".encode(), digest_size=16).digest()


def new_keys(connection: sqlite3.Connection, keys: Sequence[tuple[bytes, float, str, int]]) -> set[bytes]:
    """Write down keys, each with its time, the id of its message and its request; give those that are new."""
    return {row[0] for row in rows(connection, _ADD, keys)}


def known_again(connection: sqlite3.Connection, key: bytes, now: float) -> bool:
    """Say whether what nothing tells from a repeat comes later than a repeat would, and remember that."""
    again = connection.execute(  # what was seen later than now was seen before the clock was set back
        "UPDATE seen SET at = ?1 WHERE key = ?2 AND NOT at BETWEEN ?1 - ?3 AND ?1 + ?3", (now, key, MINUTE)
    )
    return again.rowcount == 1


def is_timeless(event: Event) -> bool:
    """Say whether nothing tells a repeat from a second occurrence: then only a minute does."""
    return not event.provider_id and event.time is None and not isinstance(event, MessageStatus)


def _identity(event: Event, account: str) -> bytes:
    named: tuple[str, ...]
    match event:
        case MessageReceived(provider_id=id, segment=None) if id:  # an echo is known as the message is
            return f"{account}\nmessage\n{id}".encode()
        case MessageStatus(target=target, recipient=recipient, fact=fact):
            named = (target.external or target.id, recipient, str(event.step), fact)
        case ReactionChanged(provider_id=id) if id:
            named = (id, event.emoji, str(event.set))
        case Event(provider_id=id) if id and not isinstance(event, ProviderEvent):
            named = (id,)
        case _:
            return f"{account}\n{event.type}\n".encode() + _content(event, account)
    if event.segment:
        named = (*named, event.segment.key, str(event.segment.index))
    return "\n".join((account, event.type, *named)).encode()


def _content(event: Event, account: str) -> bytes:
    """Give what an event holds, but for our own words on what is wrong with it, and at which place."""
    event = msgspec.structs.replace(event, account=account)
    if isinstance(event, ProviderEvent) and event.error:
        event = msgspec.structs.replace(event, error="")
    return msgspec.json.encode(event)


def slice_of_keys(number: int) -> tuple[bytes, bytes]:
    """Give the bounds of one slice of all keys: from the first, up to and without the second."""
    after = ((number + 1) << 4).to_bytes(3, "big")
    return (number << 4).to_bytes(2, "big"), after[1:] if after[0] == 0 else b"\xff" * 17
