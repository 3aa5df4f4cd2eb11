"""What pages draw, as inline SVG: sizes are attributes, colours are classes of the style sheet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import log10

from markupsafe import Markup, escape

from synkron.model import State
from synkron.reports.overview.rows import StripRun
from synkron.text import printable

# In the strip's own units: the room for each run, the width of its column, and the height.
ROOM, COLUMN, HEIGHT = 6, 4, 24
RUNS = 30
SHORTEST, LONGEST = timedelta(milliseconds=10), timedelta(hours=1)
# The mark of each state, in the style sheet and in marks.svg.
CLASSES: Mapping[State, str] = {
    State.SUCCEEDED: "done",
    State.FAILED: "failed",
    State.RUNNING: "running",
    State.CLAIMED: "waiting",
    State.SKIPPED: "skipped",
}


def strip(runs: Sequence[StripRun], label: str) -> Markup:
    """The last runs, the newest at the right: the height says how long each took, shape and colour its state.

    A run that succeeded is a column, one that failed a peak, one that runs a frame, one that waits a dashed frame, and
    one that was skipped a line.
    """
    paths: dict[str, list[str]] = {}
    for place, run in enumerate(runs, RUNS - len(runs)):
        paths.setdefault(CLASSES[run.state], []).append(_column(run, place * ROOM + 1))
    shapes = "".join(f'<path class="fill-{name}" d="{"".join(parts)}"/>' for name, parts in sorted(paths.items()))
    base = f'<path class="grid" d="M0 {HEIGHT}h{RUNS * ROOM}"/>'
    return svg("strip", RUNS * ROOM, HEIGHT, base + shapes, label)


def _column(run: StripRun, x: int) -> str:
    height = _height(run.duration)
    top = HEIGHT - height
    match run.state:
        case State.FAILED:
            return f"M{x - 1} {HEIGHT}l{COLUMN / 2 + 1:g} -{max(height, 12)}l{COLUMN / 2 + 1:g} {max(height, 12)}z"
        case State.SKIPPED:
            return f"M{x} {HEIGHT - 2}h{COLUMN}v2h-{COLUMN}z"
        case State.CLAIMED | State.RUNNING:
            return f"M{x} {HEIGHT - 10}h{COLUMN}v10h-{COLUMN}z"
        case _:
            return f"M{x} {top}h{COLUMN}v{height}h-{COLUMN}z"


def _height(length: timedelta | None) -> int:
    """From 3 to the whole height, by the order of magnitude: from 10 ms to an hour."""
    if length is None:
        return 3
    share = log10(max(length, SHORTEST) / SHORTEST) / log10(LONGEST / SHORTEST)
    return round(3 + min(share, 1) * (HEIGHT - 3))


def svg(name: str, width: float, height: float, shapes: str, label: str = "", *, stretched: bool = False) -> Markup:
    """A drawing in its own units, scaled by the style sheet; ``stretched`` to any proportions.

    Without a label, it repeats what stands beside it.
    """
    said = f'role="img" aria-label="{escape(printable(label))}"' if label else 'aria-hidden="true"'
    box = f'viewBox="0 0 {width:g} {height:g}"' + (' preserveAspectRatio="none"' if stretched else "")
    return Markup(f'<svg class="{name}" {box} {said}>{shapes}</svg>')  # noqa: S704


def rect(name: str, x: float, y: float, width: float, height: float, title: str = "") -> str:
    """A rectangle of a class of the style sheet."""
    told = f"<title>{escape(printable(title))}</title>" if title else ""
    return f'<rect class="{name}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}">{told}</rect>'
