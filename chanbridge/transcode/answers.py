"""The way back: from what a person tapped or typed to the option they chose.

Everything here is decided from the reply maps alone; who keeps them, and how long, is the core's
business. A tap is asked first, then the message that was quoted, then the words themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from chanbridge.model.base import Model, Ref
from chanbridge.model.events import Event, InteractionReceived, MessageReceived, Via
from chanbridge.model.message import Message
from chanbridge.model.parts import Text
from chanbridge.transcode.plan import Option, ReplyMap
from chanbridge.transcode.words import label_key, marker_key


class OpenMap(Model, kw_only=True):
    """A reply map with what has become of it. ``externals`` are the provider ids of its message.

    ``used``: answered (in a group: by this person); ``moved_on``: they wrote something else and we
    answered; ``closed``: for any other reason.
    """

    map: ReplyMap
    externals: tuple[str, ...] = ()
    used: bool = False
    moved_on: bool = False
    closed: bool = False

    def open(self, now: dt.datetime | None) -> bool:
        """Say whether bare words may still choose from it."""
        expires = self.map.expires_at
        expired = now is not None and expires is not None and now >= expires
        return not (self.used or self.moved_on or self.closed or expired)


class Inbound(Model, kw_only=True):
    """What came in: a tap's payload and label, or words; the message it quotes or hangs on."""

    payload: str = ""
    label: str = ""
    text: str = ""
    source: Ref | None = None


class Choice(Model, kw_only=True):
    """The option that was chosen: what an `InteractionReceived` says of it."""

    action_id: str
    payload: str
    label: str
    via: Via
    stale: bool = False
    source: Ref | None = None
    text: str = ""


def resolve(
    inbound: Inbound | Event,
    maps: Sequence[OpenMap],
    now: dt.datetime | None = None,
    *,
    reserved: Iterable[str] = (),
    default: str = "marker",
) -> Choice | None:
    """Say which option was chosen, or None: then a tap stands as it came, and words are a plain message.

    ``maps`` are those of the conversation, newest first. ``reserved`` are the keywords (STOP, HELP)
    that the channel keeps for itself, ``default`` how far its words are matched
    (``capabilities.reply_matching``): ``native`` and ``off`` match no bare words, ``label`` no markers.
    """
    asked = inbound if isinstance(inbound, Inbound) else asked_by(inbound)
    if asked.payload:
        return _tap(asked, maps, now)
    if not asked.text.strip() or label_key(asked.text) in {label_key(word) for word in reserved}:
        return None
    quoted = _quoted(asked, maps, now) if asked.source else None
    return quoted or _words(asked, maps, now, default)


def asked_by(event: Event) -> Inbound:
    """Read what an event says: a tap as the plugin parsed it, or the words of a message."""
    if isinstance(event, InteractionReceived):
        return Inbound(
            payload=event.payload or event.action_id, label=event.label, text=event.text, source=event.source
        )
    if not isinstance(event, MessageReceived):
        return Inbound()
    message: Message = event.message
    only = message.parts[0] if len(message.parts) == 1 else None
    quoted = message.relation.reply_to if message.relation else None
    return Inbound(text=only.text if isinstance(only, Text) else "", source=quoted)


def interaction(choice: Choice, event: Event) -> InteractionReceived:
    """Build the event of a choice from the event that it was found in."""
    shared = {name: getattr(event, name) for name in Event.__struct_fields__}
    message = getattr(event, "message", None)
    sender = event.sender if isinstance(event, InteractionReceived) else getattr(message, "sender", None)
    return InteractionReceived(
        **shared,
        action_id=choice.action_id,
        payload=choice.payload,
        label=choice.label,
        source=choice.source,
        via=choice.via,
        text=choice.text,
        stale=choice.stale,
        sender=sender,
        message=message,
    )


def _tap(asked: Inbound, maps: Sequence[OpenMap], now: dt.datetime | None) -> Choice | None:
    """Find a tap by what stood in the provider's payload; its own message first."""
    named = [one for one in maps if asked.source and _is_of(one, asked.source)]
    for one in named or maps:
        for option in one.map.entries:
            if asked.payload == (option.token or option.payload):
                hashed = option.token not in ("", option.action_id)
                return _choice(one, option, asked, "token" if hashed else "native", now)
    return None


def _quoted(asked: Inbound, maps: Sequence[OpenMap], now: dt.datetime | None) -> Choice | None:
    """Find an answer to a quoted menu, open or not."""
    for one in maps:
        if asked.source and _is_of(one, asked.source):
            found = _match(one.map.entries, asked.text)
            return _choice(one, found[0], asked, "quote", now) if found else None
    return None


def _words(asked: Inbound, maps: Sequence[OpenMap], now: dt.datetime | None, default: str) -> Choice | None:
    """Find an answer in bare words, on the newest map, while it is open."""
    if default in ("native", "off") or not maps or not maps[0].open(now):
        return None
    found = _match(maps[0].map.entries, asked.text, markers=default != "label")
    return _choice(maps[0], found[0], asked, found[1], now) if found else None


def _match(options: Sequence[Option], text: str, *, markers: bool = True) -> tuple[Option, Via] | None:
    """Match words: the exact marker, the exact label, an alias. What fits two options fits none.

    So a marker that is also the label or an alias of another option chooses neither.
    """
    key = label_key(text)
    labelled = [option for option in options if label_key(option.label) == key]
    aliased = [option for option in options if key in {label_key(alias) for alias in option.aliases}]
    marked = _marked(options, text) if markers else None
    if marked:
        others = any(option.action_id != marked.action_id for option in (*labelled, *aliased))
        return None if others else (marked, "marker")
    if labelled:
        return (labelled[0], "label") if len(labelled) == 1 else None
    return (aliased[0], "alias") if len(aliased) == 1 else None


def _marked(options: Sequence[Option], text: str) -> Option | None:
    """Find the option whose marker a text consists of."""
    marker = marker_key(text)
    return next((option for option in options if marker and option.marker.casefold() == marker), None)


def _is_of(one: OpenMap, source: Ref) -> bool:
    ours = bool(source.id) and source.id == one.map.message
    return ours or (bool(source.external) and source.external in one.externals)


def _choice(one: OpenMap, option: Option, asked: Inbound, via: Via, now: dt.datetime | None) -> Choice:
    source = asked.source or Ref()
    return Choice(
        action_id=option.action_id,
        payload=option.payload,
        label=option.label,
        via=via,
        stale=not one.open(now),
        source=source.replace(id=one.map.message or source.id, part=option.part or source.part),
        text="" if asked.payload else asked.text,
    )
