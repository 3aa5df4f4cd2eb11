"""Nights, days, weeks and months as people mean them, in zones whose clocks change."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.reports.exports.ranges import Range, between, day, last_night, month, week
from tests.support.fleet import utc

OSLO = ZoneInfo("Europe/Oslo")
HOUR = timedelta(hours=1)
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("Europe/Oslo", "Africa/Cairo", "America/Havana", "Pacific/Apia", "Asia/Kathmandu")]
)
DATES = st.dates(date(2005, 1, 3), date(2035, 12, 24))


def spans(found: Range) -> str:
    """The range, in UTC."""
    return f"{found.window.start:%Y-%m-%dT%H:%M} {found.window.end:%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("found", "window", "title", "name"),
    [
        (day(date(2026, 11, 27), OSLO), "2026-11-26T23:00 2026-11-27T23:00", "27 November 2026", "27 November"),
        (day(date(2026, 3, 29), OSLO), "2026-03-28T23:00 2026-03-29T22:00", "29 March 2026", "29 March"),
        (day(date(2026, 10, 25), OSLO), "2026-10-24T22:00 2026-10-25T23:00", "25 October 2026", "25 October"),
        # Midnight does not exist there: the clocks go from 00:00 to 01:00.
        (
            day(date(2024, 4, 26), ZoneInfo("Africa/Cairo")),
            "2024-04-25T22:00 2024-04-26T21:00",
            "26 April 2024",
            "26 April",
        ),
        (
            week(date(2026, 11, 29), OSLO),
            "2026-11-22T23:00 2026-11-29T23:00",
            "week 48, 23 to 29 November 2026",
            "week 48",
        ),
        (
            week(date(2027, 1, 1), OSLO),
            "2026-12-27T23:00 2027-01-03T23:00",
            "week 53, 28 December to 3 January 2027",
            "week 53",
        ),
        (month(date(2026, 2, 14), OSLO), "2026-01-31T23:00 2026-02-28T23:00", "February 2026", "February"),
        (month(date(2026, 12, 31), OSLO), "2026-11-30T23:00 2026-12-31T23:00", "December 2026", "December"),
        (
            last_night(utc("2026-11-29T06:00"), OSLO),
            "2026-11-28T17:00 2026-11-29T06:00",
            "the night to 29 November 2026, 18:00 to 07:00",
            "the night",
        ),
        (
            last_night(utc("2026-11-29T20:00"), OSLO),
            "2026-11-28T17:00 2026-11-29T07:00",
            "the night to 29 November 2026, 18:00 to 08:00",
            "the night",
        ),
        (
            between(utc("2026-11-27T01:00"), utc("2026-11-27T02:30"), OSLO),
            "2026-11-27T01:00 2026-11-27T02:30",
            "2026-11-27 02:00 to 2026-11-27 03:30",
            "this time",
        ),
    ],
)
def test_what_people_mean(found: Range, window: str, title: str, name: str) -> None:
    assert (spans(found), found.title, found.name) == (window, title, name)


def test_a_day_that_a_zone_skipped_is_empty() -> None:
    assert day(date(2011, 12, 30), ZoneInfo("Pacific/Apia")).is_empty
    assert not day(date(2011, 12, 31), ZoneInfo("Pacific/Apia")).is_empty


@given(DATES, ZONES)
def test_days_follow_each_other_and_make_up_weeks_and_months(on: date, zone: ZoneInfo) -> None:
    one = timedelta(days=1)
    assert day(on, zone).window.end == day(on + one, zone).window.start
    monday = on - one * on.weekday()
    for whole, first in ((week(on, zone), monday), (month(on, zone), on.replace(day=1))):
        assert whole.window.start == day(first, zone).window.start
        last = (whole.window.end - timedelta(microseconds=1)).astimezone(zone).date()
        assert whole.window.end == day(last, zone).window.end


@given(DATES, ZONES, st.integers(0, 24 * 60 - 1))
def test_a_night_ends_today_and_not_after_now(on: date, zone: ZoneInfo, minutes: int) -> None:
    now = datetime(on.year, on.month, on.day, tzinfo=zone) + timedelta(minutes=minutes)
    found = last_night(now, zone).window
    assert found.end <= now
    assert found.end.astimezone(zone).date() == now.date()
    assert found.start.astimezone(zone).date() < now.date()
