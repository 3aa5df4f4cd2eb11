"""The chart of the forecast: a line for each stretch of time, with a bar for its busiest minute."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from shutil import get_terminal_size
from typing import TypeAlias

from synkron.cli.output import show_table
from synkron.cli.table import GAP, Column
from synkron.reports.forecast import Forecast
from synkron.reports.forecast.store import Outlook
from synkron.scheduler.spread import MINUTE

# A stretch is so many minutes long: the first of these that makes at most so many lines, or one more.
LENGTHS = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
MOST_LINES = 31
WIDTH = 80
NARROWEST_BAR = 8
BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = " #"

# Columns, and their rows.
Part: TypeAlias = tuple[list[Column], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some minutes in a row: how many start in them, and the minute in which most do."""

    begin: datetime
    starts: float
    busiest: float
    at: datetime


def show_chart(outlook: Outlook) -> None:
    """Write it; what is proposed stands beside what is set."""
    length = length_of_stretches(outlook.as_set)
    sides = [stretches(one, length) for one in outlook.forecasts]
    titles = [""] if outlook.proposed is None else ["as set", "proposed"]
    columns, rows = _beginnings(sides[0], length)
    parts = [_figures(side, with_minute=outlook.proposed is None) for side in sides]
    width = _bar_width([(columns, rows), *parts])
    most = max(one.busiest for side in sides for one in side)
    for title, side, (more, figures) in zip(titles, sides, parts, strict=True):
        columns += [*more, Column(title)]
        for row, one, cells in zip(rows, side, figures, strict=True):
            row += [*cells, bar(one.busiest / most, width, _marks())]
    show_table(columns, rows)


def length_of_stretches(forecast: Forecast) -> int:
    """In minutes, so that the chart has as many lines as fit on a screen."""
    minutes = (forecast.window.end - forecast.window.start) // MINUTE
    return next(length for length in LENGTHS if minutes <= length * MOST_LINES)


def stretches(forecast: Forecast, length: int) -> list[Stretch]:
    """The starts of all types together, cut where the clock shows a multiple of the length."""
    starts = [sum(figures) for figures in zip(*(one.starts for one in forecast.types.values()), strict=True)]
    first = forecast.window.start + MINUTE
    into = (60 * first.hour + first.minute) % length
    found = []
    for begin in range(-into, len(starts), length):
        part = starts[max(begin, 0) : begin + length]
        busiest = max(part)
        at = max(begin, 0) + part.index(busiest)
        found.append(Stretch(first + MINUTE * begin, sum(part), busiest, first + MINUTE * at))
    return found


def bar(share: float, width: int, marks: str = BLOCKS) -> str:
    """A bar of that share of the width; anything above zero shows."""
    steps = len(marks) - 1
    filled = max(round(share * width * steps), 1 if share > 0 else 0)
    whole, rest = divmod(filled, steps)
    return marks[-1] * whole + (marks[rest] if rest else "")


def _beginnings(side: Sequence[Stretch], length: int) -> Part:
    """The first column: when each stretch begins."""
    unit = {60: "hour", 1440: "day"}.get(length, "from")
    written = "%a %d %b" if length == 1440 else "%a %H:%M"
    return [Column(f"{unit} (UTC)")], [[f"{one.begin:{written}}"] for one in side]


def _figures(side: Sequence[Stretch], *, with_minute: bool) -> Part:
    """The columns of figures of one side; the minute only where there is room."""
    columns = [Column("starts", right=True), Column("busiest", right=True)]
    rows = [[f"{one.starts:,.0f}", f"{one.busiest:,.0f}"] for one in side]
    if with_minute:
        columns.append(Column("at"))
        for row, one in zip(rows, side, strict=True):
            row.append(f"{one.at:%H:%M}" if one.busiest else "")
    return columns, rows


def _bar_width(parts: Sequence[Part]) -> int:
    """How wide the bars of each side may be, beside everything else."""
    bars = len(parts) - 1
    fixed = [
        max(map(len, texts))
        for columns, rows in parts
        for texts in zip([column.title for column in columns], *rows, strict=True)
    ]
    terminal = get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    return max((terminal - sum(fixed) - len(GAP) * (len(fixed) + bars - 1)) // bars, NARROWEST_BAR)


def _marks() -> str:
    """Blocks, where the terminal's encoding has them."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS
