"""Rates are kept, and what failed is tried again at a sensible time."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanbridge.model.capabilities import Rate
from chanbridge.model.errors import Failure
from chanbridge.rates import blocked, full, give_back, next_attempt, rate_key, take, wait_for

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
PAIR = Rate(scope="recipient", count=1, per_s=6, burst=45)
RATES = st.builds(
    Rate,
    scope=st.just("account"),
    count=st.integers(1, 100),
    per_s=st.floats(0.1, 100),
    burst=st.none() | st.integers(1, 50),
)


def seconds(value: float) -> dt.timedelta:
    return dt.timedelta(seconds=value)


def test_a_burst_goes_at_once_and_the_next_waits():
    bucket = full(PAIR, NOW)

    waits = []
    for _ in range(47):
        bucket, wait = take(bucket, PAIR, NOW)
        waits.append(wait)

    assert waits == [0] * 45 + [6, 12]


@given(RATES, st.lists(st.floats(0, 5), max_size=80))
def test_no_window_of_time_holds_more_than_the_burst_and_the_pace(rate: Rate, gaps: list[float]):
    bucket, now, leaves = full(rate, NOW), NOW, []
    for gap in gaps:
        now += seconds(gap)
        bucket, wait = take(bucket, rate, now)
        leaves.append((now - NOW).total_seconds() + wait)

    size, pace = float(rate.burst or rate.count), rate.count / rate.per_s
    for first in range(len(leaves)):
        for last in range(first, len(leaves)):
            allowed = size + pace * (leaves[last] - leaves[first])
            assert last - first + 1 <= allowed + 1e-3 * max(1.0, pace)


def test_a_rest_fills_the_bucket_but_never_above_its_burst():
    bucket = full(PAIR, NOW)
    for _ in range(45):
        bucket, _ = take(bucket, PAIR, NOW)

    assert wait_for(bucket, PAIR, NOW + seconds(6)) == 0
    later = NOW + dt.timedelta(days=1)
    waits = []
    for _ in range(46):
        bucket, wait = take(bucket, PAIR, later)
        waits.append(wait)
    assert waits == [0] * 45 + [6]


def test_what_was_taken_and_not_used_is_given_back():
    one = Rate(scope="account", count=1, per_s=10)
    bucket, _ = take(full(one, NOW), one, NOW)

    assert wait_for(bucket, one, NOW) == 10
    assert wait_for(give_back(bucket, one), one, NOW) == 0


def test_an_order_to_wait_holds_everything_until_it_ends():
    bucket = blocked(full(PAIR, NOW), NOW, 30)

    assert wait_for(bucket, PAIR, NOW + seconds(10)) == 20
    assert wait_for(bucket, PAIR, NOW + seconds(31)) == 0


def test_a_shorter_order_does_not_end_a_longer_one():
    bucket = blocked(blocked(full(PAIR, NOW), NOW, 30), NOW, 5)

    assert wait_for(bucket, PAIR, NOW) == 30


def test_a_clock_that_goes_back_gives_nothing_away():
    bucket, _ = take(full(Rate(scope="account", count=1, per_s=10), NOW), PAIR, NOW)

    again, _ = take(bucket, PAIR, NOW - dt.timedelta(hours=1))

    assert again.at == NOW


def test_each_scope_has_buckets_of_its_own():
    names = {"channel": "whatsapp", "account": "main", "recipient": "whatsapp:+12025550123"}

    keys = {
        rate_key(Rate(scope=scope, count=1, per_s=1), **names)
        for scope in ("channel", "account", "recipient")
    }

    assert len(keys) == 3
    assert rate_key(PAIR, **names) != rate_key(PAIR, **{**names, "recipient": "whatsapp:+12025550124"})


def waited(failure: Failure, attempt: int, jitter: float = 1.0) -> float | None:
    at = next_attempt(failure, attempt, NOW, lambda: jitter)
    return None if at is None else (at - NOW).total_seconds()


DOWN = Failure.of("channel_unavailable")


def test_the_wait_doubles_up_to_an_hour():
    assert [waited(DOWN, attempt) for attempt in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert next_attempt(DOWN, 30, NOW, lambda: 1, max_attempts=99) == NOW + seconds(3600)


def test_chance_spreads_what_failed_together():
    assert waited(DOWN, 3, 0.0) == 4
    assert waited(DOWN, 3, 0.5) == 6


def test_a_pair_that_talks_too_fast_waits_four_times_as_long_each_time():
    pair = Failure.of("rate_limited", scope="recipient")

    assert [waited(pair, attempt) for attempt in (1, 2, 3)] == [2, 8, 32]


@given(st.floats(0, 5000), st.integers(1, 11), st.floats(0, 1))
def test_what_the_provider_ordered_is_never_shortened(ordered: float, attempt: int, jitter: float):
    limited = Failure.of("rate_limited", retry_after_s=ordered)

    wait = waited(limited, attempt, jitter)

    assert wait is not None
    assert ordered - 1e-5 <= wait <= 1.1 * ordered + 1 + 1e-5


def test_an_absurd_order_is_cut_to_a_day():
    assert waited(Failure.of("rate_limited", retry_after_s=1e12), 1, 0.0) == 24 * 3600


@pytest.mark.parametrize("failure", [Failure.of("recipient_invalid"), Failure.of("outcome_unknown")])
def test_what_cannot_be_mended_is_not_tried_again(failure: Failure):
    assert waited(failure, 1) is None


def test_after_the_last_attempt_it_is_given_up():
    assert next_attempt(DOWN, 2, NOW, lambda: 1, max_attempts=3) is not None
    assert next_attempt(DOWN, 3, NOW, lambda: 1, max_attempts=3) is None
