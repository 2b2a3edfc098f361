"""The contract that a channel plugin implements.

A channel turns bytes into events and messages into requests. It opens no socket, reads no clock
and keeps no state: what must be remembered it hands to the core (design, section 6).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from chanbridge.http import Flow, HttpRequest, HttpResponse, unquoted
from chanbridge.model.address import Contact, Conversation, address
from chanbridge.model.base import JSON, Context, Model, Raw, Ref
from chanbridge.model.capabilities import Capabilities
from chanbridge.model.errors import PayloadError, SendError, ValidationError
from chanbridge.model.events import Event, ProviderEvent, Wake
from chanbridge.model.media import Media
from chanbridge.model.message import Message
from chanbridge.transcode.plan import Policy, Step

C = TypeVar("C", bound=msgspec.Struct)
GestureKind = Literal["typing", "read", "reaction", "edit", "delete"]


class Account(Generic[C]):
    """One configured sender, as its channel sees it."""

    __slots__ = ("_clock", "config", "name", "public_url", "webhook_url")

    def __init__(
        self,
        name: str,
        config: C,
        *,
        webhook_url: str = "",
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.name = name
        self.config = config
        self.webhook_url = webhook_url
        self._clock = clock

    def now(self) -> dt.datetime:
        """The time, for signatures that hold one. A send asks ``step.now`` instead."""
        return self._clock()


class Sent(msgspec.Struct, frozen=True):
    """What became of a step: the provider's id, or one for each part (``ids``: part id -> provider id)."""

    id: str = ""
    ids: dict[str, str] = {}
    context: Context | None = None
    address: str = ""  # the recipient as the provider knows it, where that differs: an alias


class Gesture(Model, kw_only=True):
    """What is no message. ``target`` is the message it is about; ``parts`` are an edit's new parts."""

    kind: GestureKind
    to: Conversation
    target: Ref | None = None
    emoji: str = ""
    on: bool = True  # of typing; of a reaction: set, or taken back
    step: Step | None = None  # of an edit: the new form, transcoded
    key: str = ""
    now: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    context: dict[str, JSON] = {}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """An expiring credential, kept in the vault; never shown."""

    token: str
    expires_at: dt.datetime | None = None
    refresh: str = ""
    extra: dict[str, JSON] = {}

    def __repr__(self) -> str:
        return f"Grant(expires_at={self.expires_at})"


class Content(Model, kw_only=True):
    """A fetched file: in the media store (``media.blob``)."""

    media: Media


class Finding(Model, kw_only=True):
    """One result of a check, with what to do about it."""

    level: Literal["ok", "warning", "error"]
    what: str
    mend: str = ""


class Batch(Model, kw_only=True):
    """What a poll brought: bodies for ``parse``, the cursor behind them, and whether there is more."""

    bodies: tuple[bytes, ...] = ()
    cursor: str | None = None
    more: bool = False


class Inbound(Model, kw_only=True):
    """What a session brought: one body for ``parse``, and where the session stands after it."""

    body: bytes
    cursor: str | None = None
    headers: dict[str, str] = {}


class Session(Protocol):
    """What a channel's ``session.py`` is given by the core."""

    cursor: str | None

    def now(self) -> dt.datetime: ...

    async def read(self, media: Media) -> bytes: ...


Verdict: TypeAlias = Flow[None] | None
Found: TypeAlias = Event | Wake


