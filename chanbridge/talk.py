"""A conversation as a handler holds it: reply, show typing, mark read, react, edit, delete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from chanbridge.channel import Gesture
from chanbridge.model.address import Contact, Conversation
from chanbridge.model.base import Ref
from chanbridge.model.events import Event, MessageReceived
from chanbridge.model.media import Media
from chanbridge.model.message import Message, said
from chanbridge.sending import Receipt, Sending
from chanbridge.store.places import sender_of
from chanbridge.transcode.plan import Loss

T = TypeVar("T")


class Desk(Protocol):
    """What a bridge does for a conversation."""

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Sending[T]: ...

    async def post(self, message: Message, to: Conversation, *, key: str, first_wins: bool) -> Receipt: ...

    async def post_gesture(self, gesture: Gesture, *, durable: bool) -> tuple[Loss, ...]: ...

    async def post_edit(
        self, target: Ref, message: Message, to: Conversation, key: str
    ) -> tuple[Loss, ...]: ...

    async def fetch(self, account: str, media: Media) -> Media: ...

    def identify(self, contact: Contact) -> str | None: ...


class Talk:
    """The conversation of one event, in the hands of one handler.

    Whatever it begins is on disk before the handler counts as done, awaited or not. A handler may run
    twice (after a crash, after a failure), its replies go out once: each has a key made of the event,
    the handler and a count, and the first wins, whatever the second run says.

    Of typing, read, react, edit and delete, awaiting gives the losses: what the channel cannot do is not
    done, and is no error (D17).
    """

    def __init__(self, desk: Desk, event: Event, handler: str) -> None:
        if event.conversation is None:
            raise LookupError(f"a {event.type} belongs to no conversation")
        self._desk = desk
        self._event = event
        self._mark = hashlib.blake2b(handler.encode(), digest_size=8).hexdigest()  # names have any length
        self._count = 0
        self.begun: list[Sending[Any]] = []
        self.conversation: Conversation = event.conversation

    @property
    def key(self) -> str:
        return self.conversation.key

    @property
    def account(self) -> str:
        return self.conversation.account

    @property
    def address(self) -> str:
        return self.conversation.address

    @property
    def customer(self) -> str | None:
        """The sender's key in the CRM, if a plugin knows it (``chanbridge_identify``)."""
        sender = sender_of(self._event)
        return self._desk.identify(sender) if sender else None

    def reply(self, message: str | Message, *, quote: bool = False) -> Sending[Receipt]:
        """Send a text or a message to this conversation; ``quote`` refers to the event's message."""
        words = said(message)
        if quote and (ref := self._ref()):
            words = words.replace(relation=_quoting(words, ref))
        key = self._next_key()
        return self._begin(lambda: self._desk.post(words, self.conversation, key=key, first_wins=True))

    def typing(self, on: bool = True) -> Sending[tuple[Loss, ...]]:
        """Show that somebody is typing. It is only tried: a failure is no error."""
        return self._gesture("typing", on=on, durable=False)

    def read(self) -> Sending[tuple[Loss, ...]]:
        """Mark the event's message as read."""
        return self._gesture("read")

    def react(self, emoji: str, target: Ref | None = None) -> Sending[tuple[Loss, ...]]:
        """React to a message, by default the event's own; an empty ``emoji`` takes the reaction back."""
        return self._gesture("reaction", target=target, emoji=emoji, on=bool(emoji))

    def edit(self, target: Ref | Receipt, message: str | Message) -> Sending[tuple[Loss, ...]]:
        """Replace a message of ours by another form."""
        words = said(message)
        key = self._next_key()
        return self._begin(lambda: self._desk.post_edit(_ref_of(target), words, self.conversation, key))

    def delete(self, target: Ref | Receipt) -> Sending[tuple[Loss, ...]]:
        """Take a message of ours back."""
        return self._gesture("delete", target=_ref_of(target))

    def fetch(self, media: Media) -> Sending[Media]:
        """Get a received file into the media store, and give where it is (``blob``)."""
        return self._begin(lambda: self._desk.fetch(self.account, media))

    def _gesture(
        self, kind: Any, *, target: Ref | None = None, emoji: str = "", on: bool = True, durable: bool = True
    ) -> Sending[tuple[Loss, ...]]:
        gesture = Gesture(
            kind=kind,
            to=self.conversation,
            target=target or self._ref(),
            emoji=emoji,
            on=on,
            key=self._next_key() if durable else "",
        )
        return self._begin(lambda: self._desk.post_gesture(gesture, durable=durable))

    def _begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Sending[T]:
        sending = self._desk.begin(work)
        self.begun.append(sending)
        return sending

    def _next_key(self) -> str:
        self._count += 1
        return f"{self._event.id}/{self._mark}/{self._count}"

    def _ref(self) -> Ref | None:
        event = self._event
        if isinstance(event, MessageReceived) and event.message.external:
            return Ref(id=event.message.id, external=event.message.external[0].id)
        return Ref(id=event.id, external=event.provider_id) if event.provider_id else None


def _ref_of(target: Ref | Receipt) -> Ref:
    return Ref(id=target.id) if isinstance(target, Receipt) else target


def _quoting(message: Message, ref: Ref) -> Any:
    from chanbridge.model.message import Relation

    return (message.relation or Relation()).replace(reply_to=ref)
