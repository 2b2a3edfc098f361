"""Conversations: which one an event belongs to, its window, its context, its consent."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chanbridge.model.address import Contact, Conversation, Identity, Window
from chanbridge.model.base import Context
from chanbridge.model.events import (
    ConsentChanged,
    Event,
    IdentityChanged,
    InteractionReceived,
    MessageEchoed,
    MessageReceived,
)
from chanbridge.store.engine import StoreError
from chanbridge.store.visit import Visit

STABLE = ("bsuid", "psid", "openid", "scoped_id", "parent_bsuid", "wa_id", "phone", "email")
"""Kinds of identity that may find a conversation, the most stable first: numbers are recycled."""
_RANK: dict[str, int] = {kind: rank for rank, kind in enumerate(STABLE)}
SCOPED = ("bsuid", "psid", "openid", "scoped_id")
"""Kinds of which a person has one with an account: another one is another person."""
NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
"""When a window closes whose end nobody has told."""


class Known(NamedTuple):
    """An address that an event states for its contact; ``kind`` is that of the identity, if it is one."""

    kind: str
    address: str


def place(
    connection: sqlite3.Connection, event: Event, windows: dict[str, int | None], now: float, visit: Visit
) -> Event:
    """Find or found the conversation of an event, and write down what the event says of it."""
    if event.conversation is None:
        return event
    until, by = window_of(event, windows.get(event.account), now)
    stated = (event.account, event.conversation, sender_of(event))
    if visit.conversation and visit.stated == stated and (until or 0.0) <= visit.until:
        conversation = visit.conversation
    else:
        conversation = _settle(connection, event, until, by)
        visit.stated, visit.conversation, visit.until = stated, conversation, until or 0.0
    if event.context:
        remember(connection, conversation.key, event.context)
    if isinstance(event, ConsentChanged):
        _consent(connection, conversation.key, event)
    elif isinstance(event, IdentityChanged):
        _rename(connection, conversation, event)
        visit.stated = None
    return event.replace(conversation=conversation)


def _settle(connection: sqlite3.Connection, event: Event, until: float | None, by: str) -> Conversation:
    assert event.conversation
    wanted = own(event.conversation, event.account)
    if _is_another_now(connection, wanted) or not _touch(connection, wanted.key, until, by):
        settled = _find(connection, wanted, event, until, by)
    else:
        _learn(connection, wanted, event)
        settled = wanted
    if sender_of(event) is not None:
        _reach(connection, settled, wanted.address)
    return settled


def own(conversation: Conversation, account: str) -> Conversation:
    """Give a conversation as that of an account; a plugin may give one object to many."""
    return conversation.replace(account=account, extra=dict(conversation.extra))


def _reach(connection: sqlite3.Connection, conversation: Conversation, address: str) -> None:
    """Let answers go to the address from which they wrote last: another may be somebody else's by now."""
    if conversation.kind == "direct" and not conversation.thread:
        reach = "" if address == conversation.address else address
        connection.execute(
            "UPDATE conversations SET reach = ?1 WHERE key = ?2 AND reach <> ?1", (reach, conversation.key)
        )


def _is_another_now(connection: sqlite3.Connection, wanted: Conversation) -> bool:
    """Say whether an address that once named a conversation is somebody else's by now."""
    return _leads_to(connection, wanted) not in {None, wanted.key}


def _leads_to(connection: sqlite3.Connection, wanted: Conversation) -> str | None:
    if wanted.thread or wanted.kind != "direct":
        return None
    return _owner_of(connection, wanted.account, wanted.address)


def _owner_of(connection: sqlite3.Connection, account: str, address: str) -> str | None:
    row = connection.execute(
        "SELECT conversation FROM aliases WHERE account = ? AND address = ?", (account, address)
    ).fetchone()
    return row[0] if row else None


def window_of(event: Event, seconds: int | None, now: float) -> tuple[float | None, str]:
    """Say until when an event opens the service window; None: it does not."""
    if event.window is not None:
        until = event.window.expires_at or NEVER
        return until.timestamp() if event.window.open else None, event.window.opened_by
    opens = type(event) is MessageReceived or isinstance(event, InteractionReceived)
    if not (opens and seconds) or event.passive:
        return None, ""
    said_at = min(event.time.timestamp(), now) if event.time else now  # their clock may be ahead
    return said_at + seconds, "message"


def _touch(connection: sqlite3.Connection, key: str, until: float | None, by: str) -> bool:
    """Extend the window of a known conversation; say whether it is known."""
    if until is None:
        return connection.execute("SELECT 1 FROM conversations WHERE key = ?", (key,)).fetchone() is not None
    changed = connection.execute(
        "UPDATE conversations SET window_by = CASE WHEN ?1 >= coalesce(window_until, 0) THEN ?2"
        " ELSE window_by END,"
        " window_until = max(coalesce(window_until, 0), ?1) WHERE key = ?3",
        (until, by, key),
    )
    return changed.rowcount == 1


