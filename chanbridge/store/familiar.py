"""The usual event: somebody whom the store knows says something plain, and no menu is open to be answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chanbridge.model.events import Event, MessageReceived
from chanbridge.store.places import own, stated_by, window_of
from chanbridge.store.recall import Place, Recall
from chanbridge.store.said import Shared

SLACK = 0.001
"""A window may be written down so much shorter than it is: not every message need write it anew."""


def plain(event: Event) -> MessageReceived | None:
    """Give an event that is no more than a new message from one person; None: it is another."""
    if type(event) is not MessageReceived or event.segment or event.context or event.passive or event.window:
        return None
    where, message = event.conversation, event.message
    if where is None or where.kind != "direct" or where.thread or where.extra or where.window:
        return None
    if message.relation or message.sender is None:
        return None
    return event


def shared(event: Event) -> Shared | None:
    """Give what a plain event in its place has in common with others of its sender; None: it is another."""
    told = plain(event)
    return (told.conversation, told.message.sender) if told else None


def find(recall: Recall, event: MessageReceived) -> Place | None:
    """Give the place of a plain event, if nothing need be asked or changed for it but its window."""
    where, sender = event.conversation, event.message.sender
    return recall.find(event.account, where, sender.identities) if where and sender else None


def strangers(recall: Recall, events: Iterable[MessageReceived]) -> list[tuple[Place, Sequence[str]]]:
    """Give what plain events ask for whose place is not known; who says several things in turn asks once."""
    missing, before = [], None
    for event in events:
        if event.message.sender is not before and find(recall, event) is None:
            missing.append(_wanted(event))
        before = event.message.sender
    return missing


def _wanted(event: MessageReceived) -> tuple[Place, Sequence[str]]:
    """Give the place that a plain event asks for, and the addresses that must lead there."""
    place = _place(event)
    return place, [known.address for known in stated_by(place.conversation, event)]


def remember(recall: Recall, event: Event, key: str) -> None:
    """Remember where a plain event led, unless it was to another conversation than it named."""
    said = plain(event)
    if said is not None and (place := _place(said)).key == key:
        recall.learn(place)


def window(event: MessageReceived, place: Place, seconds: int | None, now: float) -> float:
    """Say until when the window is to be written down as open; 0: what is written is near enough."""
    if not seconds or now + seconds <= (enough := place.until + seconds * SLACK):
        return 0.0
    until, _ = window_of(event, seconds, now)
    if not until or until <= enough:
        return 0.0
    place.until = until
    return until


def _place(event: MessageReceived) -> Place:
    assert event.conversation
    assert event.message.sender
    return Place(own(event.conversation, event.account), event.message.sender.identities)
