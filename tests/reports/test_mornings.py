"""When a report is due each morning, and what it is about."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.reports.exports.mornings import last_moment, range_of
from synkron.settings.reports import RangeKind, ReportSettings
from tests.support.fleet import utc

OSLO = ZoneInfo("Europe/Oslo")
SEVEN = time(7)
NOWS = st.dates(date(2020, 1, 1), date(2030, 1, 1)).flatmap(lambda on: st.times().map(lambda at: (on, at)))


@pytest.mark.parametrize(
    ("kind", "now", "moment", "title"),
    [
        (RangeKind.LAST_NIGHT, "2026-11-29T06:00", "2026-11-29T06:00", "the night to 29 November 2026, 18:00 to 07:00"),
        (RangeKind.LAST_NIGHT, "2026-11-29T05:59", "2026-11-28T06:00", "the night to 28 November 2026, 18:00 to 07:00"),
        (RangeKind.DAY, "2026-11-29T12:00", "2026-11-29T06:00", "28 November 2026"),
        (RangeKind.WEEK, "2026-11-29T12:00", "2026-11-23T06:00", "week 47, 16 to 22 November 2026"),
        (RangeKind.WEEK, "2026-11-30T06:00", "2026-11-30T06:00", "week 48, 23 to 29 November 2026"),
        (RangeKind.MONTH, "2026-11-29T12:00", "2026-11-01T06:00", "October 2026"),
        # The clocks have changed since.
        (RangeKind.MONTH, "2026-10-31T12:00", "2026-10-01T05:00", "September 2026"),
    ],
)
def test_what_is_due(kind: RangeKind, now: str, moment: str, title: str) -> None:
    found = last_moment(kind, SEVEN, OSLO, utc(now))
    assert (found, range_of(kind, found, OSLO).title) == (utc(moment), title)


@given(st.sampled_from(list(RangeKind)), NOWS, st.times())
def test_a_moment_is_past_and_so_is_what_it_is_about(kind: RangeKind, now: tuple[date, time], at: time) -> None:
    here = datetime.combine(*now, OSLO)
    found = last_moment(kind, at.replace(microsecond=0), OSLO, here)
    assert here - timedelta(days=32) < found <= here
    assert last_moment(kind, at.replace(microsecond=0), OSLO, found) == found
    assert range_of(kind, found, OSLO).window.end <= found


def test_the_last_night_may_be_called_night() -> None:
    assert {ReportSettings(name="a", range=text).range for text in ("night", "last_night")} == {RangeKind.LAST_NIGHT}
