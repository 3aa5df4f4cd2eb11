"""The axis of time below a plot, in a zone. Places are shares of the width, so that words keep their size. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from markupsafe import Markup, escape

from synkron.reports.exports.ranges import instant_of
from synkron.service.dashboard import times
from synkron.service.dashboard.viewer import Viewer

DAY = timedelta(days=1)
FIVE = timedelta(minutes=5)
# Minutes between two labels: the first that gives at most so many.
STEPS = (10, 15, 30, 60, 120, 180, 360, 720)
MOST = 9


@dataclass(frozen=True, slots=True)
class Ruler:
    """From when to when a plot is drawn."""

    start: datetime
    end: datetime

    def share(self, at: datetime) -> float:
        """The place of a moment: 0 at the start, 1 at the end."""
        return (at - self.start) / (self.end - self.start)


def axis(view: Viewer, ruler: Ruler) -> Markup:
    """The labels, of which every other one gives way where there is little room."""
    marks = []
    for number, (at, words) in enumerate(ticks(view, ruler)):
        share = 100 * ruler.share(at)
        anchor = "start" if share < 2 else "end" if share > 98 else "middle"
        minor = " minor" if number % 2 else ""
        marks.append(f'<text class="axis{minor}" x="{share:.2f}%" y="12" text-anchor="{anchor}">{escape(words)}</text>')
    return Markup(f'<svg class="axis-of-time" aria-hidden="true">{"".join(marks)}</svg>')  # noqa: S704 (escaped)


def ticks(view: Viewer, ruler: Ruler) -> Iterator[tuple[datetime, str]]:
    """The moments that have a label: whole hours or parts of them, or days."""
    length = ruler.end - ruler.start
    step = next((one for one in STEPS if length / timedelta(minutes=one) <= MOST), None)
    if step is None:
        yield from _days(view, ruler)
        return
    at = ruler.start.replace(minute=ruler.start.minute // 5 * 5, second=0, microsecond=0)
    while at <= ruler.end:
        local = at.astimezone(view.zone)
        if at >= ruler.start and (local.hour * 60 + local.minute) % step == 0:
            is_new_day = local.hour == local.minute == 0
            yield at, times.day(view.words, local, local) if is_new_day else f"{local:%H:%M}"
        at += FIVE


def _days(view: Viewer, ruler: Ruler) -> Iterator[tuple[datetime, str]]:
    first = ruler.start.astimezone(view.zone).date()
    number = (ruler.end.astimezone(view.zone).date() - first).days + 1
    for place in range(0, number, ceil(number / MOST)):
        at = instant_of(first + DAY * place, view.zone)
        if ruler.start <= at <= ruler.end:
            local = at.astimezone(view.zone)
            yield at, times.day(view.words, local, local)
