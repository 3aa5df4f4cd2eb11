"""A day of an endpoint: what its contacts showed, and how fast it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from synkron.reports.overview.past import QUARTER, EndpointCell
from synkron.service.dashboard import times
from synkron.service.dashboard.axis import Ruler
from synkron.service.dashboard.plots import rect, svg
from synkron.service.dashboard.viewer import Viewer
from synkron.vendors.health import Verdict

CELLS = 96
# In its own units: the room for a cell, and its width.
ROOM, COLUMN, HEIGHT, PLOT = 8, 6, 24, 40
# The worse, the taller; and each has its own colour.
SHAPES: Mapping[Verdict, tuple[str, int]] = {
    Verdict.UNREACHABLE: ("failed", 24),
    Verdict.UNAUTHORIZED: ("invalid", 24),
    Verdict.THROTTLED: ("held", 19),
    Verdict.DEGRADED: ("late", 15),
    Verdict.HEALTHY: ("done", 9),
}


def last_day(now: datetime) -> Ruler:
    """The quarters of an hour that are shown: the last is the one of now."""
    end = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + QUARTER
    return Ruler(end - CELLS * QUARTER, end)


def cells(view: Viewer, found: Sequence[EndpointCell], label: str) -> Markup:
    """A column for each quarter with contacts, by the worst that was found; a dot where there was none."""
    ruler = last_day(view.now)
    by_quarter = {round(ruler.share(one.at) * CELLS): one for one in found}
    shapes = []
    for number in range(CELLS):
        cell, x = by_quarter.get(number), number * ROOM + 1
        worst = None if cell is None else next((one for one in SHAPES if cell.findings.get(one)), None)
        if cell is None or worst is None:
            shapes.append(rect("fill-line", x + 2, HEIGHT - 2, 2, 2))
            continue
        name, height = SHAPES[worst]
        shapes.append(rect(f"fill-{name}", x, HEIGHT - height, COLUMN, height, _said(view, cell)))
    return svg("cells", CELLS * ROOM, HEIGHT, "".join(shapes), label, stretched=True)


def _said(view: Viewer, cell: EndpointCell) -> str:
    seen = ", ".join(
        f"{view.words.number(number)} {view.words.name('verdict', verdict)}"
        for verdict, number in cell.findings.items()
        if number
    )
    fast = f", {times.span(view.words, cell.latency_p50)}" if cell.latency_p50 is not None else ""
    return f"{view.both(cell.at)}: {seen}{fast}"


def latency(view: Viewer, found: Sequence[EndpointCell], label: str) -> Markup | None:
    """The median of each quarter as a mark, with a thin line up to its slowest; None where nothing was measured."""
    measured = [one for one in found if one.latency_p50 is not None]
    if not measured:
        return None
    ruler = last_day(view.now)
    most = slowest(measured)
    shapes = []
    for one in measured:
        x = round(ruler.share(one.at) * CELLS) * ROOM + 1
        middle, top = (_height(value, most) for value in (one.latency_p50, one.latency_most))
        shapes.append(rect("fill-soft", x + 2.5, PLOT - top, 1, max(top - middle, 0)))
        shapes.append(rect("accent", x, PLOT - middle - 1.5, COLUMN, 3, _said(view, one)))
    return svg("latency", CELLS * ROOM, PLOT, "".join(shapes), label, stretched=True)


def slowest(found: Sequence[EndpointCell]) -> timedelta:
    """The slowest contact: the top of the plot."""
    return max((one.latency_most for one in found if one.latency_most is not None), default=timedelta())


def _height(value: timedelta | None, most: timedelta) -> float:
    return (PLOT - 3) * (value / most) + 1.5 if value and most else 1.5
