"""Who a message goes to or comes from: addresses, contacts, conversations."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, unquote

from msgspec import Meta

from chanbridge.model.base import JSON, Model
from chanbridge.model.errors import ValidationError

IdentityKind = Literal[
    "phone", "email", "username", "scoped_id", "wa_id", "bsuid", "parent_bsuid", "psid", "openid"
]
ConversationKind = Literal["direct", "group", "public", "email"]
Address = Annotated[str, Meta(pattern="^[^:]+:.", examples=["sms:+12025550123"])]


def address(channel: str, id: str) -> str:
    """Write an address: ``whatsapp:+12025550123``."""
    return f"{channel}:{id}"


def split_address(address: str) -> tuple[str, str]:
    """Split ``channel:id``; raise `ValidationError` if it is no address."""
    channel, colon, id = address.partition(":")
    if not (channel and colon and id):
        raise ValidationError("", f"'{address}' is no address: write CHANNEL:ID, as in sms:+12025550123")
    return channel, id


class Identity(Model, kw_only=True):
    """One thing a person is known by. Within a ``scope`` it leads to the address ``channel:scope:value``."""

    kind: IdentityKind
    value: str
    scope: str = ""
    verified: bool = False


class Contact(Model, kw_only=True):
    """A person as one account sees them."""

    address: Address
    identities: tuple[Identity, ...] = ()
    display_name: str = ""
    username: str = ""
    avatar: str = ""
    locale: str = ""
    is_bot: bool = False
    profile: dict[str, JSON] = {}

    @property
    def id(self) -> str:
        """The address without its channel."""
        return self.address.partition(":")[2]

    @property
    def channel(self) -> str:
        return self.address.partition(":")[0]


class Recipient(Model, kw_only=True):
    """Who else is addressed, and how."""

    contact: Contact
    role: Literal["to", "cc", "bcc", "reply_to"] = "to"


class Window(Model, kw_only=True):
    """The service window: until when free-form messages may be sent, and what opened it."""

    open: bool = True
    expires_at: dt.datetime | None = None
    opened_by: str = ""


class Conversation(Model, kw_only=True):
    """The endless thread between one account and one address.

    A plugin's ``parse`` gives ``address``, ``kind``, ``thread`` and ``title``; the core fills in
    ``account``, and so the ``key``.
    """

    address: Address
    account: str = ""
    kind: ConversationKind = "direct"
    thread: str = ""
    title: str = ""
    window: Window | None = None

    @property
    def key(self) -> str:
        """``account/id[#thread]``, each piece percent-encoded."""
        return _key(self.account, self.address, self.thread)

    @property
    def id(self) -> str:
        """The address without its channel: what the provider knows."""
        return self.address.partition(":")[2]

    @property
    def channel(self) -> str:
        return self.address.partition(":")[0]


class Key(NamedTuple):
    """The pieces of a conversation key."""

    account: str
    id: str
    thread: str = ""


@lru_cache(maxsize=4096)
def _key(account: str, address: str, thread: str) -> str:
    key = f"{quote(account, safe='')}/{quote(address.partition(':')[2], safe='+@.:')}"
    return f"{key}#{quote(thread, safe='')}" if thread else key


def parse_key(key: str) -> Key:
    """Read a conversation key back; raise `ValidationError` if it is none."""
    account, slash, rest = key.partition("/")
    id, _, thread = rest.partition("#")
    if not (account and slash and id):
        raise ValidationError("", f"'{key}' is no conversation key: write ACCOUNT/ID or ACCOUNT/ID#THREAD")
    return Key(unquote(account), unquote(id), unquote(thread))
