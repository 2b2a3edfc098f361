"""How far a message has got: a function of the set of facts, never of their order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from chanbridge.model.base import Model
from chanbridge.model.errors import Failure
from chanbridge.model.events import Fact, Price

State = Literal["queued", "submitted", "sent", "canceled", "expired", "failed", "delivered", "read", "played"]
MessageState = State | Literal["partial"]

RANK: tuple[State, ...] = (
    "queued", "submitted", "sent", "canceled", "expired", "failed", "delivered", "read", "played",
)  # fmt: skip
"""From the weakest fact to the strongest; ``canceled``, ``expired`` and ``failed`` end a delivery."""
_ORDER: dict[str, int] = {state: rank for rank, state in enumerate(RANK)}
_ENDED: frozenset[str] = frozenset({"canceled", "expired", "failed"})


class Delivery(Model, kw_only=True):
    """What is known of one step for one recipient, in one attempt."""

    message: str
    recipient: str = ""
    step: int = 0
    attempt: int = 1
    facts: dict[str, dt.datetime] = {}  # queued_at, submitted_at, sent_at, ...
    error: Failure | None = None
    price: Price | None = None

    @property
    def state(self) -> State:
        return state_of(name.removesuffix("_at") for name in self.facts)


def state_of(facts: Iterable[str], *, inferred: frozenset[str] = frozenset()) -> State:
    """Say where a set of facts stands; an inferred ``delivered`` counts as ``sent``."""
    best: State = "queued"
    for fact in facts:
        known = "sent" if fact in inferred and fact == "delivered" else fact
        if _ORDER.get(known, -1) > _ORDER[best]:
            best = known  # type: ignore[assignment]  # a key of _ORDER is a State
    return best


def message_state(steps: Iterable[State]) -> MessageState:
    """Say where a message stands: at its least advanced step; ``partial`` where only some failed."""
    states = list(steps)
    failed = [state for state in states if state in _ENDED]
    if failed and len(failed) < len(states):
        return "partial"
    return min(states, key=lambda state: _ORDER[state], default="queued")


def reached(state: MessageState, fact: Fact) -> bool:
    """Say whether a state is at least as good as a fact (``delivered`` implies ``sent``)."""
    if state == "partial" or state in _ENDED or fact in _ENDED:
        return state == fact
    return _ORDER[state] >= _ORDER[fact]


def ended(state: MessageState) -> bool:
    """Say whether a message can no longer be delivered in whole."""
    return state == "partial" or state in _ENDED
