"""Quiet hours: by the clock where the reader is."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanbridge as cb
from chanbridge.testing import drive, ok
from chanbridge_sms import QuietHours, quiet

HOURS = QuietHours(start="09:00", end="20:00")
NEW_YORK, PARIS = "+12025550100", "+33142685300"
EVERYWHERE = "+18005550100"


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("number", "now", "allowed"),
    [
        (NEW_YORK, "2026-01-05T14:00", "2026-01-05T14:00"),
        (NEW_YORK, "2026-01-05T13:59", "2026-01-05T14:00"),
        (NEW_YORK, "2026-01-06T00:59", "2026-01-06T00:59"),
        (NEW_YORK, "2026-01-06T01:00", "2026-01-06T14:00"),
        (NEW_YORK, "2026-07-06T13:00", "2026-07-06T13:00"),
        (PARIS, "2026-01-05T19:30", "2026-01-06T08:00"),
        ("whatsapp:" + PARIS, "2026-01-05T19:30", "2026-01-06T08:00"),
        ("70123", "2026-01-05T08:30", "2026-01-05T09:00"),
    ],
)
def test_a_message_waits_for_the_morning_of_its_reader(number, now, allowed):
    assert quiet.not_before(HOURS, number, utc(now)) == utc(allowed)


def test_a_configured_zone_counts_instead_of_the_number():
    hours = QuietHours(start="09:00", end="20:00", tz="Asia/Tokyo")

    assert quiet.not_before(hours, NEW_YORK, utc("2026-01-05T14:00")) == utc("2026-01-06T00:00")


def test_every_zone_that_a_number_may_be_in_must_agree():
    zones = ["America/New_York", "America/Los_Angeles"]

    assert quiet.earliest(HOURS, zones, utc("2026-01-05T14:00")) == utc("2026-01-05T17:00")


ZONES = ["UTC", "America/New_York", "Europe/Paris", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
         "Pacific/Kiritimati", "America/St_Johns", "Pacific/Honolulu"]  # fmt: skip


@given(
    zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=4, unique=True),
    minutes=st.integers(0, 365 * 24 * 60),
)
def test_the_moment_found_is_allowed_in_the_first_zone_and_within_two_days(zones, minutes):
    now = utc("2026-01-01T00:00") + dt.timedelta(minutes=minutes)

    moment = quiet.earliest(HOURS, zones, now)

    assert now <= moment <= now + dt.timedelta(days=2)
    assert 9 <= moment.astimezone(zoneinfo.ZoneInfo(zones[0])).hour < 20


def test_a_number_that_may_be_anywhere_still_finds_a_time():
    assert quiet.not_before(HOURS, EVERYWHERE, utc("2026-01-05T03:00")) > utc("2026-01-05T03:00")


LATE = utc("2026-01-06T03:00")


@pytest.mark.parametrize(
    ("action", "retryable", "wait"), [("defer", True, 11 * 3600), ("reject", False, None)]
)
def test_marketing_at_night_is_put_off_or_refused(make, step, action, retryable, wait):
    channel = make(quiet_hours=QuietHours(action=action))

    with pytest.raises(cb.SendError) as refused:
        drive(channel.send(step(cb.Text(text="Sale"), category="marketing", now=LATE)))

    failure = refused.value.failure
    assert (failure.code, failure.retryable, failure.retry_after_s) == ("policy_rejected", retryable, wait)


@pytest.mark.parametrize("category", [None, "utility", "service", "authentication"])
def test_what_is_no_marketing_goes_at_any_hour(make, step, category):
    channel = make(quiet_hours=QuietHours())

    sent, _ = drive(channel.send(step(cb.Text(text="Hi"), category=category, now=LATE)), ok(sid="SM1"))

    assert sent == cb.Sent("SM1")
