"""The sandbox's time: the real one, plus what a test has moved it on."""

from __future__ import annotations

import datetime as dt


class Clock:
    """Tells the time; ``advance`` lets tokens, links and windows lapse without waiting."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead

    def advance(self, **amount: float) -> None:
        """Move on, by the arguments of a `datetime.timedelta`."""
        self.ahead += dt.timedelta(**amount)

    @property
    def seconds(self) -> int:
        """The time in seconds since 1970."""
        return int(self().timestamp())
