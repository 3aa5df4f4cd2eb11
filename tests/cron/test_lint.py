"""W1-W4: what is well formed and probably not meant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.cron import CronWarning, lint, parse
from tests.cron.expressions import ZONES, nightly_texts, texts

RESTRICTED = "day of month and day of week are both restricted, so either is enough"

# expression, zone, year, warnings
WARNINGS = [
    ("0 2 * * *", "UTC", 2026, []),
    ("*/15 * * * *", "UTC", 2026, []),
    ("*/1 */12 * */6 */1", "UTC", 2026, []),
    ("0 0 31 2 *", "UTC", 2026, ["W1 Never: February has no day 31."]),
    ("*/90 * * * *", "UTC", 2026, ["W2 minute: the step 90 is larger than the range; only 0 is selected"]),
    ("*/60 * * * *", "UTC", 2026, ["W2 minute: the step 60 is larger than the range; only 0 is selected"]),
    ("*/30,10/55 * * * *", "UTC", 2026, ["W2 minute: the step 55 is larger than the range; only 10 is selected"]),
    ("*/7 * * * *", "UTC", 2026, ["W2 minute: the step 7 is uneven: 56 is followed by 0"]),
    ("0-59/7 * * * *", "UTC", 2026, ["W2 minute: the step 7 is uneven: 56 is followed by 0"]),
    ("5/7 * * * *", "UTC", 2026, ["W2 minute: the step 7 is uneven: 54 is followed by 5"]),
    ("5/15 * * * *", "UTC", 2026, []),
    ("0 */5 * * *", "UTC", 2026, ["W2 hour: the step 5 is uneven: 20 is followed by 0"]),
    ("0 8-18/3 * * *", "UTC", 2026, ["W2 hour: the step 3 does not reach 18; it ends at 17"]),
    ("0 8-18/5 * * *", "UTC", 2026, []),
    ("0 8-9/4 * * *", "UTC", 2026, ["W2 hour: the step 4 is larger than the range; only 8 is selected"]),
    ("0 0 */2 * *", "UTC", 2026, ["W2 day of month: the step 2 is uneven: 31 is followed by 1"]),
    ("0 0 1 */5 *", "UTC", 2026, ["W2 month: the step 5 is uneven: 11 is followed by 1"]),
    ("0 0 * * */2", "UTC", 2026, ["W2 day of week: the step 2 is uneven: 6 is followed by 0"]),
    ("0 0 * * 1-5/2", "UTC", 2026, []),
    (
        "0 0 13 * 5",
        "UTC",
        2026,
        [f"W3 {RESTRICTED}: 61 days in 2026; if both had to match, 3"],
    ),
    (
        "0 0 1-31 2 1",
        "UTC",
        2028,
        [f"W3 {RESTRICTED}: 29 days in 2028; if both had to match, 4"],
    ),
    ("0 0 */2 * 5", "UTC", 2026, ["W2 day of month: the step 2 is uneven: 31 is followed by 1"]),
    (
        "30 2 * * *",
        "Europe/Oslo",
        2026,
        [
            "W4 the clocks of Europe/Oslo skip 2026-03-29 02:30; it fires once instead, at 03:00",
            "W4 the clocks of Europe/Oslo repeat 2026-10-25 02:30; it fires at the first only",
        ],
    ),
    (
        "0,30 2 * * *",
        "Europe/Oslo",
        2027,
        [
            "W4 the clocks of Europe/Oslo skip 2027-03-28 02:00 to 02:30 (2 times); it fires once instead, at 03:00",
            "W4 the clocks of Europe/Oslo repeat 2027-10-31 02:00 to 02:30 (2 times); it fires at the first only",
        ],
    ),
    (
        "*/20 2 * * *",
        "Europe/Oslo",
        2026,
        [
            "W4 the clocks of Europe/Oslo skip 2026-03-29 02:00 to 02:40 (3 times); it does not fire there",
            "W4 the clocks of Europe/Oslo repeat 2026-10-25 02:00 to 02:40 (3 times); it fires at both",
        ],
    ),
    ("30 2 * 4-9 *", "Europe/Oslo", 2026, []),
    ("0 3 * * *", "Europe/Oslo", 2026, []),
    # Every hour, and by the hour: nothing that anybody would notice.
    ("0 * * * *", "Europe/Oslo", 2026, []),
    (
        "45 * * * *",
        "Australia/Lord_Howe",
        2026,
        ["W4 the clocks of Australia/Lord_Howe repeat 2026-04-05 01:45; it fires at both"],
    ),
    (
        "0 0 * * *",
        "America/Sao_Paulo",
        2017,
        ["W4 the clocks of America/Sao_Paulo skip 2017-10-15 00:00; it fires once instead, at 01:00"],
    ),
    # Kathmandu's last change of clocks was at the first moment of 1986, in the evening of 1985 in UTC.
    ("5 0 * * *", "Asia/Kathmandu", 1985, []),
    (
        "5 0 * * *",
        "Asia/Kathmandu",
        1986,
        ["W4 the clocks of Asia/Kathmandu skip 1986-01-01 00:05; it fires once instead, at 00:15"],
    ),
    (
        "0 * 30 12 *",
        "Pacific/Apia",
        2011,
        ["W4 the clocks of Pacific/Apia skip 2011-12-30 00:00 to 23:00 (24 times); it does not fire there"],
    ),
    (
        "0 12 * * *",
        "Pacific/Apia",
        2011,
        ["W4 the clocks of Pacific/Apia skip 2011-12-30 12:00; it does not fire there"],
    ),
]


def zone_of(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


@pytest.mark.parametrize(
    ("text", "zone", "year", "warnings"),
    WARNINGS,
    ids=[f"{' '.join(w[:2] for w in warnings) or 'none'}: {text} {zone}" for text, zone, _, warnings in WARNINGS],
)
def test_warnings(text: str, zone: str, year: int, warnings: list[str]) -> None:
    """W1-W4."""
    found = lint(parse(text), zone_of(zone), year)
    assert [f"{warning.code} {warning.message}" for warning in found] == warnings


def test_w2_equal_expressions_have_equal_warnings() -> None:
    """The steps that are warned of belong to the value; those that are not are the same as a list."""
    assert parse("*/15 * * * *") == parse("0,15,30,45 * * * *")
    assert parse("*/7 * * * *") != parse("0,7,14,21,28,35,42,49,56 * * * *")


@given(nightly_texts, st.sampled_from(ZONES), st.integers(1975, 2030))
def test_w4_is_about_days_on_which_the_wall_clock_jumps(text: str, zone: str, year: int) -> None:
    for warning in lint(parse(text), ZoneInfo(zone), year):
        if warning.code == "W4":
            written = re.findall(r"\d{4}-\d\d-\d\d", warning.message)[0]
            day = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone))
            around = {(day + timedelta(hours=hours)).utcoffset() for hours in range(-30, 60)}
            assert day.year == year
            assert len(around) > 1, warning


@given(texts, st.sampled_from((1, 2, 1900, 2026, 9998, 9999)), st.sampled_from(ZONES))
def test_any_year_can_be_linted(text: str, year: int, zone: str) -> None:
    codes = [warning.code for warning in lint(parse(text), ZoneInfo(zone), year)]
    assert codes == sorted(codes)
    assert lint(parse(text), timezone(timedelta(hours=2)), year) == [
        CronWarning(warning.code, warning.message) for warning in lint(parse(text), UTC, year)
    ]


# The same in bokmål: each phrase once.
IN_BOKMAL = [
    ("0 0 31 2 *", "UTC", "W1 Aldri: februar har ingen 31. dag."),
    ("*/90 * * * *", "UTC", "W2 minutt: steget 90 er større enn området; bare 0 er med"),
    ("0 0 */2 * *", "UTC", "W2 dag i måneden: steget 2 er ujevnt: etter 31 kommer 1"),
    ("0 8-18/3 * * *", "UTC", "W2 time: steget 3 når ikke 18; det ender ved 17"),
    ("0 0 13 * 5", "UTC", "W3 både dag i måneden og ukedag er begrenset, så én av dem er nok"),
    (
        "30 2 * * *",
        "Europe/Oslo",
        "W4 klokkene i Europe/Oslo hopper over 2026-03-29 02:30; det kjøres én gang i stedet",
    ),
    ("30 2 * * *", "Europe/Oslo", "W4 klokkene i Europe/Oslo gjentar 2026-10-25 02:30; det kjøres bare den første"),
    ("*/20 2,3 * * *", "Europe/Oslo", "W4 klokkene i Europe/Oslo gjentar 2026-10-25 02:00 til 02:40 (3 ganger)"),
]


@pytest.mark.parametrize(("text", "zone", "begin"), IN_BOKMAL)
def test_the_same_is_said_in_bokmal(text: str, zone: str, begin: str) -> None:
    said = [f"{one.code} {one.message}" for one in lint(parse(text), ZoneInfo(zone), 2026, language="nb")]
    assert [one for one in said if one.startswith(begin)], said
    english = lint(parse(text), ZoneInfo(zone), 2026)
    figures = [re.findall(r"\d+", one.message) for one in english if one.code != "W1"]
    assert [re.findall(r"\d+", one.partition(" ")[2]) for one in said if not one.startswith("W1")] == figures
