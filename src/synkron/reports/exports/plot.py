"""The plots of a report's page, as inline SVG: what was exported over time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from html import escape
from itertools import accumulate, groupby
from math import ceil

from synkron.model import Window
from synkron.reports.exports.coverage import Reason
from synkron.reports.exports.figures import FAILED, OPEN, Line
from synkron.reports.exports.ranges import instant_of
from synkron.text import printable

# The width of a plot in its own units; the page scales it.
WIDTH = 1000
HEIGHT = 36
COLUMNS = 125
# Nothing that is not exported may be too small to be seen.
SMALLEST = 4
MOST_LABELS = 7
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
STACKED = ("failed", "open", "skipped", "exported")
LEGEND = {
    "exported": "exported",
    "failed": "failed",
    "open": "still open, paused or can't run",
    "skipped": "skipped, and nothing will export it",
    "none": "not due yet, or nothing scheduled",
}


def bars(line: Line, window: Window, label: str) -> str:
    """A column for each part of the time: how many of the integrations have it exported, and how many not."""
    counts = {name: [0] * (COLUMNS + 1) for name in STACKED}
    for export in line.exports:
        for one in export.covered:
            _count(counts["exported"], one, window, outward=False)
        for stretch in export.uncovered:
            _count(counts[_class(stretch.reason)], stretch.window, window, outward=True)
    columns = zip(*(accumulate(changes[:COLUMNS]) for changes in counts.values()), strict=True)
    shapes = [_rect("none", 0, 0, WIDTH, HEIGHT)]
    reached = 0.0
    for numbers, alike in groupby(columns):
        width = WIDTH / COLUMNS * len(list(alike))
        shapes += _column(numbers, max(len(line.exports), 1), reached, width)
        reached += width
    return _svg("bars", HEIGHT, shapes, label)


def strip(line: Line, window: Window) -> str:
    """The time of an organization: exported, not exported, or neither."""
    shapes = [_rect("none", 0, 0, WIDTH, HEIGHT)]
    shapes += [_part("exported", one, window, 0) for export in line.exports for one in export.covered]
    shapes += [
        _part(_class(one.reason), one.window, window, SMALLEST) for export in line.exports for one in export.uncovered
    ]
    return _svg("strip", HEIGHT, shapes, "")


def axis(window: Window, zone: tzinfo) -> str:
    """The local times below a plot, in English."""
    shapes = []
    for moment, text in _labels(window, zone):
        share = 100 * (moment - window.start) / (window.end - window.start)
        anchor = "start" if share < 3 else "end" if share > 97 else "middle"
        shapes.append(f'<text x="{share:.2f}%" y="80%" text-anchor="{anchor}">{escape(text)}</text>')
    return f'<svg class="axis" role="presentation">{"".join(shapes)}</svg>'


def _labels(window: Window, zone: tzinfo) -> list[tuple[datetime, str]]:
    if window.end - window.start <= 2 * DAY:
        hours = [(at, at.astimezone(zone)) for at in _quarters(window)]
        for step in (1, 2, 3, 6, 12):
            found = [(at, local) for at, local in hours if local.minute == 0 and local.hour % step == 0]
            if len(found) <= MOST_LABELS:
                break
        return [(at, f"{local:%H:%M}") for at, local in found]
    first = window.start.astimezone(zone).date()
    days = (window.end.astimezone(zone).date() - first).days + 1
    step = ceil(days / MOST_LABELS)
    every = [first + DAY * number for number in range(0, days, step)]
    return [(at, _date(on)) for on in every if window.start <= (at := instant_of(on, zone)) <= window.end]


def _quarters(window: Window) -> Iterator[datetime]:
    """Every quarter of an hour: there are zones whose full hours are at a quarter of UTC's."""
    at = window.start.replace(minute=window.start.minute // 15 * 15, second=0, microsecond=0)
    while at <= window.end:
        if at >= window.start:
            yield at
        at += QUARTER


def _date(on: date) -> str:
    return f"{on.day} {on:%b}"


def _class(reason: Reason) -> str:
    return "failed" if reason in FAILED else "open" if reason in OPEN else "skipped"


def _count(changes: list[int], one: Window, window: Window, *, outward: bool) -> None:
    """Count a stretch in the columns that it fills, or, ``outward``, in every column that it touches."""
    length = (window.end - window.start) / COLUMNS
    start, end = (one.start - window.start) / length, (one.end - window.start) / length
    first, after = (int(start), ceil(end)) if outward else (ceil(start - 0.5), ceil(end - 0.5))
    if first < after:
        changes[first] += 1
        changes[min(after, COLUMNS)] -= 1


def _column(numbers: Sequence[int], total: int, x: float, width: float) -> Iterator[str]:
    """One above the other, what is not exported at the bottom."""
    floor = 0.0
    for name, number in zip(STACKED, numbers, strict=True):
        smallest = 0 if name == "exported" else SMALLEST
        height = min(max(smallest, HEIGHT * number / total), HEIGHT - floor) if number else 0
        if height:
            yield _rect(name, x, HEIGHT - floor - height, width, height)
        floor += height


def _part(name: str, one: Window, window: Window, smallest: float) -> str:
    scale = WIDTH / (window.end - window.start).total_seconds()
    width = max(smallest, (one.end - one.start).total_seconds() * scale)
    x = min((one.start - window.start).total_seconds() * scale, WIDTH - width)
    return _rect(name, x, 0, width, HEIGHT)


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{name}" x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"/>'


def _svg(name: str, height: float, shapes: list[str], label: str) -> str:
    said = f'role="img" aria-label="{escape(printable(label))}"' if label else 'aria-hidden="true"'
    box = f'viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none"'
    return f'<svg class="{name}" {box} {said}>{"".join(shapes)}</svg>'
