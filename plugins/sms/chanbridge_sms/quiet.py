"""Quiet hours: when a message may go out at the earliest, where its reader is."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence

from chanbridge_sms.addresses import kind, split_app
from chanbridge_sms.config import QuietHours, clock

_UNKNOWN = "Etc/Unknown"


def not_before(hours: QuietHours, number: str, now: dt.datetime) -> dt.datetime:
    """Say when a message to a number may go out: ``now``, or the next minute that is allowed."""
    return earliest(hours, zones(hours, number), now)


def zones(hours: QuietHours, number: str) -> list[str]:
    """Name the time zones to respect: those the number may be in, or the configured one."""
    import phonenumbers
    from phonenumbers import timezone

    if hours.tz != "recipient":
        return [hours.tz]
    id = split_app(number)[1]
    if kind(id) != "phone":
        return ["UTC"]
    try:
        found = timezone.time_zones_for_number(phonenumbers.parse(id))
    except phonenumbers.NumberParseException:
        return ["UTC"]
    return [zone for zone in found if zone != _UNKNOWN] or ["UTC"]


def earliest(hours: QuietHours, names: Sequence[str], now: dt.datetime) -> dt.datetime:
    """Give the first moment from ``now`` on that suits every zone.

    Where none does (a toll-free number may be anywhere from Guam to Bermuda), the zones that
    leave no common hour are left out, from the end of the list.
    """
    places = [zoneinfo.ZoneInfo(name) for name in names]
    while len(places) > 1 and not _common_hour(hours, places, now):
        places.pop()
    moment = now
    while any(_opens(hours, place, moment) > moment for place in places):
        moment = max(_opens(hours, place, moment) for place in places)
    return moment


def _common_hour(hours: QuietHours, places: Sequence[zoneinfo.ZoneInfo], now: dt.datetime) -> bool:
    """Try every quarter of an hour of two days: zones differ by such quarters, and clocks may change."""
    quarters = (now + dt.timedelta(minutes=15 * count) for count in range(2 * 24 * 4))
    return any(all(_opens(hours, place, moment) == moment for place in places) for moment in quarters)


def _opens(hours: QuietHours, place: zoneinfo.ZoneInfo, moment: dt.datetime) -> dt.datetime:
    """Give the first allowed moment from ``moment`` on, in one zone."""
    local = moment.astimezone(place)
    start, end = clock(hours.start), clock(hours.end)
    if start <= local.time() < end:
        return moment
    day = local.date() + dt.timedelta(days=1) if local.time() >= end else local.date()
    return dt.datetime.combine(day, start, tzinfo=place).astimezone(dt.UTC)
