"""C15-C19: what becomes of an expression when a zone's clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from synkron.cron import parse, parse_zone, timeline
from synkron.errors import NaiveDatetimeError
from tests.cron.agreement import all_answers

# Each change with the instant in UTC at which it happens; the cases look at twelve hours on either side.
CHANGES = {
    "Oslo 02:00 to 03:00": ("Europe/Oslo", "2026-03-29 01:00"),
    "Oslo 03:00 to 02:00": ("Europe/Oslo", "2026-10-25 01:00"),
    "Lord Howe 02:00 to 02:30": ("Australia/Lord_Howe", "2026-10-03 15:30"),
    "Lord Howe 02:00 to 01:30": ("Australia/Lord_Howe", "2026-04-04 15:00"),
    "Sao Paulo 00:00 to 01:00": ("America/Sao_Paulo", "2017-10-15 03:00"),
    "Sao Paulo 00:00 to 23:00": ("America/Sao_Paulo", "2018-02-18 02:00"),
    "Beirut 00:00 to 01:00": ("Asia/Beirut", "2026-03-28 22:00"),
    "Cairo 00:00 to 01:00": ("Africa/Cairo", "2026-04-23 22:00"),
    "Cairo 00:00 to 23:00": ("Africa/Cairo", "2026-10-29 21:00"),
    "St. John's 00:01 to 01:01": ("America/St_Johns", "2007-03-11 03:31"),
    "St. John's 00:01 to 23:01": ("America/St_Johns", "2007-11-04 02:31"),
    "Dublin 01:00 to 02:00": ("Europe/Dublin", "2026-03-29 01:00"),
    "Dublin 02:00 to 01:00": ("Europe/Dublin", "2026-10-25 01:00"),
    "Casablanca 03:00 to 02:00": ("Africa/Casablanca", "2026-02-15 02:00"),
    "Casablanca 02:00 to 03:00": ("Africa/Casablanca", "2026-03-22 02:00"),
    "Gaza 02:00 to 03:00": ("Asia/Gaza", "2026-03-28 00:00"),
    "Kathmandu 00:00 to 00:15": ("Asia/Kathmandu", "1985-12-31 18:30"),
    "Troll 01:00 to 03:00": ("Antarctica/Troll", "2026-03-29 01:00"),
    "Troll 03:00 to 01:00": ("Antarctica/Troll", "2026-10-25 01:00"),
    "Casey 02:00 to 05:00": ("Antarctica/Casey", "2009-10-17 18:00"),
    "Apia 30 December is skipped": ("Pacific/Apia", "2011-12-30 10:00"),
    "Kwajalein 21 August is skipped": ("Kwajalein", "1993-08-21 12:00"),
    "Vostok 00:00 to 07:00": ("Antarctica/Vostok", "1994-11-01 00:00"),
    "Vostok 00:00 to 17:00": ("Antarctica/Vostok", "1994-01-31 17:00"),
    "Sydney, midsummer": ("Australia/Sydney", "2026-01-15 00:00"),
}

HALF_PAST = "23:30 00:30 01:30 02:30 03:30 04:30 05:30 06:30 07:30 08:30 09:30 10:30 11:30 12:30"

# rule, change, expression, the occurrences in UTC
CASES = [
    ("C16 fixed-time", "Oslo 02:00 to 03:00", "0-59 2 * * *", "01:00"),
    ("C16 the minute begins with a star", "Oslo 02:00 to 03:00", "* 2 * * *", ""),
    ("C16 the minute begins with a star", "Oslo 02:00 to 03:00", "*/30,7 2 * * *", ""),
    ("C16 the star does not lead", "Oslo 02:00 to 03:00", "7,*/30 2 * * *", "01:00"),
    ("C16 the hour begins with a star", "Oslo 02:00 to 03:00", "30 */4 29 * *", "23:30 02:30 06:30 10:30"),
    ("C17 once, after the gap", "Oslo 02:00 to 03:00", "30 2 * * *", "01:00"),
    ("C17 the first time in the gap", "Oslo 02:00 to 03:00", "0 2 * * *", "01:00"),
    ("C17 once for many", "Oslo 02:00 to 03:00", "0,15,30 2 * * *", "01:00"),
    ("C17 once, also in its own right", "Oslo 02:00 to 03:00", "0 2,3 * * *", "01:00"),
    ("C17 in its own right", "Oslo 02:00 to 03:00", "0 3 * * *", "01:00"),
    ("C17 before, instead and after", "Oslo 02:00 to 03:00", "30 1-3 * * *", "00:30 01:00 01:30"),
    ("C17 only on its days", "Oslo 02:00 to 03:00", "30 2 30 * *", ""),
    ("C17 a wildcard skips", "Oslo 02:00 to 03:00", "*/20 2 * * *", ""),
    ("C17 a wildcard goes on", "Oslo 02:00 to 03:00", "30 *,1 29 3 *", HALF_PAST),
    ("C17 half an hour", "Lord Howe 02:00 to 02:30", "15 2 * * *", "15:30"),
    ("C17 half an hour", "Lord Howe 02:00 to 02:30", "45 2 * * *", "15:45"),
    ("C17 half an hour, once", "Lord Howe 02:00 to 02:30", "0,30 2 * * *", "15:30"),
    ("C17 half an hour, a wildcard", "Lord Howe 02:00 to 02:30", "0 */4 4 * *", "13:30 17:00 21:00 01:00"),
    ("C17 midnight", "Sao Paulo 00:00 to 01:00", "0 0 * * *", "03:00"),
    ("C17 midnight, of that day", "Sao Paulo 00:00 to 01:00", "30 0 15 10 *", "03:00"),
    ("C17 midnight, not of the day before", "Sao Paulo 00:00 to 01:00", "30 0 14 10 *", ""),
    ("C17 midnight, a wildcard", "Sao Paulo 00:00 to 01:00", "*/15 0 * * *", ""),
    ("C17 the minute before", "Sao Paulo 00:00 to 01:00", "59 23 * * *", "02:59"),
    ("C17 midnight", "Beirut 00:00 to 01:00", "0 0 * * 0", "22:00"),
    ("C17 midnight", "Cairo 00:00 to 01:00", "0,30 0,1 * * *", "22:00 22:30"),
    ("C17 a minute past midnight", "St. John's 00:01 to 01:01", "0 0 * * *", "03:30"),
    ("C17 a minute past midnight", "St. John's 00:01 to 01:01", "30 0 * * *", "03:31"),
    ("C17 a minute past midnight", "St. John's 00:01 to 01:01", "0,30 0 * * *", "03:30 03:31"),
    ("C17 a minute past midnight", "St. John's 00:01 to 01:01", "0 1 * * *", "03:31"),
    ("C17 winter time is the exception", "Dublin 01:00 to 02:00", "30 1 * * *", "01:00"),
    ("C17 after Ramadan", "Casablanca 02:00 to 03:00", "30 2 * * *", "02:00"),
    ("C17", "Gaza 02:00 to 03:00", "30 2 * * *", "00:00"),
    ("C17 a quarter of an hour", "Kathmandu 00:00 to 00:15", "0 0 1 1 *", "18:30"),
    ("C17 a quarter of an hour", "Kathmandu 00:00 to 00:15", "10,20 0 * * *", "18:30 18:35"),
    ("C17 two hours", "Troll 01:00 to 03:00", "0 1,2,3 * * *", "01:00"),
    ("C17 three hours are no correction", "Casey 02:00 to 05:00", "30 2,4 * * *", "18:00"),
    ("C18 a skipped day is lost", "Apia 30 December is skipped", "0 12 30 12 *", ""),
    ("C18 a skipped day is lost", "Apia 30 December is skipped", "0 0 * * *", "10:00"),
    ("C18 a skipped day is lost", "Apia 30 December is skipped", "59 23 * * *", "09:59"),
    ("C18 a skipped day is lost", "Apia 30 December is skipped", "0 3 * * 5", ""),
    ("C18 a skipped day is lost", "Kwajalein 21 August is skipped", "0 6 * * *", "18:00"),
    ("C18 a wildcard goes on", "Apia 30 December is skipped", "30 */6 * * *", "22:30 04:30 10:30 16:30"),
    ("C18 seven hours", "Vostok 00:00 to 07:00", "0 3 * * *", ""),
    ("C18 seven hours, in its own right", "Vostok 00:00 to 07:00", "0 7 * * *", "00:00"),
    ("C19 the first of two", "Oslo 03:00 to 02:00", "30 2 * * *", "00:30"),
    ("C19 the first of two, on the hour", "Oslo 03:00 to 02:00", "0 2 * * *", "00:00"),
    ("C19 each first", "Oslo 03:00 to 02:00", "0,30 1-3 * * *", "23:00 23:30 00:00 00:30 02:00 02:30"),
    ("C19 each first, also every hour", "Oslo 03:00 to 02:00", "0 0-4 * * *", "22:00 23:00 00:00 02:00 03:00"),
    ("C19 a wildcard at both", "Oslo 03:00 to 02:00", "*/30 2 * * *", "00:00 00:30 01:00 01:30"),
    ("C19 at both", "Oslo 03:00 to 02:00", "30 */2 25 * *", "22:30 00:30 01:30 03:30 05:30 07:30 09:30 11:30"),
    ("C19 half an hour", "Lord Howe 02:00 to 01:30", "45 1 * * *", "14:45"),
    ("C19 half an hour, a wildcard", "Lord Howe 02:00 to 01:30", "*/15 1 * * *", "14:00 14:15 14:30 14:45 15:00 15:15"),
    ("C19 midnight comes once", "Sao Paulo 00:00 to 23:00", "0 0 * * *", "03:00"),
    ("C19 the evening before", "Sao Paulo 00:00 to 23:00", "30 23 * * *", "01:30"),
    ("C19 the evening before, a wildcard", "Sao Paulo 00:00 to 23:00", "*/30 23 * * *", "01:00 01:30 02:00 02:30"),
    ("C19 midnight comes once", "Cairo 00:00 to 23:00", "0 0 * * *", "22:00"),
    ("C19 the evening before", "Cairo 00:00 to 23:00", "0 23 29 * *", "20:00"),
    ("C19 a minute past midnight", "St. John's 00:01 to 23:01", "0 0 * * *", "02:30"),
    ("C19 a minute past midnight", "St. John's 00:01 to 23:01", "1 23,0 * * *", "01:31 03:31"),
    ("C19 winter time is the exception", "Dublin 02:00 to 01:00", "30 1 * * *", "00:30"),
    ("C19 before Ramadan", "Casablanca 03:00 to 02:00", "30 2 * * *", "01:30"),
    ("C19 two hours", "Troll 03:00 to 01:00", "30 1,2 * * *", "23:30 00:30"),
    ("C19 seven hours", "Vostok 00:00 to 17:00", "30 20 * * *", "13:30"),
    ("C19 seven hours, a wildcard", "Vostok 00:00 to 17:00", "*/30 20 * * *", "13:00 13:30 20:00 20:30"),
    ("C15 summer in January", "Sydney, midsummer", "0 9 * * *", "22:00"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text", "times"),
    [case[1:] for case in CASES],
    ids=[f"{rule}: {text} at {change}" for rule, change, text, _ in CASES],
)
def test_around_a_change_of_clocks(change: str, text: str, times: str) -> None:
    """C15-C19."""
    assert times_around(change, text) == times


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stretches that are worked out sixteen minutes at a time: every gap and overlap is cut into pieces."""
    monkeypatch.setattr(timeline, "_BLOCK_BITS", 4)
    timeline._block.cache_clear()
    yield
    timeline._block.cache_clear()


