"""When something may go out, and when it is tried again. Pure: clock and chance come from outside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec

from chanbridge.model.capabilities import Rate
from chanbridge.model.errors import Failure

MAX_ATTEMPTS = 12
MAX_WAIT_S = 3600.0
FIRST_WAIT_S = 2.0
_LONGEST_ORDER_S = 24 * 3600.0


class Bucket(msgspec.Struct, frozen=True):
    """What is left of a rate at a time, and until when the provider asked to be left alone."""

    tokens: float
    at: dt.datetime
    blocked_until: dt.datetime | None = None


def full(rate: Rate, now: dt.datetime) -> Bucket:
    """Give the bucket of something that has not been used yet."""
    return Bucket(tokens=_size(rate), at=now)


def take(bucket: Bucket, rate: Rate, now: dt.datetime) -> tuple[Bucket, float]:
    """Take one from a bucket: the bucket after it, and how many seconds to wait before going out.

    Who has to wait has his place: the next one waits longer.
    """
    filled = _filled(bucket, rate, now)
    pace = _pace(rate)
    left = filled - 1
    wait = max(0.0, -left / pace)
    if bucket.blocked_until is not None:
        wait = max(wait, (bucket.blocked_until - now).total_seconds())
    return msgspec.structs.replace(bucket, tokens=left, at=max(now, bucket.at)), wait


def set_back(bucket: Bucket, now: dt.datetime) -> Bucket:
    """Give a bucket as of now where the clock was set back since: else it would not fill until then."""
    return msgspec.structs.replace(bucket, at=now) if bucket.at > now else bucket


def give_back(bucket: Bucket, rate: Rate) -> Bucket:
    """Return what was taken and not used."""
    return msgspec.structs.replace(bucket, tokens=min(_size(rate), bucket.tokens + 1))


def wait_for(bucket: Bucket, rate: Rate, now: dt.datetime) -> float:
    """Say how many seconds pass until one can be taken at once; takes nothing."""
    return take(bucket, rate, now)[1]


def blocked(bucket: Bucket, now: dt.datetime, seconds: float) -> Bucket:
    """Note that the provider asked to wait; an earlier, longer order stays."""
    until = now + dt.timedelta(seconds=min(max(0.0, seconds), _LONGEST_ORDER_S))
    if bucket.blocked_until is not None:
        until = max(until, bucket.blocked_until)
    return msgspec.structs.replace(bucket, blocked_until=until)


def rate_key(rate: Rate, *, channel: str, account: str, recipient: str) -> str:
    """Name the bucket of a rate: one for each account, recipient pair, or the channel."""
    place = {
        "channel": f"channel/{channel}",
        "account": f"account/{account}",
        "recipient": f"pair/{account}/{recipient}",
    }[rate.scope]
    return f"{place}/{rate.count}/{rate.per_s:g}"


def _size(rate: Rate) -> float:
    return float(rate.burst if rate.burst is not None else max(1, rate.count))


def _pace(rate: Rate) -> float:
    return max(rate.count, 1) / max(rate.per_s, 1e-6)


def _filled(bucket: Bucket, rate: Rate, now: dt.datetime) -> float:
    passed = max(0.0, (now - bucket.at).total_seconds())
    return min(_size(rate), bucket.tokens + passed * _pace(rate))


def next_attempt(
    failure: Failure,
    attempt: int,
    now: dt.datetime,
    jitter: Callable[[], float],
    *,
    max_attempts: int = MAX_ATTEMPTS,
) -> dt.datetime | None:
    """Say when to try again after failed attempt number ``attempt`` (from 1), or None to give up.

    The wait doubles from two seconds to an hour; of a pair of people who talk too fast it
    quadruples, as WhatsApp asks. ``jitter`` gives 0 to 1: waits differ, so that what failed together
    does not come back together. What the provider ordered is never shortened.
    """
    if not failure.retryable or attempt >= max_attempts:
        return None
    growth = 4.0 if (failure.code, failure.scope) == ("rate_limited", "recipient") else 2.0
    wait = min(FIRST_WAIT_S * growth ** (attempt - 1), MAX_WAIT_S)
    wait *= 0.5 + 0.5 * jitter()
    if failure.retry_after_s is not None:
        ordered = min(max(0.0, failure.retry_after_s), _LONGEST_ORDER_S)
        wait = ordered + min(wait, 0.1 * ordered + 1) * jitter()
    return now + dt.timedelta(seconds=wait)
