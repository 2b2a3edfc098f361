"""What makes two events the same (schema, section 1)."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from chanbridge.model.events import Event, MessageReceived, MessageStatus, ProviderEvent, ReactionChanged
from chanbridge.store.lookup import rows

MINUTE = 60.0
_ADD = "INSERT OR IGNORE INTO seen (key, at, ref, request) VALUES {} RETURNING key"
_LONGEST = 64
"""Of how many characters of an id, at most, its neighbourhood is made."""


def dedupe_key(event: Event, account: str = "", *, plain: bool = False) -> bytes:
    """Give the key of an event, 16 bytes.

    ``account``: whose it is, where the event does not say. ``plain``: as in stores older than schema 4.
    """
    account = account or event.account
    if type(event) is MessageReceived and event.provider_id and event.segment is None:
        return external_key(account, event.provider_id, plain=plain)
    return _key(account, *_identity(event, account), plain)


def external_key(account: str, external: str, *, plain: bool = False) -> bytes:
    """Give the dedupe key of a message by the provider's id: a message is found by it, too."""
    return _key(account, external, _of_message(account, external), plain)


def _key(account: str, id: str, identity: bytes, plain: bool) -> bytes:
    """Make a key: those of ids that begin alike lie side by side, so that they share pages of the store.

    Ids often begin with what hardly changes: the person (WhatsApp), the time (X, Slack, Discord).
    """
    if plain:
        return blake2b(identity, digest_size=16).digest()
    beginning = id[: len(id) // 2]
    return _neighbourhood(account, beginning[:_LONGEST]) + blake2b(identity, digest_size=12).digest()


@functools.lru_cache(maxsize=1024)
def _neighbourhood(account: str, beginning: str) -> bytes:
    return blake2b(f"{account}\n{beginning}".encode(), digest_size=4).digest()


def _of_message(account: str, external: str) -> bytes:
    return f"{account}\nmessage\n{external}".encode()


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


def _identity(event: Event, account: str) -> tuple[str, bytes]:
    """Say what tells an event from all others, and the id in that (empty: it has none)."""
    named: tuple[str, ...]
    match event:
        case MessageReceived(provider_id=id, segment=None) if id:  # an echo is known as the message is
            return id, _of_message(account, id)
        case MessageStatus(target=target, recipient=recipient, fact=fact):
            named = (target.external or target.id, recipient, str(event.step), fact)
        case ReactionChanged(provider_id=id) if id:
            named = (id, event.emoji, str(event.set))
        case Event(provider_id=id) if id and not isinstance(event, ProviderEvent):
            named = (id,)
        case _:
            return "", f"{account}\n{event.type}\n".encode() + _content(event, account)
    if event.segment:
        named = (*named, event.segment.key, str(event.segment.index))
    return named[0], "\n".join((account, event.type, *named)).encode()


def _content(event: Event, account: str) -> bytes:
    """Give what an event holds, but for our own words on what is wrong with it, and at which place."""
    event = msgspec.structs.replace(event, account=account)
    if isinstance(event, ProviderEvent) and event.error:
        event = msgspec.structs.replace(event, error="")
    return msgspec.json.encode(event)
