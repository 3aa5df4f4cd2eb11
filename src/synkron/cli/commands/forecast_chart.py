"""The chart of the forecast: a line for each stretch of time, with a bar for its busiest minute."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from shutil import get_terminal_size
from typing import TypeAlias

from synkron.cli.output import show_table
from synkron.cli.table import GAP, Field
from synkron.reports.forecast.outlook import Forecast
from synkron.reports.forecast.store import ComparedForecast
from synkron.scheduler.spread import MINUTE

# A stretch is so many minutes long: the first of these that makes at most so many lines, or one more.
DAY = 1440
LENGTHS = (5, 10, 15, 30, 60, 120, 180, 360, 720, DAY, 2 * DAY, 7 * DAY, 14 * DAY)
MOST_LINES = 31
WIDTH = 80
NARROWEST_BAR = 8
BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = " #"

# A stretch of each side.
Row: TypeAlias = tuple["ChartRow", ...]


@dataclass(frozen=True, slots=True)
class ChartRow:
    """Some minutes in a row: how many start in them, and the minute in which most do."""

    begin: datetime
    starts: float
    busiest: float
    at: datetime


def show_chart(outlook: ComparedForecast, most_lines: int = MOST_LINES) -> None:
    """Write it; what is proposed stands beside what is set."""
    length = length_of_stretches(outlook.as_set, most_lines)
    rows = list(zip(*(stretches(one, length) for one in outlook.forecasts), strict=True))
    titles = [""] if outlook.proposed is None else ["as set", "proposed"]
    at = None if outlook.proposed else "%a %H:%M" if length > DAY else "%H:%M"
    sides = [_figures(index, at) for index in range(len(titles))]
    fields = [_beginning(length)]
    width = _bar_width([*fields, *(field for side in sides for field in side)], rows, len(sides))
    most = max(one.busiest for row in rows for one in row)
    for index, (title, side) in enumerate(zip(titles, sides, strict=True)):
        drawn = partial(_drawn, index=index, most=most, width=width)
        fields += [*side, Field(title, drawn)]
    show_table(fields, rows)


def lines_of_chart(outlook: ComparedForecast) -> int:
    """How many rows the whole chart has."""
    return len(stretches(outlook.as_set, length_of_stretches(outlook.as_set)))


def length_of_stretches(forecast: Forecast, most_lines: int = MOST_LINES) -> int:
    """In minutes, so that the chart has at most so many lines, or one more."""
    minutes = (forecast.window.end - forecast.window.start) // MINUTE
    return next((length for length in LENGTHS if minutes <= length * most_lines), LENGTHS[-1])


def stretches(forecast: Forecast, length: int) -> list[ChartRow]:
    """The starts of all types together, cut where the clock shows a multiple of the length."""
    starts = [sum(figures) for figures in zip(*(one.starts for one in forecast.types.values()), strict=True)]
    first = forecast.window.start + MINUTE
    into = (60 * first.hour + first.minute) % length
    found = []
    for begin in range(-into, len(starts), length):
        part = starts[max(begin, 0) : begin + length]
        busiest = max(part)
        at = max(begin, 0) + part.index(busiest)
        found.append(ChartRow(first + MINUTE * begin, sum(part), busiest, first + MINUTE * at))
    return found


def bar(share: float, width: int, marks: str = BLOCKS) -> str:
    """A bar of that share of the width; anything above zero shows."""
    steps = len(marks) - 1
    filled = max(round(share * width * steps), 1 if share > 0 else 0)
    whole, rest = divmod(filled, steps)
    return marks[-1] * whole + (marks[rest] if rest else "")


def _drawn(row: Row, *, index: int, most: float, width: int) -> str:
    return bar(row[index].busiest / most, width, _marks())


def _beginning(length: int) -> Field:
    """The first column: when each stretch begins."""
    unit = {60: "hour", DAY: "day"}.get(length, "from")
    written = "%a %d %b" if length >= DAY else "%a %H:%M"
    return Field(f"{unit} (UTC)", lambda row: f"{row[0].begin:{written}}")


def _figures(index: int, at: str | None) -> list[Field]:
    """The figures of one side; the minute, written so, only where there is room."""
    figures = [
        Field("starts", lambda row: f"{row[index].starts:,.0f}", right=True),
        Field("busiest", lambda row: f"{row[index].busiest:,.0f}", right=True),
    ]
    if at is None:
        return figures
    return [*figures, Field("at", lambda row: f"{row[index].at:{at}}" if row[index].busiest else "")]


def _bar_width(fields: Sequence[Field], rows: Sequence[Row], bars: int) -> int:
    """How wide the bars of each side may be, beside everything else."""
    fixed = [max(len(str(field.title)), *(len(field.of(row)) for row in rows)) for field in fields]
    terminal = get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    return max((terminal - sum(fixed) - len(GAP) * (len(fixed) + bars - 1)) // bars, NARROWEST_BAR)


def _marks() -> str:
    """Blocks, where the terminal's encoding has them."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS
