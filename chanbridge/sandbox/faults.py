"""Faults on request: what shall go wrong, where, and how often. Counted, never random."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from fnmatch import fnmatchcase
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

CallRefused: TypeAlias = Literal["error", "rate_limited", "expired_token", "expired_media"]
"""The provider refuses the call, in its own shape."""
CallBroken: TypeAlias = Literal["timeout", "drop", "slow", "status_first"]
"""The call goes wrong on its way. ``after=True``: the provider has accepted it before it does."""
WebhookBroken: TypeAlias = Literal[
    "duplicate", "reorder", "batch", "malformed", "unreachable", "bad_signature", "lost"
]
"""The provider's webhook goes wrong on its way to the application."""
FaultKind: TypeAlias = CallRefused | CallBroken | WebhookBroken

CALLS = frozenset(get_args(CallRefused) + get_args(CallBroken))
REFUSALS = frozenset(get_args(CallRefused))
KINDS = get_args(CallRefused) + get_args(CallBroken) + get_args(WebhookBroken)


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that shall go wrong, for calls or webhooks whose name matches ``route``.

    ``skip`` lets so many pass first, then ``times`` are hit. ``seconds`` is the wait of ``slow`` and
    ``timeout`` and the Retry-After of ``rate_limited`` (as a date if ``date``). ``status`` and ``code``
    choose what ``error`` answers. ``size`` is how many webhooks a ``reorder`` or ``batch`` gathers, or
    how often a ``duplicate`` is delivered, at once; ``item`` which of a batch ``malformed`` spoils.
    """

    kind: FaultKind
    route: str = "*"
    times: Annotated[int, Meta(ge=1, le=1000)] = 1
    skip: Annotated[int, Meta(ge=0, le=1000)] = 0
    seconds: Annotated[float, Meta(ge=0, le=60)] = 1.0
    status: Annotated[int, Meta(ge=0, le=599)] = 0
    code: int = 0
    date: bool = False
    after: bool = False
    size: Annotated[int, Meta(ge=2, le=1000)] = 2
    item: Annotated[int, Meta(ge=0)] = 0


def fault_of(kind: object, **fields: object) -> Fault:
    """Make a fault; raise `ValueError` that says which kinds or fields there are if it is none."""
    if kind not in KINDS:
        raise ValueError(f"there is no fault '{kind}': use one of {', '.join(KINDS)}")
    if unknown := fields.keys() - set(Fault.__struct_fields__):
        known = ", ".join(Fault.__struct_fields__[1:])
        raise ValueError(f"a fault has no field '{min(unknown)}': use {known}")
    try:
        return msgspec.convert({"kind": kind, **fields}, Fault)
    except msgspec.ValidationError as error:
        raise ValueError(f"the fault '{kind}' does not fit: {error}") from error


def retry_after(fault: Fault, now: dt.datetime) -> str:
    """Write the Retry-After of a fault: whole seconds, or an HTTP date."""
    seconds = math.ceil(fault.seconds)
    if fault.date:
        return email.utils.format_datetime(now + dt.timedelta(seconds=seconds), usegmt=True)
    return str(seconds)


class Faults:
    """The faults that are armed, in the order they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @property
    def armed(self) -> list[Fault]:
        """What is still to happen."""
        return list(self._faults)

    def add(self, kind: FaultKind | Fault, **fields: object) -> Fault:
        """Arm a fault; raise `ValueError` if it is none."""
        fault = kind if isinstance(kind, Fault) else fault_of(kind, **fields)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm everything."""
        self._faults.clear()

    def take(self, kinds: frozenset[str], route: str) -> Fault | None:
        """Give the fault that this call or webhook shall meet, if any, and count it."""
        for index, fault in enumerate(self._faults):
            if fault.kind in kinds and fnmatchcase(route, fault.route):
                if fault.skip:
                    self._faults[index] = msgspec.structs.replace(fault, skip=fault.skip - 1)
                    continue
                self._spend(index, fault)
                return fault
        return None

    def _spend(self, index: int, fault: Fault) -> None:
        if fault.times == 1:
            del self._faults[index]
        else:
            self._faults[index] = msgspec.structs.replace(fault, times=fault.times - 1)
