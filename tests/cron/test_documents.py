"""Every example in docs/cron-language.md and docs/time.md is true."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from synkron.cron import lint, parse, parse_zone
from synkron.errors import CronError

DOCS = Path(__file__).parents[2] / "docs"

Row = dict[str, str]


def tables(page: str, *columns: str) -> list[Row]:
    """The rows of the page's tables that have these columns."""
    found: list[Row] = []
    header: list[str] = []
    for line in (DOCS / page).read_text("utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells or not header:
            header = cells
        elif header == list(columns) and set(line) - set("|-"):
            found.append(dict(zip(columns, cells, strict=True)))
    assert found, f"{page} has no table of {columns}"
    return found


def named(rows: list[Row]) -> list[object]:
    return [pytest.param(row, id=" | ".join(list(row.values())[:3])) for row in rows]


@pytest.mark.parametrize("row", named(tables("cron-language.md", "Expression", "Sentence")))
def test_sentences(row: Row) -> None:
    assert parse(row["Expression"]).describe() == row["Sentence"]


@pytest.mark.parametrize("row", named(tables("cron-language.md", "Text", "Refused with")))
def test_refusals(row: Row) -> None:
    with pytest.raises(CronError) as caught:
        parse(row["Text"])
    assert str(caught.value) == row["Refused with"]


@pytest.mark.parametrize("row", named(tables("cron-language.md", "Expression", "Days of June 2026")))
def test_days_of_june(row: Row) -> None:
    june = datetime(2026, 6, 1, tzinfo=UTC)
    moments = parse(row["Expression"]).occurrences(june, june + timedelta(days=30), UTC)
    assert " ".join(str(moment.day) for moment in moments) == row["Days of June 2026"]


@pytest.mark.parametrize("row", named(tables("cron-language.md", "Expression", "Zone", "Year", "Warnings")))
def test_warnings(row: Row) -> None:
    warnings = lint(parse(row["Expression"]), parse_zone(row["Zone"]), int(row["Year"]))
    assert " ".join(warning.code for warning in warnings) == row["Warnings"]


MEANINGS = {"ahead of UTC": 1, "behind UTC": -1}
HOURS = {"one hour": 60, "two hours": 120, "three hours": 180, "five and a half hours": 330, "05:45": 345}


@pytest.mark.parametrize("row", named(tables("time.md", "Zone", "Meaning")))
def test_zones(row: Row) -> None:
    text, meaning = row["Zone"].replace("(empty)", ""), row["Meaning"]
    zone = parse_zone(int(text) if text.isdecimal() else text)
    if "IANA" in meaning:
        assert str(zone) == text
    else:
        minutes = next((minutes for words, minutes in HOURS.items() if words in meaning), 0)
        sign = next((sign for words, sign in MEANINGS.items() if words in meaning), 0)
        assert zone.utcoffset(None) == timedelta(minutes=sign * minutes)


@pytest.mark.parametrize("row", named(tables("time.md", "Expression", "Zone", "Day", "Fires at")))
def test_changes_of_clocks(row: Row) -> None:
    zone, day = parse_zone(row["Zone"]), date.fromisoformat(row["Day"])
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    moments = parse(row["Expression"]).occurrences(noon - timedelta(days=2), noon + timedelta(days=2), zone)
    local = [moment.astimezone(zone) for moment in moments]
    assert " ".join(f"{moment:%H:%M%z}" for moment in local if moment.date() == day) == row["Fires at"]


def test_every_rule_is_stated() -> None:
    pages = "".join((DOCS / page).read_text("utf-8") for page in ("cron-language.md", "time.md"))
    stated = set(re.findall(r"\*\*([CW]\d+)\*\*", pages))
    assert stated == {f"C{number}" for number in range(1, 20)} | {f"W{number}" for number in range(1, 5)}
