"""What surrounds an item of a webhook: whose it is, who the people are, where it belongs."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

import chanbridge as cb
from chanbridge_whatsapp import identity
from chanbridge_whatsapp.inbound.wire import Item, Metadata, Person, Profile, Stamp

BACKFILL = "history"
_MILLISECONDS = 10**11  # a larger timestamp counts milliseconds
QUIRKY = tuple(f"{identity.CHANNEL}:+{country}" for country in identity.QUIRKY)
_NOBODY, _NAMELESS = Person(), Profile()
_from_timestamp = dt.datetime.fromtimestamp
# a quarter of what int and fromtimestamp take
_read_seconds = msgspec.json.Decoder(dt.datetime, strict=False).decode


def moment(stamp: Stamp) -> dt.datetime | None:
    """Read a time in seconds or milliseconds, as a number or as text; None if it is none."""
    if type(stamp) is str and len(stamp) == 10 and stamp.isdigit():  # seconds, as nearly always
        try:
            return _read_seconds(stamp)
        except msgspec.DecodeError:  # digits that JSON does not know: a 0 in front, other scripts
            pass
    try:
        count = int(stamp) if stamp else 0
    except (ValueError, OverflowError):
        return _fraction(stamp)
    return _at(count) if count else None


def _at(count: float) -> dt.datetime | None:
    try:
        return _from_timestamp(count if count < _MILLISECONDS else count / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _fraction(stamp: object) -> dt.datetime | None:
    try:
        return _at(float(str(stamp)))
    except ValueError:
        return None


def scope_of(entry_id: str, field: str, metadata: Metadata, people: list[Person]) -> Scope:
    """Read what surrounds the items of a value."""
    number = metadata.display_phone_number or ""
    digits = number if number.isdigit() else re.sub(r"\D", "", number)
    passive: cb.Passive | None = "backfill" if field == BACKFILL else None
    return Scope(metadata.phone_number_id or entry_id, field, digits, people, passive)


class Scope(msgspec.Struct, frozen=True, gc=False):
    """Of the items of one ``value``."""

    account_id: str
    field: str = "messages"
    number: str = ""
    people: list[Person] = []
    passive: cb.Passive | None = None

    def contact(
        self, number: str | None, user_id: str | None, parent: str | None = None
    ) -> cb.Contact | None:
        """Build the contact of the ids an item names; None if it names nobody."""
        if len(self.people) == 1:  # as nearly always
            return contact_of(number, user_id, parent, self.people[0])
        named = person_of(self.people, *identity.split(number, user_id))
        return contact_of(number, user_id, parent, named)

    def sender(self, item: Item) -> cb.Contact | None:
        """Build the contact who sent an item."""
        return self.contact(item.from_, item.from_user_id, item.from_parent_user_id)

    def conversation(self, contact: cb.Contact | None, group: str | None = None) -> cb.Conversation | None:
        """Say where something belongs: in the group, else in the talk with the contact."""
        if group:
            return cb.Conversation(address=f"{identity.CHANNEL}:{group}", kind="group")
        return talk(contact.address) if contact else None


def person_of(people: Sequence[Person], wa_id: str, user_id: str) -> Person | None:
    """Find who an id belongs to; where only one is named and the ids are missing, that one."""
    for person in people:
        if (user_id and person.user_id == user_id) or (wa_id and person.wa_id == wa_id):
            return person
    return people[0] if len(people) == 1 and not (wa_id or user_id) else None


@lru_cache(maxsize=4096)
def talk(address: str) -> cb.Conversation:
    """Give the conversation with one person."""
    return cb.Conversation(address=address)


@lru_cache(maxsize=4096)  # whoever writes once writes again
def contact_of(
    number: str | None, user_id: str | None, parent: str | None, named: Person | None
) -> cb.Contact | None:
    """Build the contact of some ids, and of the person who is named beside them; None: of nobody."""
    wa_id, bsuid = identity.split(number, user_id)
    person = person_of((named,), wa_id, bsuid) if named else None
    if person is not None:
        wa_id, bsuid = wa_id or person.wa_id or "", bsuid or person.user_id or ""
        parent = parent or person.parent_user_id
    if not (wa_id or bsuid):
        return None
    person, known = person or _NOBODY, identity.identities(wa_id, bsuid, parent)
    profile = person.profile or _NAMELESS
    return cb.Contact(
        address=identity.address_of(known),
        identities=known,
        display_name=profile.name or "",
        username=profile.username.removeprefix("@") if profile.username else "",
        profile={"identity_key_hash": person.identity_key_hash} if person.identity_key_hash else {},
    )


def exact_number(contact: cb.Contact | None) -> cb.Context | None:
    """Keep a number as the provider spells it, where its address is spelled otherwise: an answer uses it."""
    if contact is None or not contact.address.startswith(QUIRKY):
        return None
    wa_id = next((known.value for known in contact.identities if known.kind == "wa_id"), "")
    return cb.Context(values={"wa_id": wa_id}) if wa_id and f"+{wa_id}" != contact.id else None
