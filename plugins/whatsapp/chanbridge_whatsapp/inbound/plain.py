"""The plain text, as most items are: read at once by a struct that knows nothing else, in half of the calls.

It gives what `messages` gives; whatever is not quite that is left to it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

import chanbridge as cb
from chanbridge_whatsapp.inbound.scope import QUIRKY, Scope, contact_of, moment, talk
from chanbridge_whatsapp.inbound.wire import Stamp

# Bound once: `chanbridge` is lazy, and slow to ask each time.
_External, _Message, _MessageReceived, _Text = cb.External, cb.Message, cb.MessageReceived, cb.Text


class _Words(Struct, frozen=True, gc=False):
    body: str


class _Plain(Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True):
    """An item of ``messages[]`` that answers and quotes nothing, in no group, of whoever alone is named."""

    from_: str = field(name="from")
    from_user_id: str | None = None
    id: str
    timestamp: Stamp
    type: str
    text: _Words


_read = msgspec.json.Decoder(_Plain).decode


def plain_text(scope: Scope, raw: cb.Raw) -> cb.Event | None:
    """Give the event of a plain text; None: it is something else."""
    try:
        item = _read(raw.body)
    except msgspec.DecodeError:
        return None
    people = scope.people
    if item.type != "text" or not item.id or len(people) != 1 or item.from_ == scope.number:
        return None
    sender = contact_of(item.from_, item.from_user_id, None, people[0])
    if sender is None or sender.address.startswith(QUIRKY):
        return None
    return _MessageReceived(
        message=_Message(
            parts=(_Text(text=item.text.body),), direction="in", origin="contact", sender=sender,
            external=(_External(id=item.id),),
        ),
        conversation=talk(sender.address),
        account_id=scope.account_id,
        provider_id=item.id,
        time=moment(item.timestamp),
        raw=raw,
        passive=scope.passive,
    )  # fmt: skip
