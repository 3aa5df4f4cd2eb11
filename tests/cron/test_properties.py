"""C15-C19 on expressions, zones and moments that nobody thought of, against the minute-by-minute oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synkron.cron import minute_range, parse
from synkron.cron.timeline import instant_of, minute_of, stretches
from tests.cron import oracle
from tests.cron.agreement import MINUTE, all_answers, stepped_back, stepped_forward
from tests.cron.expressions import ZONES, nightly_texts, texts

instants = st.datetimes(datetime(1973, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
offsets = st.integers(-14 * 60, 14 * 60)
zones = st.sampled_from(ZONES).map(ZoneInfo)


@cache
def changes(zone: str) -> list[datetime]:
    """The zone's changes of clocks since 1973, when the last offset with seconds had gone (C15)."""
    return oracle.changes(ZoneInfo(zone), 1973, 2030)


@st.composite
def windows(draw: st.DrawFn) -> tuple[tzinfo, datetime, datetime]:
    """A zone, and up to three days that hold one of its changes of clocks, mostly."""
    zone = draw(st.sampled_from(ZONES))
    around = st.builds(
        lambda change, minutes: change - MINUTE * minutes,
        st.sampled_from(changes(zone)),
        st.integers(0, 1500),
    )
    start = draw(around | instants).replace(second=0, microsecond=0)
    return ZoneInfo(zone), start, start + MINUTE * draw(st.integers(60, 3000))


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_clocks_is_found(name: str) -> None:
    """C17-C19: the stretches of more than fifty years."""
    first, last = (minute_of(datetime(year, 1, 1, tzinfo=UTC)) for year in (1973, 2031))
    found = [
        after.start
        for before, after in pairwise(stretches(first, last - 1, ZoneInfo(name)))
        if before.offset != after.offset
    ]
    assert [instant_of(minute) for minute in found] == changes(name)


# requirement R2
@settings(max_examples=250)
@given(nightly_texts | texts, windows())
def test_every_answer_is_the_oracles(text: str, window: tuple[tzinfo, datetime, datetime]) -> None:
    """C15-C19: occurrences, next_after, previous_before, matches and short windows."""
    zone, start, end = window
    assert all_answers(parse(text), start, end, zone) == oracle.read(text).occurrences(start, end, zone)


@given(nightly_texts | texts, zones, instants)
def test_next_after_is_the_first_and_previous_before_the_last(text: str, zone: tzinfo, instant: datetime) -> None:
    cron = parse(text)
    following, previous = cron.next_after(instant, zone), cron.previous_before(instant, zone)
    assert (following is None) == (previous is None) == cron.never_fires
    if following is None or previous is None:
        return
    assert previous < instant < following
    assert cron.matches(following, zone)
    assert cron.matches(previous, zone)
    between = [instant] if cron.matches(instant, zone) else []
    assert cron.occurrences(previous, following, zone) == [*between, following]
    assert cron.next_after(previous, zone) == (instant if between else following)
    assert cron.previous_before(following, zone) == (instant if between else previous)


@given(nightly_texts | texts, windows(), st.integers(0, 4000), st.integers(0, 59))
def test_windows_tile(text: str, window: tuple[tzinfo, datetime, datetime], minutes: int, seconds: int) -> None:
    """(a, b] and (b, c] are (a, c], wherever b lies."""
    zone, start, end = window
    cron, cut = parse(text), min(start + timedelta(minutes=minutes, seconds=seconds), end)
    parts = cron.occurrences(start, cut, zone) + cron.occurrences(cut, end, zone)
    assert parts == cron.occurrences(start, end, zone)


@given(texts, instants, offsets, st.integers(0, 20_000))
def test_a_fixed_offset_is_utc_shifted(text: str, start: datetime, offset: int, minutes: int) -> None:
    """C14: where clocks never change, fixed-time and wildcard expressions are alike."""
    cron, shift, end = parse(text), MINUTE * offset, start + MINUTE * minutes
    in_utc = cron.occurrences(start + shift, end + shift, UTC)
    assert cron.occurrences(start, end, timezone(shift)) == [moment - shift for moment in in_utc]


@given(nightly_texts, windows(), st.integers(0, 12))
def test_a_range_of_minutes_says_whether_an_expression_fires(
    text: str, window: tuple[tzinfo, datetime, datetime], minutes: int
) -> None:
    zone, start, _ = window
    cron, end = parse(text), start + MINUTE * minutes
    assert cron.fires_within(minute_range(start, end, zone)) == bool(cron.occurrences(start, end, zone))


def test_zones_whose_clocks_show_the_same_share_a_range_of_minutes() -> None:
    start = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    ranges = {
        minute_range(start, start + MINUTE, ZoneInfo(name)) for name in ("Europe/Oslo", "Europe/Rome", "Asia/Tokyo")
    }
    assert len(ranges) == 2


@given(nightly_texts.map(lambda text: f"0 {text.partition(' ')[2]}"), zones, instants, st.integers(1, 1500))
def test_long_windows_are_stepped_through(text: str, zone: tzinfo, start: datetime, days: int) -> None:
    """Over years, and every change of clocks in between."""
    cron, end = parse(text), start + timedelta(days=days)
    occurrences = cron.occurrences(start, end, zone)
    assert stepped_forward(cron, start, end, zone) == occurrences
    assert stepped_back(cron, start, end, zone) == occurrences
