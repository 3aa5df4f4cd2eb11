"""The chart of the forecast: a line for each stretch of time, with a bar for its busiest minute."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from shutil import get_terminal_size

from synkron.cli.output import show_table
from synkron.cli.table import GAP, Column
from synkron.forecast import Forecast
from synkron.forecasting import Outlook
from synkron.spread import MINUTE

# A stretch is so many minutes long: the first of these that makes at most so many lines, or one more.
LENGTHS = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
MOST_LINES = 31
WIDTH = 80
NARROWEST_BAR = 8
BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = " #"


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
    columns, rows = _figures(sides, length)
    fixed = [max(map(len, texts)) for texts in zip([column.title for column in columns], *rows, strict=True)]
    bars = 1 + 3 * len(sides) - len(columns)
    terminal = get_terminal_size().columns if sys.stdout.isatty() else WIDTH
    width = max((terminal - sum(fixed) - len(GAP) * (len(fixed) + bars - 1)) // bars, NARROWEST_BAR)
    most = max(one.busiest for side in sides for one in side)
    for number, side in enumerate(sides, 1):
        title = "" if len(sides) == 1 else ("as set", "proposed")[number - 1]
        columns.insert(3 * number, Column(title))
        for row, one in zip(rows, side, strict=True):
            row.insert(3 * number, bar(one.busiest / most, width, _marks()))
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


def _figures(sides: Sequence[Sequence[Stretch]], length: int) -> tuple[list[Column], list[list[str]]]:
    """The chart without its bars."""
    is_alone = len(sides) == 1
    unit = {60: "hour", 1440: "day"}.get(length, "from")
    columns = [Column(f"{unit} (UTC)")]
    rows = [[f"{one.begin:%a %d %b}" if length == 1440 else f"{one.begin:%a %H:%M}"] for one in sides[0]]
    for side in sides:
        columns += [Column("starts", right=True), Column("busiest minute" if is_alone else "busiest", right=True)]
        for row, one in zip(rows, side, strict=True):
            row += [f"{one.starts:,.0f}", f"{one.busiest:,.0f}"]
            if is_alone and one.busiest:
                row[-1] += f" at {one.at:%H:%M}"
    return columns, rows


def _marks() -> str:
    """Blocks, where the terminal's encoding has them."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS
