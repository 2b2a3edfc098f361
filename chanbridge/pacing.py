"""Whose turn it is: the rates of every account, recipient pair and channel, as this process has used them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from chanbridge.model.capabilities import Rate
from chanbridge.model.errors import Failure
from chanbridge.rates import Bucket, blocked, full, rate_key, set_back, take, wait_for

MANY = 50_000


class _Order(NamedTuple):
    """A wait that a provider asked for: when it did, and until when."""

    since: dt.datetime
    until: dt.datetime


class Pacer:
    """Buckets by rate and place. One that is full again is forgotten, so their number stays bounded."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[Rate, Bucket]] = {}
        self._learned: dict[str, _Order] = {}

    def turn(
        self, rates: Iterable[Rate], *, channel: str, account: str, recipient: str, now: dt.datetime
    ) -> float:
        """Take one of every rate and give 0, or take nothing and give the seconds to wait."""
        keyed = {rate_key(r, channel=channel, account=account, recipient=recipient): r for r in rates}
        held = {key: self._bucket(key, rate, now) for key, rate in keyed.items()}
        waits = [wait_for(held[key], rate, now) for key, rate in keyed.items()]
        waits += [self._ordered(place, now) for place in _places(channel, account, recipient)]
        wait = max(waits, default=0.0)
        if wait <= 0:
            for key, rate in keyed.items():
                self._buckets[key] = (rate, take(held[key], rate, now)[0])
            self._forget(now)
        return wait

    def _bucket(self, key: str, rate: Rate, now: dt.datetime) -> Bucket:
        if key not in self._buckets:
            return full(rate, now)
        bucket = set_back(self._buckets[key][1], now)
        self._buckets[key] = (rate, bucket)
        return bucket

    def learn(
        self, failure: Failure, *, channel: str, account: str, recipient: str, now: dt.datetime
    ) -> None:
        """Note that a provider asked to wait, for as long as it said, in the scope it named."""
        if failure.retry_after_s is None:
            return
        place = dict(
            zip(("channel", "account", "recipient"), _places(channel, account, recipient), strict=True)
        )
        key = place.get(failure.scope, place["account"])
        rate = Rate(scope="account", count=1, per_s=1)
        until = blocked(full(rate, now), now, failure.retry_after_s).blocked_until
        if until is not None:
            left = max(until - now, dt.timedelta(seconds=self._ordered(key, now)))
            self._learned[key] = _Order(now, now + left)

    def _ordered(self, place: str, now: dt.datetime) -> float:
        order = self._learned.get(place)
        if order is None:
            return 0.0
        if order.since > now:  # the clock was set back
            order = self._learned[place] = _Order(now, order.until - (order.since - now))
        if order.until <= now:
            del self._learned[place]
            return 0.0
        return (order.until - now).total_seconds()

    def _forget(self, now: dt.datetime) -> None:
        if len(self._buckets) > MANY:
            self._buckets = {
                key: (rate, bucket)
                for key, (rate, bucket) in self._buckets.items()
                if take(bucket, rate, now)[0].tokens < full(rate, now).tokens - 1
            }


def _places(channel: str, account: str, recipient: str) -> tuple[str, str, str]:
    return channel, f"{channel}/{account}", f"{channel}/{account}/{recipient}"
