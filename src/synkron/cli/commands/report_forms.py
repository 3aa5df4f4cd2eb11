"""The forms of a report: for a terminal, JSON, CSV, and a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from synkron.cli.output import BESIDE, show_lines, show_table, wrapped
from synkron.cli.table import Field
from synkron.reports.exports.coverage import Stretch
from synkron.reports.exports.figures import COUNTS
from synkron.reports.exports.sentences import WORDS, Told, worst_of, zone_name
from synkron.text import instant, one_line

if TYPE_CHECKING:
    from synkron.reports.exports.figures import Line

# As much as fits on a screen of 24 lines, if no sentence is longer than a line.
MOST_SENTENCES = 5
MOST_LINES = 10
MINUTE = timedelta(minutes=1)
# What a spreadsheet would take for the beginning of a formula; the last four are the wide forms of the first.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def show_text(told: Told) -> None:
    """Write it for a person: a sentence for each type, and the organizations of which something is missing."""
    sentences = told.summary()
    lines = [told.heading, *told.remarks, "", *sentences[:MOST_SENTENCES]]
    if len(sentences) > MOST_SENTENCES:
        lines.append(f"And {len(sentences) - MOST_SENTENCES} more types: --json lists all.")
    parts = [part for line in lines for part in wrapped(line)]
    show_lines(*parts)
    shown = 0
    if faults := told.faults:
        show_lines("")
        shown = show_table(_fault_fields(told), faults[:MOST_LINES], beside=len(parts) + 1 + BESIDE)
    if len(faults) > shown:
        show_lines("", f"And {len(faults) - shown:,} more of which not all is exported: --csv lists all.")


def as_json(told: Told) -> dict[str, object]:
    """The form is documented in docs/report.md, and stable."""
    report = told.report
    return {
        "title": told.range.title,
        "zone": zone_name(told.range),
        "since": report.window.start,
        "until": report.window.end,
        "asked_until": told.range.window.end,
        "watermark": report.watermark,
        "types": told.figures,
        "organizations": [
            {
                "org_id": line.org_id,
                **line.figures,
                "integrations": [
                    {
                        "integration_id": export.integration_id,
                        "covered": [{"since": one.start, "until": one.end} for one in export.covered],
                        "not_covered": [_stretch(one) for one in export.uncovered],
                    }
                    for export in line.exports
                ],
            }
            for line in report.lines
        ],
    }


def show_csv(told: Told) -> None:
    """Write a line for each type and organization, the worst first."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    fields = _csv_fields(told)
    writer.writerow([field.title for field in fields])
    writer.writerows([harmless(field.of(line)) for field in fields] for line in told.report.lines)
    show_lines(*written.getvalue().splitlines())


def show_page(told: Told) -> None:
    """Write the page."""
    from synkron.reports.exports.page import page

    show_lines(*page(told).splitlines())


def harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if value.lstrip(" ").startswith(FORMULA) or text.startswith(FORMULA) else text


def _fault_fields(told: Told) -> list[Field]:
    """An organization of which something is missing: how much, and the worst of it."""
    return [
        Field("type", "integration_type", shrink=True),
        Field("organization", told.name_of, shrink=True),
        Field("exported", lambda line: f"{line.exported:,} of {line.due:,}", right=True),
        Field("not covered", lambda line: _when(told, line)),
        Field("why", _why, shrink=True),
    ]


def _when(told: Told, line: Line) -> str:
    stretch = worst_of(line)
    return told.span(stretch.window) if stretch else ""


def _why(line: Line) -> str:
    stretch = worst_of(line)
    if stretch is None:
        return ""
    more = len(line.uncovered) - 1
    return _told(stretch) + (f" (and {more} more)" if more else "")


def _told(stretch: Stretch) -> str:
    return f"{WORDS[stretch.reason]}: {stretch.detail}" if stretch.detail else WORDS[stretch.reason]


def _stretch(one: Stretch) -> dict[str, object]:
    return {
        "since": one.window.start,
        "until": one.window.end,
        "reason": one.reason,
        "detail": one.detail,
        "failed_at": one.failed_at,
        "run_id": one.run_id,
    }


def _csv_fields(told: Told) -> list[Field]:
    return [
        Field("type", "integration_type"),
        Field("organization", told.name_of),
        Field("organization id", "org_id"),
        *(Field(name, name) for name in COUNTS),
        Field("minutes not covered", lambda line: round(line.uncovered_time / MINUTE)),
        Field("not covered", lambda line: "; ".join(_stretches(line))),
    ]


def _stretches(line: Line) -> Iterator[str]:
    for one in line.uncovered:
        yield f"{instant(one.window.start)} to {instant(one.window.end)} {_told(one)}"
