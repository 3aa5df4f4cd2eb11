"""How late runs started, over time and by size. Both are on a scale of magnitudes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from math import log10

from markupsafe import Markup, escape

from synkron.reports.overview.past import BOUNDS, DriftHistory, DriftStep
from synkron.service.dashboard import times
from synkron.service.dashboard.axis import Ruler
from synkron.service.dashboard.plots import rect, svg
from synkron.service.dashboard.words import Words

WIDTH, HEIGHT = 1000, 220
LOWEST, HIGHEST = timedelta(milliseconds=10), timedelta(hours=3)
GRID = tuple(timedelta(seconds=one) for one in (0.1, 1, 10, 60, 300, 3600))
# A line of the grid that is nearer than this to the limit, as a factor, gives way to it.
APART = 2.5
LINES = ("p50", "p95", "p99")
LEAST = 2


def over_time(found: DriftHistory, limit: timedelta, label: str) -> Markup:
    """A line for each percentile, and the limit beyond which a run is late.

    Where the runs are further apart than two steps a line is broken. Gaps are shaded.
    """
    ruler = Ruler(found.start, found.end)
    shapes = []
    for gap in found.gaps:
        begin, end = (min(max(ruler.share(at), 0.0), 1.0) * WIDTH for at in (gap.began, gap.ended or found.end))
        shapes.append(rect("gap", begin, 0, max(end - begin, LEAST), HEIGHT))
    for length in _lines(limit):
        kind = "limit" if length == limit else "grid"
        shapes.append(f'<path class="{kind}" d="M0 {_y(length):.1f}H{WIDTH}"/>')
    for name in LINES:
        path = "".join(_path(part, name, ruler, found.step) for part in _parts(found))
        shapes.append(f'<path class="line {name}" d="{path}"/>')
    return svg("plot over-time", WIDTH, HEIGHT, "".join(shapes), label, stretched=True)


def scale(words: Words, limit: timedelta) -> Markup:
    """The lengths of time at the lines of the plot, as words beside it."""
    marks = []
    for length in _lines(limit):
        said = escape(_rounded(words, length))
        kind = " strong" if length == limit else ""
        y = 100 * _y(length) / HEIGHT
        marks.append(f'<text class="axis{kind}" x="100%" y="{y:.1f}%" dy="-4" text-anchor="end">{said}</text>')
    return Markup(f'<svg class="scale" aria-hidden="true">{"".join(marks)}</svg>')  # noqa: S704 (escaped)


def bounds(words: Words) -> Sequence[str]:
    """What each bar of the histogram is about: from its bound up to the next."""
    said = [_rounded(words, one) if one else "0" for one in BOUNDS]
    return [f"{one} – {after}" for one, after in pairwise(said)] + [f"≥ {said[-1]}"]


def bar(runs: int, most: int, bound: timedelta, limit: timedelta) -> Markup:
    """A bar of the histogram; runs that are late by the limit or more have another colour."""
    width = max(LEAST, 100 * runs / most) if runs and most else 0
    name = "fill-failed" if bound >= limit else "accent"
    shape = f'<rect class="{name}" width="{width:.2f}%" height="100%" rx="1"/>'
    return Markup(f'<svg class="bar" aria-hidden="true">{shape}</svg>')  # noqa: S704 (numbers)


def _lines(limit: timedelta) -> list[timedelta]:
    """The grid with the limit in it."""
    return sorted([limit, *(one for one in GRID if not 1 / APART < one / limit < APART)])


def _rounded(words: Words, length: timedelta) -> str:
    """A length of whole seconds, without decimals."""
    seconds = length.total_seconds()
    return f"{seconds:.0f}\u00a0{words.say('times.unit.s')}" if 1 <= seconds < 60 else times.span(words, length)


def _y(length: timedelta) -> float:
    """By the order of magnitude, from the bottom to the top."""
    share = log10(min(max(length, LOWEST), HIGHEST) / LOWEST) / log10(HIGHEST / LOWEST)
    return HEIGHT * (1 - share)


def _parts(found: DriftHistory) -> list[list[DriftStep]]:
    """The steps, parted where nothing ran."""
    parts: list[list[DriftStep]] = []
    for one in found.steps:
        if not parts or one.at - parts[-1][-1].at > 2 * found.step:
            parts.append([])
        parts[-1].append(one)
    return parts


def _path(part: Sequence[DriftStep], name: str, ruler: Ruler, step: timedelta) -> str:
    """A line through the middles of the steps; a single one is a dash as long as its step."""
    points = [(ruler.share(one.at + step / 2) * WIDTH, _y(getattr(one.late, name))) for one in part]
    if len(points) == 1:
        half = max(step / (ruler.end - ruler.start) * WIDTH / 2, LEAST)
        points = [(points[0][0] - half, points[0][1]), (points[0][0] + half, points[0][1])]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