class Channel(Generic[C]):
    """One account on one messaging app. Subclass it, override what the app can do."""

    name: ClassVar[str] = ""  # in configurations and addresses: lower-case letters, digits, - and _
    Config: ClassVar[type[msgspec.Struct]]  # the keys of an account; a credential is a Secret
    hosts: ClassVar[tuple[str, ...]] = ()  # to which a credential may go
    methods: ClassVar[tuple[str, ...]] = ("POST",)  # by which webhooks come, handshakes aside
    content_types: ClassVar[tuple[str, ...]] = ()  # of webhooks, in lower case; empty: any
    poll_every_s: ClassVar[float | None] = 5.0  # 0: the provider holds the answer back; None: only at a bell
    capabilities: Capabilities | Mapping[str, Capabilities] = Capabilities()  # one record, or one a variant

    def __init__(self, account: Account[C]) -> None:
        self.account = account
        self.config = account.config

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if (
            cls.parse is not Channel.parse
            and cls.verify is Channel.verify
            and cls.poll is Channel.poll
            and cls.listen is Channel.listen
        ):
            raise TypeError(
                f"{cls.__name__} parses webhooks but does not verify them: "
                "override verify, or say verify = unsigned('why')"
            )

    def owns(self, account_id: str) -> bool:
        """Say whether this is the provider's id of our account. The default: it names none."""
        return not account_id

    def variant(self, to: Conversation) -> str:
        """Name the capability record that holds in a conversation."""
        return to.kind

    def normalise(self, id: str) -> str:
        """Write an address's id as the provider wants it; raise `ValidationError` if it is none."""
        if not id.strip():
            raise ValidationError("", "an address needs an id")
        return id.strip()

    def recipient(self, id: str) -> str:
        """Write the id of somebody to send to; raise `ValidationError` if nothing can be sent there.

        The default takes whatever may write to us: override it where some can only send.
        """
        return self.normalise(id)

    def contact(self, id: str, **fields: Any) -> Contact:
        """Build the contact of a provider's id."""
        return Contact(address=address(self.name, self.normalise(id)), **fields)

    def capabilities_for(self, to: Conversation) -> Capabilities:
        """The record that holds in a conversation."""
        records = self.capabilities
        if isinstance(records, Capabilities):
            return records
        variant = self.variant(to)
        return records[variant] if variant in records else next(iter(records.values()))

    # inbound

    def challenge(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a subscription handshake; None if the request is none."""
        return None

    def verify(self, request: HttpRequest) -> Verdict:
        """Raise `SignatureError` unless the provider sent this; a flow only to fetch a key."""
        raise NotImplementedError(f"{self.name} does not verify webhooks")

    def parse(self, request: HttpRequest) -> Iterable[Found]:
        """Give every event of a body, whichever account it is for."""
        raise NotImplementedError(f"{self.name} does not parse webhooks")

    def acknowledge(self, request: HttpRequest, events: Iterable[Found]) -> HttpResponse:
        """Answer a webhook that is on disk. It never carries a reply."""
        return HttpResponse()

    def poll(self, cursor: str | None, wake: Wake | None) -> Flow[Batch]:
        """Ask for what is new since the cursor."""
        raise NotImplementedError(f"{self.name} does not poll")

    # outbound

    def send(self, step: Step) -> Flow[Sent]:
        """Send one step.

        In a dry run every answer is a placeholder: decode it into a typed struct, or there is nothing in it.
        """
        raise NotImplementedError(f"{self.name} does not send")

    def gesture(self, gesture: Gesture) -> Flow[None]:
        """Show typing, mark read, react, edit, delete."""
        raise NotImplementedError(f"{self.name} has no gestures")

    def fetch(self, media: Media) -> Flow[Content]:
        """Get a file that only this channel can fetch. The default downloads its URL."""
        response = yield HttpRequest.get(media.url).download()
        if response.blob is None:
            raise SendError("media_unavailable", detail="the provider sent no file")
        return Content(media=response.blob)

    def check(self) -> Flow[list[Finding]]:
        """Check the account against the provider, for ``chanbridge doctor``."""
        raise NotImplementedError(f"{self.name} has no check")

    # around every request that a flow yields

    def sign(self, request: HttpRequest, grant: Grant | None) -> HttpRequest:
        """Add the credential, as the request leaves."""
        return request

    def authorize(self, grant: Grant | None) -> Flow[Grant]:
        """Get a grant, or trade it for the next."""
        raise NotImplementedError(f"{self.name} has no expiring credentials")

    def error(self, response: HttpResponse) -> SendError | None:
        """Make the error of a response; None: it is fine. Asked of every response."""
        return None if response.ok else SendError.of(response)

    def policy(self, policy: Policy) -> Policy:
        """Adjust what the account allows by the channel's own settings."""
        return policy

    def not_before(self, category: str | None, to: str, now: dt.datetime) -> dt.datetime:
        """Say when a message of a category may go to an address at the earliest: quiet hours defer it."""
        return now

    def validate(self, message: Message) -> Iterable[ValidationError]:
        """Check what only this channel knows of a message: overrides, template parameters, its profile."""
        return ()

    # sessions: channels that are no request/response API; in the plugin's session.py

    def listen(self, io: Session) -> AsyncIterator[Inbound]:
        """Receive until stopped; resumed only when what was yielded is on disk."""
        raise NotImplementedError(f"{self.name} holds no session")

    async def deliver(self, step: Step, io: Session) -> Sent:
        """Send one step over a session."""
        raise NotImplementedError(f"{self.name} delivers over no session")

    @classmethod
    def can(cls, role: str) -> bool:
        """Say whether a method is overridden: roles are derived from that."""
        return getattr(cls, role) is not getattr(Channel, role)


def unsigned(why: str) -> Callable[[Any, HttpRequest], None]:
    """Make a ``verify`` for a provider that signs nothing; the core then needs a secret path."""

    def verify(self: Any, request: HttpRequest) -> None:
        return None

    verify.__doc__ = f"Accept it: {why}"
    verify.unsigned = why  # type: ignore[attr-defined]
    return verify


Item = TypeVar("Item")
_FOUND = (Event, Wake)  # not a union: this is asked for every item


def each(
    items: Iterable[Item],
    parse: Callable[[Item], Found | Iterable[Found]],
    *,
    account_id: str = "",
    path: str = "[]",
) -> Iterator[Found]:
    """Parse item by item: one that fails becomes a `ProviderEvent` and takes no other with it.

    Every event gets the item as its ``raw``, where it has none. ``account_id`` is the provider's id of
    the account that the items are for, so that a failed one finds it, too. ``path`` is where the items
    stand in the body, as in ``messages[]``: the error of a failed one says so, with its index.
    """
    for index, item in enumerate(items):
        raw = _raw(item)
        try:
            found = parse(item)
            events = found if type(found) is list else [found] if isinstance(found, _FOUND) else list(found)
        except Exception as error:  # a plugin's mistake must not lose the rest
            problem = told(error, path.replace("[]", f"[{index}]"))
            yield ProviderEvent(provider_type="malformed", account_id=account_id, error=problem, raw=raw)
        else:
            for event in events:
                has_raw = getattr(event, "raw", raw) is not None  # a Wake cannot have one
                yield event if has_raw else msgspec.structs.replace(event, raw=raw)


def _raw(item: object) -> Raw:
    if isinstance(item, Raw):
        return item
    return Raw.of(bytes(item) if isinstance(item, bytes | msgspec.Raw) else msgspec.json.encode(item))


def told(error: Exception, path: str = "") -> str:
    """Name a failure, and where, without quoting the payload; ``path`` is that of the item.

    Our own errors' words are known to be clean, and msgspec's without what they quote.
    """
    words = str(error) if isinstance(error, PayloadError) else ""
    if isinstance(error, msgspec.DecodeError):
        words = unquoted(error)
    rule, _, within = words.partition(" - at `$")
    place = (path + within.rstrip("`")).removeprefix(".")
    named = f"{type(error).__name__}: {rule}" if rule else type(error).__name__
    return f"{named} at {place}" if place else named