@pytest.mark.usefixtures("small_blocks")
def test_where_blocks_end_does_not_show() -> None:
    """C15-C19, as above."""
    for _, change, text, times in CASES:
        if text.endswith("* * *"):  # a step over months would take too many blocks
            assert times_around(change, text) == times, (change, text)


def times_around(change: str, text: str) -> str:
    zone, instant = CHANGES[change]
    at = datetime.fromisoformat(f"{instant}+00:00")
    answers = all_answers(parse(text), at - timedelta(hours=12), at + timedelta(hours=12), ZoneInfo(zone))
    return " ".join(f"{moment:%H:%M}" for moment in answers)


SECONDS = [
    ("2026-01-01 02:00:00+00:00", True),
    ("2026-01-01 02:00:01+00:00", False),
    ("2026-01-01 02:00:00.000001+00:00", False),
    ("2026-01-01 02:01:00+00:00", False),
    ("2026-01-01 03:00:00+01:00", True),
    ("2026-01-01 02:00:30+00:00:30", True),
]


@pytest.mark.parametrize(("instant", "fires"), SECONDS, ids=lambda value: f"C15: {value}")
def test_c15_only_a_whole_minute_matches(instant: str, fires: bool) -> None:
    assert parse("0 2 * * *").matches(datetime.fromisoformat(instant), UTC) is fires


