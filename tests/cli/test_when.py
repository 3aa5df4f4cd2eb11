"""Times as people write them: which instant each means, in several zones, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.cli.when import Meant, TimeRefused, read_time
from synkron.text import EARLIEST, LATEST

OSLO, CHATHAM, LORD_HOWE = map(ZoneInfo, ("Europe/Oslo", "Pacific/Chatham", "Australia/Lord_Howe"))
BOTH = (Meant.PAST, Meant.FUTURE)
# A Sunday, 10:30 in Oslo, 22:30 of the same day in Chatham.
NOW = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)
zones = st.sampled_from([OSLO, CHATHAM, LORD_HOWE, *map(ZoneInfo, ("Africa/Cairo", "America/Havana", "Asia/Kolkata"))])
instants = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(days=2)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


def meaning(text: str, meant: Meant, zone: tzinfo = OSLO, now: datetime = NOW) -> datetime:
    return read_time(text, meant).moment(now, zone)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-11-29 09:30"),
        ("2h ago", "2026-11-29 07:30"),
        ("1h30m ago", "2026-11-29 08:00"),
        ("in 2h", "2026-11-29 11:30"),
        ("today", "2026-11-28 23:00"),
        ("yesterday", "2026-11-27 23:00"),
        ("Tomorrow", "2026-11-29 23:00"),
        ("today 14:00", "2026-11-29 13:00"),
        ("yesterday  at 2:00", "2026-11-28 01:00"),
        ("last monday", "2026-11-22 23:00"),
        ("next monday", "2026-11-29 23:00"),
        ("last sunday", "2026-11-21 23:00"),
        ("next sunday 02:00", "2026-12-06 01:00"),
        ("2026-11-23", "2026-11-22 23:00"),
        ("20261123", "2026-11-22 23:00"),
        ("2026-06-23", "2026-06-22 22:00"),
        ("2026-11-23 02:00", "2026-11-23 01:00"),
        ("2026-11-23T02:00", "2026-11-23 01:00"),
        ("2026-11-23 00:00", "2026-11-22 23:00"),
        ("2026-11-23 2:00", "2026-11-23 01:00"),
        ("2026-11-23T02:00Z", "2026-11-23 02:00"),
        ("2026-11-23T02:00:00-03:00", "2026-11-23 05:00"),
        ("2026-11-23T02:00 Asia/Kolkata", "2026-11-22 20:30"),
        ("yesterday America/New_York", "2026-11-28 05:00"),
    ],
)
def test_what_is_the_same_in_the_past_and_the_future(text: str, utc: str) -> None:
    assert {f"{meaning(text, meant):%Y-%m-%d %H:%M}" for meant in BOTH} == {utc}


@pytest.mark.parametrize(
    ("text", "zone", "last", "next_"),
    [
        ("02:00", OSLO, "2026-11-29 01:00", "2026-11-30 01:00"),
        ("2:00", OSLO, "2026-11-29 01:00", "2026-11-30 01:00"),
        ("10:30", OSLO, "2026-11-29 09:30", "2026-11-30 09:30"),
        ("10:31", OSLO, "2026-11-28 09:31", "2026-11-29 09:31"),
        ("10:30:30", OSLO, "2026-11-28 09:30", "2026-11-29 09:30"),
        ("02:00", CHATHAM, "2026-11-28 12:15", "2026-11-29 12:15"),
        ("23:00", LORD_HOWE, "2026-11-28 12:00", "2026-11-29 12:00"),
        ("02:00Z", OSLO, "2026-11-29 02:00", "2026-11-30 02:00"),
        ("02:00 UTC", OSLO, "2026-11-29 02:00", "2026-11-30 02:00"),
        ("02:00 UTC+5", OSLO, "2026-11-28 21:00", "2026-11-29 21:00"),
        ("02:00+05:45", OSLO, "2026-11-28 20:15", "2026-11-29 20:15"),
        ("02:00 Asia/Kolkata", OSLO, "2026-11-28 20:30", "2026-11-29 20:30"),
        ("sunday", OSLO, "2026-11-28 23:00", "2026-12-05 23:00"),
        ("monday", OSLO, "2026-11-22 23:00", "2026-11-29 23:00"),
        ("sunday 10:30", OSLO, "2026-11-29 09:30", "2026-12-06 09:30"),
        ("sunday 10:31", OSLO, "2026-11-22 09:31", "2026-11-29 09:31"),
        ("saturday 18:00", OSLO, "2026-11-28 17:00", "2026-12-05 17:00"),
    ],
)
def test_a_time_without_a_date_is_the_last_or_the_next_one(text: str, zone: tzinfo, last: str, next_: str) -> None:
    assert [f"{meaning(text, meant, zone):%Y-%m-%d %H:%M}" for meant in BOTH] == [last, next_]


def test_a_span_alone_is_before_now() -> None:
    assert meaning("2h", Meant.PAST) == NOW - timedelta(hours=2)
    with pytest.raises(TimeRefused, match='"2h" could be before or after now'):
        read_time("2h", Meant.FUTURE)


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        (
            "2026-10-25 02:30",
            OSLO,
            "show 2026-10-25 02:30 twice. Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00.",
        ),
        ("2026-10-25 02:00", OSLO, "show 2026-10-25 02:00 twice"),
        ("2026-10-25 02:30 Europe/Paris", OSLO, "Europe/Paris show 2026-10-25 02:30 twice"),
        ("2026-03-29 02:30", OSLO, "skip 2026-03-29 02:30. Write 2026-03-29T01:30+01:00 or 2026-03-29T03:30+02:00."),
        ("2026-03-29 02:00", OSLO, "skip 2026-03-29 02:00"),
        ("2026-10-04 02:15", LORD_HOWE, "Write 2026-10-04T01:45+10:30 or 2026-10-04T02:45+11:00."),
        ("2026-04-05 01:45", LORD_HOWE, "Write 2026-04-05T01:45+11:00 or 2026-04-05T01:45+10:30."),
        ("2026-09-27 03:00", CHATHAM, "Write 2026-09-27T02:00+12:45 or 2026-09-27T04:00+13:45."),
        ("2011-12-30", ZoneInfo("Pacific/Apia"), "the clocks of Pacific/Apia skip 2011-12-30 as a whole"),
        ("2011-12-30 12:00", ZoneInfo("Pacific/Apia"), "skip 2011-12-30 12:00"),
    ],
)
def test_what_the_clocks_skip_or_show_twice_is_refused(text: str, zone: tzinfo, says: str) -> None:
    for meant in BOTH:
        with pytest.raises(TimeRefused) as refused:
            meaning(text, meant, zone)
        assert says in str(refused.value)


@pytest.mark.parametrize(
    ("now", "meant", "text"),
    [
        ("2026-03-29T08:00Z", Meant.PAST, "02:30"),
        ("2026-03-28T08:00Z", Meant.FUTURE, "02:30"),
        ("2026-10-25T08:00Z", Meant.PAST, "02:30"),
        # Between the two, each of which the other direction would leave alone.
        ("2026-10-25T01:00Z", Meant.PAST, "02:30"),
        ("2026-10-25T01:00Z", Meant.FUTURE, "02:30"),
        ("2026-03-30T08:00Z", Meant.PAST, "sunday 02:30"),
        ("2026-03-30T08:00Z", Meant.FUTURE, "yesterday 02:30"),
    ],
)
def test_the_nearest_one_is_refused_rather_than_another_day_taken(now: str, meant: Meant, text: str) -> None:
    with pytest.raises(TimeRefused, match=r"Europe/Oslo (skip|show)"):
        meaning(text, meant, now=datetime.fromisoformat(now))


@pytest.mark.parametrize(
    ("day", "zone", "utc"),
    [
        ("2026-04-24", "Africa/Cairo", "2026-04-23 22:00"),  # skips 00:00: it begins at 01:00
        ("2026-11-01", "America/Havana", "2026-11-01 04:00"),  # shows 00:00 twice: it begins at the first
        ("2026-03-29", "Europe/Oslo", "2026-03-28 23:00"),
        ("2010-11-07", "America/St_Johns", "2010-11-07 02:30"),  # goes back to 23:01 at 00:01
    ],
)
def test_a_day_begins_once(day: str, zone: str, utc: str) -> None:
    assert {f"{meaning(day, meant, ZoneInfo(zone)):%Y-%m-%d %H:%M}" for meant in BOTH} == {utc}


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "2", "02", "0200", "2am", "24:00", "02:60", "2:0", "02:00:60", "noon", "at", "Z", "Europe/Oslo"),
        *("last week", "last", "last today", "this monday", "mon", "2 h", "7w", "-2h", "in 2h ago", "in 02:00"),
        *("12/11/2026", "11-23", "2026-13-01", "2026-02-30 2:00", "may", "1764400000", "02:00 Oslo", "02:00 +25:00"),
        *("2026-11-23T02:00Q", "2026-11-23 02:00 UTC Z", "02:00 yesterday", "yesterday\x00", "０2:00", "٠٢:٠٠", "2:0٠"),
        *("1" * 10_000, "1h" * 10_000, "\u202e02:00"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    for meant in BOTH:
        with pytest.raises(TimeRefused, match=" is not a time") as refused:
            read_time(text, meant)
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        *("0001-01-01", "9999-12-31", "0001-01-01 00:00", "9999-12-31 23:59 Z", "1971-12-31", "2200-01-01"),
        *("0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "2200-01-01T00:00Z", "1971-12-31T23:59Z"),
    ],
)
def test_years_out_of_range_are_refused(text: str) -> None:
    for meant in BOTH:
        with pytest.raises(TimeRefused, match="the years 1972 to 2199 are allowed"):
            meaning(text, meant)


@given(instants, zones, zones)
def test_iso_text_means_its_instant(instant: datetime, written_in: tzinfo, zone: tzinfo) -> None:
    written = instant.astimezone(written_in).isoformat()
    for meant in BOTH:
        assert meaning(written, meant, zone) == instant


@given(instants, zones)
def test_what_the_clocks_show_means_that_instant_or_is_refused(instant: datetime, zone: tzinfo) -> None:
    local = instant.astimezone(zone)
    others = [instant + timedelta(minutes=minutes) for minutes in range(-120, 121, 15)]
    twice = any(
        one != instant and one.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None) for one in others
    )
    text = local.replace(tzinfo=None).isoformat(sep=" ")
    try:
        assert meaning(text, Meant.PAST, zone) == instant
        assert not twice
    except TimeRefused:
        assert twice


@given(instants, zones, st.times().map(lambda one: one.replace(second=0, microsecond=0)))
def test_a_time_of_day_is_within_a_day_of_now(now: datetime, zone: tzinfo, clock: datetime) -> None:
    for meant in BOTH:
        try:
            found = meaning(f"{clock:%H:%M}", meant, zone, now)
        except TimeRefused as refused:
            assert "the clocks of" in str(refused) or "out of range" in str(refused)  # noqa: PT017
            continue
        assert f"{found.astimezone(zone):%H:%M}" == f"{clock:%H:%M}"
        away = (now - found) if meant is Meant.PAST else (found - now)
        assert timedelta() <= away <= timedelta(hours=25)


@given(instants, zones)
def test_a_day_begins_with_its_first_instant(instant: datetime, zone: tzinfo) -> None:
    day = instant.astimezone(zone).date()
    start = meaning(day.isoformat(), Meant.PAST, zone) if day.year < 2199 and day.year > 1972 else None
    if start is not None:
        assert start <= instant
        assert start.astimezone(zone).date() == day
        assert (start - timedelta(minutes=1)).astimezone(zone).date() < day


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for meant in BOTH:
        try:
            found = meaning(text, meant)
        except TimeRefused:
            continue
        assert found.tzinfo is UTC
