"""From a message and what a channel can do to a plan, and from an answer back to the option chosen.

What a plugin's ``send`` is given, and may rely on:

- A `Step` is one visible act; its parts fit the channel's limits already. Words are written in the
  channel's dialect, so they go out as they are, whatever ``format`` says.
- A **text step** is one `Text`; its ``actions`` are native buttons. ``step.quick_replies`` may stand
  under any step.
- A **media step** is one `MediaPart`, in a role that the channel takes, with its caption and actions
  where they go together. Several `MediaPart` are an **album**.
- A **list** is one `ListPart`. Card, carousel, template, location, contacts, poll, form, product,
  order and payment stand alone, too.
- An **e-mail** (``capabilities.email``) is everything in one step: see `chanbridge.transcode.email`.
- Where a provider wants a payload for a reply action, a row or a quick reply: it is
  ``action.payload``. The transcoder has put there what fits and is unique within the message: the
  author's payload, else the action's id, else a token. `resolve` turns it back. A tap that comes
  when its map is gone is left as the plugin parsed it: payload and action id are what was tapped.
- ``step.override`` is the author's own payload for the channel: it goes out in place of the parts, or,
  where ``capabilities.replaced_by`` names none of its members, laid over them on each step.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chanbridge.transcode.plan import Loss as Loss
from chanbridge.transcode.plan import LossLevel as LossLevel
from chanbridge.transcode.plan import Option as Option
from chanbridge.transcode.plan import Plan as Plan
from chanbridge.transcode.plan import Policy as Policy
from chanbridge.transcode.plan import ReplyMap as ReplyMap
from chanbridge.transcode.plan import Situation as Situation
from chanbridge.transcode.plan import Step as Step

if TYPE_CHECKING:
    from chanbridge.transcode.answers import Choice as Choice
    from chanbridge.transcode.answers import Inbound as Inbound
    from chanbridge.transcode.answers import OpenMap as OpenMap
    from chanbridge.transcode.answers import interaction as interaction
    from chanbridge.transcode.answers import resolve as resolve
    from chanbridge.transcode.gestures import plan_gesture as plan_gesture
    from chanbridge.transcode.ladder import transcode as transcode

# On first use: plugins import this package for `Step`, and never plan anything.
_HOMES = {
    **dict.fromkeys(("Choice", "Inbound", "OpenMap", "interaction", "resolve"), "answers"),
    "plan_gesture": "gestures",
    "transcode": "ladder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
