"""Whether a message was kept already: its key names one message, to one recipient, of one content."""

from __future__ import annotations

import sqlite3

from chanbridge.model.address import Conversation
from chanbridge.model.errors import ValidationError
from chanbridge.model.message import Message
from chanbridge.store.base import Outgoing
from chanbridge.store.places import became, named

_BY_KEY = "SELECT id, conversation, fingerprint FROM messages WHERE account = ? AND key = ?"
_BY_ID = "SELECT 1 FROM messages WHERE id = ?"
_OTHER_ID = "names another message already: send this one without an id, as message.replace(id='')"


def kept_already(connection: sqlite3.Connection, outgoing: Outgoing, mark: bytes) -> str | None:
    """Give the id of the message that a key names; None: it is new. ``mark`` is that of its content.

    Raise `ValidationError` if the key, or the id, names another message. Of a reply the key alone decides.
    """
    message = outgoing.message
    known = repeated(connection, message, outgoing.conversation, mark, first_wins=outgoing.first_wins)
    if known:
        return known
    if connection.execute(_BY_ID, (message.id,)).fetchone():
        raise ValidationError("id", _OTHER_ID)
    return None


def repeated(
    connection: sqlite3.Connection,
    message: Message,
    to: Conversation,
    mark: bytes,
    *,
    first_wins: bool = False,
) -> str | None:
    """Give the id of the message of the same key; raise `ValidationError` if it is another message."""
    row = connection.execute(_BY_KEY, (message.account, message.idempotency_key)).fetchone()
    return str(row["id"]) if row and (first_wins or _is_same(connection, row, message, to, mark)) else None


def _is_same(
    connection: sqlite3.Connection, row: sqlite3.Row, message: Message, to: Conversation, mark: bytes
) -> bool:
    """Say whether a row of the same key is the same message; raise `ValidationError` if only the key is."""
    key, id = message.idempotency_key, message.id
    if not _is_to(connection, row["conversation"], to):
        if key == id:
            return False
        rule = f"was used for another recipient (message {row['id']}): give each recipient a key of its own"
        raise ValidationError("idempotency_key", rule)
    if row["fingerprint"] != mark:
        raise ValidationError("idempotency_key", "was used for another content: choose another key")
    return True


def _is_to(connection: sqlite3.Connection, kept: str, to: Conversation) -> bool:
    """Say whether a message goes to the conversation that another one went to, by whatever address."""
    wanted = named(connection, to) or to
    return wanted.key in {kept, became(connection, kept)}