def test_c15_strictly_after_and_strictly_before() -> None:
    cron, moment, second = parse("0 2 * * *"), datetime(2026, 1, 2, 2, 0, tzinfo=UTC), timedelta(seconds=1)
    day = timedelta(days=1)
    assert cron.next_after(moment, UTC) == moment + day
    assert cron.next_after(moment - second, UTC) == moment
    assert cron.next_after(moment + second, UTC) == moment + day
    assert cron.previous_before(moment, UTC) == moment - day
    assert cron.previous_before(moment + second, UTC) == moment
    assert cron.previous_before(moment - second, UTC) == moment - day
    assert cron.occurrences(moment, moment + day, UTC) == [moment + day]
    assert cron.occurrences(moment - second, moment, UTC) == [moment]
    assert cron.occurrences(moment, moment, UTC) == []
    assert cron.occurrences(moment + day, moment, UTC) == []


def test_c15_an_instant_is_the_same_in_every_zone() -> None:
    """Also inside a repeated hour, where two instants of a zone look alike and Python calls them equal."""
    cron, oslo = parse("*/30 2 * * *"), ZoneInfo("Europe/Oslo")
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=oslo, fold=fold) for fold in (0, 1))
    assert first == second
    assert cron.next_after(first, oslo) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert cron.next_after(second, oslo) == datetime(2026, 10, 26, 1, 0, tzinfo=UTC)
    assert cron.occurrences(first, second, oslo) == [
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    once = parse("30 2 * * *")
    assert once.matches(first, oslo)
    assert not once.matches(second, oslo)


@pytest.mark.parametrize("method", ["matches", "next_after", "previous_before"])
def test_a_naive_datetime_is_refused(method: str) -> None:
    with pytest.raises(NaiveDatetimeError, match="2026-01-01T02:00:00 has no zone, so it is not an instant"):
        getattr(parse("0 2 * * *"), method)(datetime(2026, 1, 1, 2, 0), UTC)  # noqa: DTZ001


@pytest.mark.parametrize("naive", ["start", "end"])
def test_a_naive_window_is_refused(naive: str) -> None:
    window = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 1, 2, tzinfo=UTC)}
    window[naive] = window[naive].replace(tzinfo=None)
    with pytest.raises(NaiveDatetimeError):
        parse("0 2 * * *").occurrences(zone=UTC, **window)


