"""The plots of the page of results, as SVG that is the same for the same figures. Needs matplotlib."""

from __future__ import annotations

from bisect import bisect_left
from importlib import import_module
from pathlib import Path
from statistics import quantiles
from typing import Any

from bench.measure import Measure, written

# Colours that colour-blind people tell apart; the first is Synkron's.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
STYLE = {
    "svg.hashsalt": "synkron",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "lines.linewidth": 2,
    "figure.figsize": (7.6, 4.4),
    "figure.facecolor": "white",
}
# Loaded by name, as it is in the lock file `bench` alone.
PYPLOT: Any = import_module("matplotlib.pyplot")


def draw(drawing: str, measure: Measure, file: Path) -> None:
    """Draw the measure's series into the file; the suffix says in which form."""
    with import_module("matplotlib").rc_context(STYLE):
        figure, axes = PYPLOT.subplots(layout="constrained")
        {"growth": _growth, "herd": _herd, "drift": _drift}[drawing](axes, measure)
        undated = {"Date": None, "Creator": None} if file.suffix == ".svg" else None
        figure.savefig(file, dpi=130, metadata=undated)
        PYPLOT.close(figure)


def _growth(axes: Any, measure: Measure) -> None:  # noqa: ANN401  matplotlib's classes are not installed everywhere
    rows, times = measure.series["rows"], measure.series["milliseconds"]
    linear = [times["synkron"][0] * count / rows[0] for count in rows]
    axes.plot(rows, linear, color=GREY, linestyle=(0, (4, 3)), linewidth=1.3)
    ends = [(linear[-1], "linear", GREY)]
    for (way, taken), color in zip(times.items(), (BLUE, ORANGE, GREEN), strict=False):
        axes.plot(rows, taken, color=color, marker="o", markersize=5)
        ends.append((taken[-1], "Synkron's due read" if way == "synkron" else f"fetch all, {way}", color))
    axes.set(xscale="log", yscale="log", xlabel="rows of organization_integrations", ylabel="ms, median of warm reads")
    axes.set_xticks(rows, [f"{count:,}" for count in rows])
    axes.yaxis.set_major_formatter(lambda value, _: written(value))
    axes.minorticks_off()
    axes.set_title("The due read as the table grows")
    _name_at_their_ends(axes, rows[-1], ends)


def _name_at_their_ends(axes: Any, last: float, ends: list[tuple[float, str, str]]) -> None:  # noqa: ANN401  as above
    """Write beside the end of each line what it is, and where two are close, one above the other."""
    bottom, top = axes.get_ylim()
    apart, place = (top / bottom) ** 0.05, 0.0
    for figure, name, color in sorted(ends):
        place = max(figure, place * apart)
        axes.annotate(
            name, (last, place), (9, 0), textcoords="offset points", color=color, va="center", annotation_clip=False
        )


def _herd(axes: Any, measure: Measure) -> None:  # noqa: ANN401  as above
    seconds, total = measure.series["seconds"], max(measure.series["claimed"])
    axes.fill_between(seconds, measure.series["executed"], color=BLUE, alpha=0.12, linewidth=0)
    for name, color, style in (("claimed", ORANGE, "steps-post"), ("executed", BLUE, "default")):
        axes.plot(seconds, measure.series[name], color=color, drawstyle=style)
        half = seconds[bisect_left(measure.series[name], total / 2, hi=len(seconds) - 1)]
        axes.annotate(name, (half, total / 2), (8, -12), textcoords="offset points", color=color, weight="bold")
    axes.set(xlabel="seconds since the tick began", ylabel="runs", xlim=(0, None), ylim=(0, total * 1.06))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title(f"{total:,.0f} integrations due in one minute")


def _drift(axes: Any, measure: Measure) -> None:  # noqa: ANN401  as above
    drifts = measure.series["drift_ms"]
    shares = quantiles(drifts, n=100, method="inclusive")
    axes.hist(drifts, bins=60, range=(min(0, *drifts), max(drifts)), color=BLUE, alpha=0.75, linewidth=0)
    top = axes.get_ylim()[1] * 1.15
    axes.set_ylim(0, top)
    for name, figure, side in (("p50", shares[49], "right"), ("p99", shares[98], "left")):
        axes.axvline(figure, color=ORANGE, linewidth=1.5)
        place = ((figure, top), (4 if side == "left" else -4, -11))
        words = {"ha": side, "textcoords": "offset points", "color": ORANGE, "weight": "bold"}
        axes.annotate(f"{name} {written(figure)} ms", *place, **words)
    axes.set(xlabel="drift: ms from the scheduled moment to the start", ylabel="runs")
    axes.set_title(f"Drift of {len(drifts):,} runs")
