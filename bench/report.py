"""The page of what was measured, ``bench/RESULTS.md``, and its plots: written from ``bench/results`` and nothing else.

    python -m bench.report

The page needs no more than the figures, so that a test can say whether it tells them; the plots need matplotlib.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.measure import RESULTS, Better, Kept, Measure, written
from bench.optional import optional

PAGE = RESULTS.parent / "RESULTS.md"
# What a measure's series must hold to be drawn, and the name of the drawing.
DRAWINGS = {
    frozenset({"rows", "milliseconds"}): "growth",
    frozenset({"seconds", "claimed", "executed"}): "herd",
    frozenset({"drift_ms"}): "drift",
}
CAPTIONS = {
    "growth": "Warm reads by number of rows, both axes logarithmic; a dashed line grows in proportion to the rows",
    "herd": "Runs claimed and executed over time",
    "drift": "Time from a run's moment to its start",
}
HEAD = """# Results of the bench

`python -m bench.report` writes this page from the files in `bench/results/`, where each program of the bench saves its
figures. `script/bench --full --save` measures everything again. A figure is the median of the rounds; the lowest and
the highest are beside it. Some figures have no target.
"""


def main() -> None:
    """Write the page and the plots."""
    kept = kept_in(RESULTS)
    PAGE.write_text(page(kept), "utf-8")
    if optional("matplotlib"):
        from bench.plots import draw

        drawn = {RESULTS / plot: measure for one in kept for measure in one.measures if (plot := plot_of(measure))}
        for stale in set(RESULTS.glob("*.svg")) - set(drawn):
            stale.unlink()
        for file, measure in drawn.items():
            draw(drawing_of(measure), measure, file)


def kept_in(folder: Path) -> list[Kept]:
    """What every program measured, in the order of the measures' numbers."""
    found = [Kept.read(file) for file in folder.glob("*.json")]
    return sorted(found, key=lambda one: [_place(measure) for measure in one.measures])


def page(kept: Sequence[Kept]) -> str:
    """The text of the page."""
    if not kept:
        return f"{HEAD}\nNothing is kept yet.\n"
    return "\n".join([HEAD, *_summary(kept), *(line for one in kept for line in _program(one))])


def drawing_of(measure: Measure) -> str:
    """The name of the drawing that the measure's series is for; empty where there is none."""
    return next((name for keys, name in DRAWINGS.items() if keys <= measure.series.keys()), "")


def plot_of(measure: Measure) -> str:
    """The file of the measure's plot; empty where there is none."""
    drawing = drawing_of(measure)
    return drawing and f"{drawing}-{measure.number.lower()}.svg"


def _summary(kept: Sequence[Kept]) -> Iterator[str]:
    yield "| | measure | median | lowest to highest | rounds | target | met |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for measure in sorted((measure for one in kept for measure in one.measures), key=_place):
        bound = "at most" if measure.better is Better.LOWER else "at least"
        target = "" if measure.target is None else f"{bound} {written(measure.target)} {measure.unit}"
        met = {None: "", True: "yes", False: "**no**"}[measure.is_met]
        yield _row(measure.number, measure.name, *_figures(measure.rounds, measure.unit), target, met)
    yield ""
    if quick := [one.program for one in kept if "--quick" in one.command]:
        yield f"Kept of the quick form, which measures less than the targets are for: {', '.join(quick)}.\n"


def _program(one: Kept) -> Iterator[str]:
    yield f"## {_heading(one)}\n"
    yield f"`{one.command}`, {one.at}, commit {one.commit}, on {one.machine}.\n"
    if any(measure.peers for measure in one.measures):
        yield "| in the same run | | median | lowest to highest | rounds |"
        yield "|---|---|--:|--:|--:|"
        for measure in one.measures:
            yield from _comparison(measure)
        yield ""
    numbers = Counter(measure.number for measure in one.measures)
    for measure in one.measures:
        name = f"**{measure.number}**" if numbers[measure.number] == 1 else f"**{measure.number}**, {measure.name}"
        if measure.note:
            yield f"- {name}: {_sentence(measure.note)}"
    yield ""
    plots = {plot_of(measure): CAPTIONS[drawing_of(measure)] for measure in one.measures if plot_of(measure)}
    for plot, caption in plots.items():
        yield f"![{caption}](results/{plot})\n\n{caption}.\n"


def _comparison(measure: Measure) -> Iterator[str]:
    if measure.peers:
        yield _row(f"{measure.number} {measure.name}", "Synkron", *_figures(measure.rounds, measure.unit))
    for name, rounds in measure.peers.items():
        yield _row("", name, *_figures(rounds, measure.unit))


def _heading(one: Kept) -> str:
    numbers = list(dict.fromkeys(measure.number for measure in one.measures))
    return f"{one.program.replace('_', ' ').capitalize()}: {', '.join(numbers)}"


def _figures(rounds: Sequence[float], unit: str) -> tuple[str, str, str]:
    return f"{written(median(rounds))} {unit}", f"{written(min(rounds))} to {written(max(rounds))}", str(len(rounds))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _sentence(note: str) -> str:
    text = note[0].upper() + note[1:] if note[0].isascii() else note  # a unit keeps its µ
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _place(measure: Measure) -> tuple[str, int]:
    """B2 stands before B10."""
    letters, digits = re.match(r"(\D*)(\d*)", measure.number).groups()  # type: ignore[union-attr]
    return letters, int(digits or 0)


if __name__ == "__main__":
    main()
