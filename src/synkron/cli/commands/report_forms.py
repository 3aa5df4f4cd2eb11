"""The forms of a report: for a terminal, CSV, and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synkron.cli.output import BESIDE, show_lines, show_table, wrapped
from synkron.cli.table import Field
from synkron.reports.exports.sentences import Told, worst_of
from synkron.reports.exports.sheet import told_of

if TYPE_CHECKING:
    from synkron.reports.exports.figures import Line

# As much as fits on a screen of 24 lines, if no sentence is longer than a line.
MOST_SENTENCES = 5
MOST_LINES = 10


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


def show_csv(told: Told) -> None:
    """Write a line for each type and organization, the worst first."""
    from synkron.reports.exports.sheet import sheet

    show_lines(*sheet(told).splitlines())


def show_page(told: Told) -> None:
    """Write the page."""
    from synkron.reports.exports.page import page

    show_lines(*page(told).splitlines())


def _fault_fields(told: Told) -> list[Field]:
    """An organization of which something is missing: how much, and the worst of it."""
    return [
        Field("type", "integration_type", shrink=True),
        Field("organization", told.name_of, shrink=True),
        Field("exported", told.share, right=True),
        Field("not covered", lambda line: _when(told, line)),
        Field("why", _why, shrink=True),
    ]


def _when(told: Told, line: Line) -> str:
    stretch = worst_of(line)
    return told.when(stretch.window) if stretch else ""


def _why(line: Line) -> str:
    stretch = worst_of(line)
    if stretch is None:
        return ""
    more = len(line.uncovered) - 1
    return told_of(stretch) + (f" (and {more} more)" if more else "")
