"""A report as CSV, which a spreadsheet opens without taking a cell for a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

from synkron.reports.exports.coverage import Stretch
from synkron.reports.exports.figures import COUNTS, Line
from synkron.reports.exports.sentences import WORDS, Told, zone_name
from synkron.text import one_line, printable

MINUTE = timedelta(minutes=1)
# What a spreadsheet would take for the beginning of a formula; the last four are the wide forms of the first.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = (
    *("type", "organization", "organization id", *COUNTS),
    *("minutes not covered", "not covered"),
)


def sheet(told: Told) -> str:
    """A line for each type and organization, the worst first, below the names of the columns."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(harmless, _cells(told, line)) for line in told.report.lines)
    return written.getvalue()


def harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula, and no terminal for a command."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return printable(f"'{text}" if value.lstrip(" ").startswith(FORMULA) or text.startswith(FORMULA) else text)


def sheet_name(told: Told) -> str:
    """The name of its file: ``synkron-2026-11-29.csv``, with the first and the last day if there are several."""
    last = told.range.window.end - timedelta(microseconds=1)
    days = [f"{at.astimezone(told.range.zone):%Y-%m-%d}" for at in (told.range.window.start, last)]
    return f"synkron-{'-to-'.join(dict.fromkeys(days))}.csv"


def told_of(stretch: Stretch) -> str:
    """Why a stretch of time is not covered."""
    return f"{WORDS[stretch.reason]}: {stretch.detail}" if stretch.detail else WORDS[stretch.reason]


def _cells(told: Told, line: Line) -> list[object]:
    return [
        *(line.integration_type, told.name_of(line), line.org_id),
        *(getattr(line, name) for name in COUNTS),
        *(round(line.uncovered_time / MINUTE), "; ".join(_stretches(told, line))),
    ]


def _stretches(told: Told, line: Line) -> Iterator[str]:
    """Each time in the zone of the report, as its page shows it, with the day and the zone: it stands alone here."""
    zone, name = told.range.zone, zone_name(told.range)
    for one in line.uncovered:
        start, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (one.window.start, one.window.end))
        yield f"{start} to {end} {name}, {told_of(one)}"