def _find(
    connection: sqlite3.Connection, wanted: Conversation, event: Event, until: float | None, by: str
) -> Conversation:
    """Find a conversation by any address of its contact; found it if there is none."""
    stated = stated_by(wanted, event)
    key = _match(connection, wanted.account, stated)
    if key is None:
        found(connection, wanted, until, by)
    else:
        _touch(connection, key, until, by)
    _alias(connection, wanted.account, stated, key or wanted.key)
    return (load(connection, key) if key else None) or wanted


def _match(connection: sqlite3.Connection, account: str, stated: list[Known]) -> str | None:
    """Find the conversation of the first address that leads to one; a more stable id may speak against it."""
    for index, one in enumerate(stated):
        owner = _owner_of(connection, account, one.address)
        if owner and not any(_is_other(connection, owner, better) for better in stated[:index]):
            return owner
    return None


def _is_other(connection: sqlite3.Connection, conversation: str, stated: Known) -> bool:
    """Say whether a conversation is with somebody whose identity of this kind is another one."""
    if stated.kind not in SCOPED:
        return False
    there = connection.execute(
        "SELECT 1 FROM aliases WHERE conversation = ? AND kind = ? LIMIT 1", (conversation, stated.kind)
    )
    return there.fetchone() is not None


def _learn(connection: sqlite3.Connection, conversation: Conversation, event: Event) -> None:
    """Let what an event states of a known contact lead to their conversation, too."""
    stated = stated_by(conversation, event)[1:]
    if not stated:
        return
    marks = ", ".join("?" * len(stated))
    led = connection.execute(
        f"SELECT count(*) FROM aliases WHERE account = ? AND conversation = ? AND address IN ({marks})",  # noqa: S608
        (conversation.account, conversation.key, *(known.address for known in stated)),
    ).fetchone()[0]
    if led < len(stated):
        _alias(connection, conversation.account, stated, conversation.key)


def found(
    connection: sqlite3.Connection, conversation: Conversation, until: float | None = None, by: str = ""
) -> None:
    """Write down a conversation if it is new."""
    c = conversation
    connection.execute(
        "INSERT OR IGNORE INTO conversations (key, account, address, kind, thread, title,"
        " window_until, window_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (c.key, c.account, c.address, c.kind, c.thread, c.title, until, by),
    )


def sender_of(event: Event) -> Contact | None:
    """The contact an event tells of."""
    sender = getattr(event, "sender", None)
    if isinstance(sender, Contact):
        return sender
    told = isinstance(event, MessageReceived) and not isinstance(event, MessageEchoed)
    return event.message.sender if told else None  # type: ignore[attr-defined]


def stated_by(wanted: Conversation, event: Event) -> list[Known]:
    """Give the addresses that an event states for its contact: the conversation's own, then by stability."""
    if wanted.kind != "direct" or wanted.thread:
        return []
    contact = sender_of(event)
    by_address = _known(wanted.channel, contact.identities if contact else ())
    own = by_address.pop(wanted.address, "")
    return [Known(own, wanted.address), *(Known(kind, address) for address, kind in by_address.items())]


def _known(channel: str, identities: Iterable[Identity]) -> dict[str, str]:
    stable = sorted((i for i in identities if i.kind in _RANK), key=lambda i: _RANK[i.kind])
    kinds: dict[str, str] = {}
    for identity in stable:
        kinds.setdefault(_address_of(channel, identity), identity.kind)
    return kinds


def _address_of(channel: str, identity: Identity) -> str:
    scope = f"{identity.scope}:" if identity.scope else ""
    return f"{channel}:{scope}{identity.value}"


def _alias(connection: sqlite3.Connection, account: str, stated: list[Known], key: str) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO aliases (account, address, kind, conversation) VALUES (?, ?, ?, ?)",
        [(account, known.address, known.kind, key) for known in stated],
    )


def alias(connection: sqlite3.Connection, account: str, address: str, key: str) -> None:
    """Make another address lead to a conversation."""
    connection.execute(
        "INSERT INTO aliases (account, address, conversation) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (account, address) DO UPDATE SET conversation = ?3",
        (account, address, key),
    )


def _rename(connection: sqlite3.Connection, conversation: Conversation, event: IdentityChanged) -> None:
    """Let a person's new identities lead to their conversation, and the old ones no longer speak for it.

    A number that they have given up is nobody's until somebody writes from it; answers go to the new address.
    """
    if event.change != "changed":
        return
    new = _known(conversation.channel, event.new)
    given_up = _known(conversation.channel, event.old).items() - new.items()
    connection.executemany(
        "DELETE FROM aliases WHERE account = ? AND address = ? AND conversation = ?",
        [(event.account, address, conversation.key) for address, kind in given_up if kind not in SCOPED],
    )
    if new:
        _reach(connection, conversation, _address_of(conversation.channel, event.new[0]))
    for kind in new.values():
        connection.execute(
            "UPDATE aliases SET kind = '' WHERE conversation = ? AND kind = ?", (conversation.key, kind)
        )
    stated = [Known(kind, address) for address, kind in new.items()]
    _alias(connection, event.account, stated, conversation.key)


