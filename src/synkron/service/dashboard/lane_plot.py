"""A type's lane on the ruler of what comes: its fires by step, and marks for what is special. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup, escape

from synkron.reports.overview.timeline import Lane, Timeline
from synkron.service.dashboard.axis import Ruler
from synkron.service.dashboard.plots import rect, svg
from synkron.service.dashboard.viewer import Viewer

WIDTH, HEIGHT = 1000, 56
# Nothing that fires may be too small to be seen.
LEAST, GAP = 3, 0.8
# Marks closer together than this share of the width are one.
APART = 0.014


def lane(view: Viewer, found: Timeline, one: Lane, most: int, label: str) -> Markup:
    """A column for each step, as tall as many fire, of all types on the same scale; caught-up runs stand on top."""
    room = WIDTH / max(len(one.fires), 1)
    shapes = [f'<path class="grid" d="M0 {HEIGHT}H{WIDTH}"/>']
    for number, (fires, caught_up) in enumerate(zip(one.fires, one.caught_up, strict=True)):
        if not fires and not caught_up:
            continue
        x, width = number * room + GAP / 2, max(room - GAP, 1)
        title = _said(view, found, number, fires, caught_up)
        tall = _height(fires, most)
        above = _height(caught_up, most)
        if fires:
            shapes.append(rect("accent", x, HEIGHT - tall, width, tall, title))
        if caught_up:
            shapes.append(rect("caught-up", x, max(HEIGHT - tall - above, 0), width, above, title))
    return svg("plot lane", WIDTH, HEIGHT, "".join(shapes), label, stretched=True)


def marks(view: Viewer, found: Timeline, one: Lane) -> Markup:
    """Below the lane: a triangle for its largest herd, a dot for each warm-up."""
    ruler = Ruler(found.start, found.end)
    shapes = [f'<circle class="warm-up" cx="{100 * at:.2f}%" cy="7" r="2.5"/>' for at in _warm_ups(ruler, one)]
    if one.herds:
        herd = one.herds[0]
        share = 100 * ruler.share(herd.at)
        anchor = "start" if share < 50 else "end"
        words = escape(f"▲ {view.words.number(herd.fires)} · {view.clock(herd.at)}")
        shapes.append(f'<text class="herd" x="{share:.2f}%" y="24" text-anchor="{anchor}">{words}</text>')
    return Markup(f'<svg class="lane-marks" aria-hidden="true">{"".join(shapes)}</svg>')  # noqa: S704 (escaped)


def _warm_ups(ruler: Ruler, one: Lane) -> Iterator[float]:
    last = -1.0
    for at in one.warm_ups:
        share = ruler.share(at)
        if 0 <= share <= 1 and share - last >= APART:
            yield share
            last = share


def _height(number: int, most: int) -> float:
    return max(LEAST, HEIGHT * number / most) if number and most else 0


def _said(view: Viewer, found: Timeline, number: int, fires: int, caught_up: int) -> str:
    told = view.words.say("timeline.fires", count=fires)
    if caught_up:
        told += ", " + view.words.say("timeline.caught_up", count=caught_up)
    return f"{view.both(found.start + number * found.step)}: {told}"
