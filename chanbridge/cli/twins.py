"""Which configured accounts are one and the same at their provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec

from chanbridge.model.ids import new_id

if TYPE_CHECKING:
    from chanbridge.channel import Channel


def twins(channels: Mapping[str, Channel[Any]]) -> Iterator[tuple[str, str, str]]:
    """Give every two accounts of which one owns all that the other does, and an id that both own.

    What is only partly shared is no mistake: numbers of one WhatsApp Business Account have its id in common.
    """
    ids = {name: _own_ids(channel) for name, channel in channels.items()}
    for one, other in combinations(channels, 2):
        if channels[one].name != channels[other].name:
            continue
        for mine, theirs in ((one, other), (other, one)):
            if ids[mine] and all(_owns(channels[theirs], id) for id in ids[mine]):
                yield one, other, ids[mine][0]
                break


def _own_ids(channel: Channel[Any]) -> list[str]:
    """List the settings that a channel calls its own id; none if it takes whatever comes for its own."""
    if _owns(channel, new_id()):
        return []
    settings = msgspec.structs.asdict(channel.config).values()
    return [text for text in settings if isinstance(text, str) and text and _owns(channel, text)]


def _owns(channel: Channel[Any], id: str) -> bool:
    try:
        return channel.owns(id)
    except Exception:  # a plugin's mistake must not stop the check of the others
        return False