def remember(connection: sqlite3.Connection, key: str, context: Context) -> None:
    """Keep what an answer will need, each value with its expiry."""
    row = connection.execute("SELECT context FROM conversations WHERE key = ?", (key,)).fetchone()
    kept: dict[str, Any] = msgspec.json.decode(row[0]) if row and row[0] else {}
    expiry = context.expires_at.timestamp() if context.expires_at else None
    kept.update({name: [value, expiry] for name, value in context.values.items()})
    connection.execute("UPDATE conversations SET context = ? WHERE key = ?", (msgspec.json.encode(kept), key))


def context_of(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """Read what is kept for an answer and has not lapsed."""
    kept: dict[str, Any] = msgspec.json.decode(row["context"]) if row["context"] else {}
    return {name: value for name, (value, expiry) in kept.items() if expiry is None or expiry > now}


def _consent(connection: sqlite3.Connection, key: str, event: ConsentChanged) -> None:
    row = connection.execute("SELECT consent FROM conversations WHERE key = ?", (key,)).fetchone()
    consent: dict[str, bool] = msgspec.json.decode(row[0]) if row and row[0] else {}
    consent[event.scope] = event.granted
    connection.execute(
        "UPDATE conversations SET consent = ? WHERE key = ?", (msgspec.json.encode(consent), key)
    )


def load(connection: sqlite3.Connection, key: str) -> Conversation | None:
    """Read a conversation."""
    row = connection.execute("SELECT * FROM conversations WHERE key = ?", (key,)).fetchone()
    return conversation_of(row) if row else None


def conversation_of(row: sqlite3.Row) -> Conversation:
    """Make a conversation of its row."""
    until = row["window_until"]
    expires = dt.datetime.fromtimestamp(until, dt.UTC) if until else None
    window = None if until is None else Window(expires_at=expires, opened_by=row["window_by"])
    return Conversation(
        account=row["account"], address=row["address"], kind=row["kind"], thread=row["thread"],
        title=row["title"], window=window,
    )  # fmt: skip


def known(connection: sqlite3.Connection, conversation: Conversation) -> Conversation | None:
    """Find the conversation that an address leads to now, which another may have had before."""
    return load(connection, _leads_to(connection, conversation) or conversation.key)


def named(connection: sqlite3.Connection, conversation: Conversation) -> Conversation | None:
    """Find a conversation by its name, whoever has the address by now; else by its address."""
    return load(connection, conversation.key) or known(connection, conversation)


def reached(connection: sqlite3.Connection, conversation: Conversation) -> Conversation:
    """Give a conversation as a channel is told of it: with the address that answers go to."""
    row = connection.execute(
        "SELECT reach FROM conversations WHERE key = ? AND reach <> ''", (conversation.key,)
    ).fetchone()
    return conversation.replace(address=row[0]) if row else conversation


def became(connection: sqlite3.Connection, key: str) -> str:
    """Give the conversation that one has become: the one its address leads to now, of the same person.

    While it holds an identity of which a person has one, its address has passed to somebody else.
    """
    there = load(connection, key)
    leads_to = _leads_to(connection, there) if there else None
    return leads_to if leads_to and not _is_persons_own(connection, key) else key


def _is_persons_own(connection: sqlite3.Connection, key: str) -> bool:
    return any(_is_other(connection, key, Known(kind, "")) for kind in SCOPED)


def delivered(connection: sqlite3.Connection, conversation: Conversation, address: str) -> Conversation:
    """Give a conversation as a channel is told of it: at the address asked for, while it leads there."""
    owner = _owner_of(connection, conversation.account, address) if address else ""
    there = conversation.key if address == conversation.address else None
    if (owner or there) == conversation.key:
        return conversation.replace(address=address)
    return reached(connection, conversation)


def peek(path: Path, conversation: Conversation) -> Conversation | None:
    """Look a conversation up in a store's file, beside whoever writes to it; raise `StoreError`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = known(connection, conversation)
            return delivered(connection, found, conversation.address) if found else None
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def resolve(connection: sqlite3.Connection, key: str) -> str | None:
    """Find the key of the conversation that ACCOUNT/ID leads to, following aliases."""
    if load(connection, key):
        return key
    account, _, id = key.partition("/")
    row = connection.execute(
        "SELECT conversation FROM aliases WHERE account = ? AND substr(address, instr(address, ':') + 1) = ?",
        (account, id),
    ).fetchone()
    return str(row[0]) if row else None


def where(connection: sqlite3.Connection, conversation: Conversation) -> Conversation:
    """Find a conversation; found it if there is none."""
    there = named(connection, conversation)
    if there is None:
        found(connection, conversation)
        if conversation.kind == "direct" and not conversation.thread:
            alias(connection, conversation.account, conversation.address, conversation.key)
    return there or conversation