ENDS = [
    datetime.min.replace(tzinfo=UTC),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.min.replace(tzinfo=ZoneInfo("Pacific/Kiritimati")),
    datetime.max.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    datetime.max.replace(tzinfo=ZoneInfo("America/Los_Angeles")),
]


@pytest.mark.parametrize("instant", ENDS, ids=str)
@pytest.mark.parametrize("zone", ["UTC", "+14:00", "-14:00", "Europe/Oslo", "Pacific/Apia", "Pacific/Kiritimati"])
@pytest.mark.parametrize("text", ["* * * * *", "0 0 1 1 *", "0 0 29 2 *", "0 0 31 2 *", "59 23 31 12 *", "0 0 * * 1"])
def test_the_ends_of_the_calendar_are_answered(instant: datetime, zone: str, text: str) -> None:
    """The first and the last day of Python's calendar hold no occurrences, and nothing overflows."""
    cron, place = parse(text), parse_zone(zone)
    following, previous = cron.next_after(instant, place), cron.previous_before(instant, place)
    assert not cron.matches(instant, place)
    if instant.year == 1:
        assert previous is None
        assert following is None or following.year < 10
        assert cron.occurrences(instant, instant + timedelta(days=400), place)[:1] == (
            [following] if following and following <= instant + timedelta(days=400) else []
        )
    else:
        assert following is None
        assert previous is None or previous.year > 9990
        assert cron.occurrences(instant - timedelta(days=400), instant, place)[-1:] == (
            [previous] if previous and previous > instant - timedelta(days=400) else []
        )


def test_the_first_and_the_last_occurrence_that_there_can_be() -> None:
    cron = parse("* * * * *")
    first, last = datetime(1, 1, 2, 0, 0, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, tzinfo=UTC)
    assert cron.next_after(ENDS[0], UTC) == first
    assert cron.previous_before(ENDS[3], UTC) == last
    assert cron.matches(first, UTC)
    assert cron.matches(last, UTC)
    assert cron.next_after(last, UTC) is None
    assert cron.previous_before(first, UTC) is None
