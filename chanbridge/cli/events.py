"""Events for people: one line each on a terminal."""

from __future__ import annotations

import click

from chanbridge.cli.output import plain
from chanbridge.model.events import Event, InteractionReceived, MessageReceived, MessageStatus, ProviderEvent
from chanbridge.model.message import Message
from chanbridge.model.parts import MediaPart, Text

WIDTH = 400


def shown(event: Event) -> str:
    """Write an event in a line: when, where, what."""
    time = event.time or event.recorded_at
    when = f"{time:%H:%M:%S}" if time else "--:--:--"
    where = event.conversation.address if event.conversation else event.account
    line = plain(f"{when}  {where}  {_what(event)}".replace("\n", " "))
    cut = line if len(line) <= WIDTH else f"{line[:WIDTH]}..."
    return click.style(cut, dim=True) if isinstance(event, MessageStatus | ProviderEvent) else cut


def _what(event: Event) -> str:
    match event:
        case InteractionReceived():
            stale = ", of a menu that is closed" if event.stale else ""
            return f"chose '{event.label or event.action_id}' ({event.action_id}, by {event.via}{stale})"
        case MessageReceived(message=message):
            return summary(message)
        case MessageStatus(fact=fact, target=target, error=error):
            why = f": {error.code} {error.detail}".rstrip() if error else ""
            return f"{fact} {target.id or target.external}{why}"
        case ProviderEvent():
            return f"{event.type} {event.provider_type} {event.error}".rstrip()
        case _:
            return event.type


def summary(message: Message) -> str:
    """Say what a message holds: its words, and its other parts by kind."""
    pieces = []
    for part in message.parts:
        if isinstance(part, Text):
            pieces.append(part.text)
        elif isinstance(part, MediaPart):
            caption = f" {part.caption.text}" if part.caption else ""
            pieces.append(f"[{part.role}{_named(part.media.filename)}]{caption}")
        else:
            pieces.append(f"[{part.kind}]")
    labels = [action.label for action in message.quick_replies]
    return " ".join(pieces) + (f" ({' / '.join(labels)})" if labels else "")


def _named(filename: str) -> str:
    return f" {filename}" if filename else ""
