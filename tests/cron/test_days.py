"""C11-C13: which days an expression selects, in a calendar without changes of clocks."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.cron import parse
from tests.cron import oracle
from tests.cron.expressions import texts

# In June 2026 the first is a Monday.
JUNE = [
    ("C11", "0 0 * * *", list(range(1, 31))),
    ("C11", "0 0 13 * *", [13]),
    ("C11", "0 0 * * 5", [5, 12, 19, 26]),
    ("C11 either, as no star leads", "0 0 13 * 5", [5, 12, 13, 19, 26]),
    ("C11 either, 1-31 is no star", "0 0 1-31 * 5", list(range(1, 31))),
    ("C11 either, 0-6 is no star", "0 0 13 * 0-6", list(range(1, 31))),
    ("C11 either, the star does not lead", "0 0 13,*/20 * 5", [1, 5, 12, 13, 19, 21, 26]),
    ("C11 both, a star leads", "0 0 */2 * 5", [5, 19]),
    ("C11 both, a star leads the list", "0 0 */20,13 * 6", [13]),
    ("C11 both, a star leads", "0 0 13 * */2", [13]),
    ("C11 both, a star leads", "0 0 12 * */2", []),
    ("C11 both, a star leads the list", "0 0 1-14 * */6,3", [3, 6, 7, 10, 13, 14]),
    ("C12", "0 0 30 * *", [30]),
    ("C12", "0 0 31 * *", []),
    ("C12 either", "0 0 31 * 1", [1, 8, 15, 22, 29]),
]

PER_YEAR = [
    ("C12", "0 2 31 * *", 2026, ["01-31", "03-31", "05-31", "07-31", "08-31", "10-31", "12-31"]),
    ("C12", "0 0 29 2 *", 2028, ["02-29"]),
    ("C12", "0 0 29 2 *", 2026, []),
    ("C12 no leap year", "0 0 29 2 *", 2100, []),
    ("C12 a leap year", "0 0 29 2 *", 2000, ["02-29"]),
    ("C12", "0 0 30 * *", 2026, [f"{month:02}-30" for month in (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]),
]

NEVER = ["0 0 31 2 *", "0 0 30 2 *", "0 0 30,31 2 *", "* * 31 2,4,6,9,11 *", "0 0 31 4 */2"]

LONG_WAITS = [
    ("0 0 29 2 *", 2024, 2028),
    ("0 0 29 2 *", 2096, 2104),
    ("0 0 29 2 */7", 2280, 2320),  # 29 February on a Sunday, over a century that is no leap year: the longest of all
]


@pytest.mark.parametrize(("rule", "text", "days"), JUNE, ids=[f"{rule}: {text}" for rule, text, _ in JUNE])
def test_days_of_june(rule: str, text: str, days: list[int]) -> None:
    first, last = datetime(2026, 5, 31, 23, 59, tzinfo=UTC), datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    assert [moment.day for moment in parse(text).occurrences(first, last, UTC)] == days, rule


# requirement R7
@pytest.mark.parametrize(
    ("rule", "text", "year", "days"), PER_YEAR, ids=[f"{rule}: {text} in {year}" for rule, text, year, _ in PER_YEAR]
)
def test_days_of_a_year(rule: str, text: str, year: int, days: list[str]) -> None:
    before, end = datetime(year - 1, 12, 31, 23, 59, tzinfo=UTC), datetime(year, 12, 31, 23, 59, tzinfo=UTC)
    assert [f"{moment:%m-%d}" for moment in parse(text).occurrences(before, end, UTC)] == days, rule


# requirement R7
def test_c12_not_on_30_november() -> None:
    cron = parse("0 2 31 * *")
    assert not cron.matches(datetime(2026, 11, 30, 2, 0, tzinfo=UTC), UTC)
    assert cron.next_after(datetime(2026, 10, 31, 2, 0, tzinfo=UTC), UTC) == datetime(2026, 12, 31, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", NEVER, ids=lambda text: f"C13: {text}")
def test_c13_never_is_an_answer(text: str) -> None:
    cron, start = parse(text), datetime(2026, 1, 1, tzinfo=UTC)
    assert cron.never_fires
    assert cron.next_after(start, UTC) is None
    assert cron.previous_before(start, UTC) is None
    assert cron.occurrences(start, datetime(2500, 1, 1, tzinfo=UTC), UTC) == []


def test_c13_an_impossible_day_leaves_the_weekdays() -> None:
    assert parse("0 0 31 2 1").next_after(datetime(2026, 3, 1, tzinfo=UTC), UTC) == datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(("text", "year", "following"), LONG_WAITS, ids=lambda value: str(value))
def test_c13_a_long_wait_is_not_never(text: str, year: int, following: int) -> None:
    cron, zone = parse(text), ZoneInfo("Europe/Oslo")
    earlier, later = (datetime(year, 2, 29, tzinfo=zone).astimezone(UTC) for year in (year, following))
    assert not cron.never_fires
    assert cron.next_after(earlier, zone) == later
    assert cron.previous_before(later, zone) == earlier


@given(st.integers(1, 31), st.lists(st.integers(1, 12), min_size=1), st.booleans())
def test_c13_never_is_what_four_centuries_say(day: int, months: list[int], with_weekday: bool) -> None:
    text = f"0 0 {day} {','.join(map(str, months))} {'*/7' if with_weekday else '*'}"
    expected = oracle.read(text)
    fires = any(
        expected.selects(datetime(year, month, day, tzinfo=UTC))
        for year in range(2000, 2400)
        for month in set(months)
        if day <= monthrange(year, month)[1]
    )
    assert parse(text).never_fires == (not fires)


@given(texts, st.dates(date(1972, 1, 1), date(2100, 1, 1)))
def test_c11_every_day_of_a_year_is_the_oracles(text: str, start: date) -> None:
    fields = text.split()
    daily = " ".join(["0", "12", *fields[2:]])
    expected = oracle.read(daily)
    noon = datetime(start.year, start.month, start.day, 12, 0, tzinfo=UTC)
    noons = [noon + timedelta(days=day) for day in range(1, 367)]
    assert parse(daily).occurrences(noon, noons[-1], UTC) == [day for day in noons if expected.selects(day)]
