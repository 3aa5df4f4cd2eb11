"""What a program of the bench measured: shown as a table, and kept as JSON for ``bench.report``."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import machine

RESULTS = Path(__file__).parent / "results"
# The environment variable by which ``python -m bench`` says where it wants the figures of its programs.
ALSO_KEPT_IN = "SYNKRON_BENCH_ALSO_KEPT_IN"


class Better(StrEnum):
    """Which way a figure is better."""

    LOWER = "lower"
    HIGHER = "higher"


@dataclass(frozen=True)
class Measure:
    """One figure, measured several times.

    ``number`` is the measure's place in the table (B1 to B11); ``rounds`` holds the figure of each round, in ``unit``;
    ``target`` is in the same unit, None where there is none. ``peers`` are others' figures for the same, measured in
    the same run. ``series`` is what a plot draws, by name.
    """

    number: str
    name: str
    unit: str
    rounds: Sequence[float]
    target: float | None = None
    better: Better = Better.LOWER
    peers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    note: str = ""
    series: Mapping[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The figure to quote."""
        return median(self.rounds)

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the target; None where there is none."""
        if self.target is None:
            return None
        return self.median <= self.target if self.better is Better.LOWER else self.median >= self.target


def options(description: str | None) -> argparse.Namespace:
    """The flags that every program has: ``quick`` and ``save``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller form, in a fraction of the time")
    parser.add_argument("--save", action="store_true", help=f"keep the figures in {RESULTS.parent.name}/{RESULTS.name}")
    return parser.parse_args()


@dataclass(frozen=True)
class Kept:
    """What one run of a program measured, and where, when and how."""

    program: str
    command: str
    at: str
    commit: str
    machine: str
    measures: Sequence[Measure]

    def write(self, folder: Path) -> None:
        """Keep it as JSON, with six digits that mean something, and a list of figures on a line."""
        exact = json.dumps({name: value for name, value in asdict(self).items() if name != "program"})
        text = json.dumps(json.loads(exact, parse_float=lambda digits: float(f"{float(digits):.6g}")), indent=1)
        text = re.sub(r"\[[^\[\]{}\"]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
        folder.mkdir(exist_ok=True)
        (folder / f"{self.program}.json").write_text(text + "\n", "utf-8")

    @classmethod
    def read(cls, file: Path) -> Kept:
        """What ``write`` has kept."""
        kept = json.loads(file.read_text("utf-8"))
        measures = [Measure(**{**one, "better": Better(one["better"])}) for one in kept.pop("measures")]
        return cls(program=file.stem, measures=measures, **kept)


def report(program: str, measures: Sequence[Measure], *, quick: bool, save: bool) -> None:
    """Show the measures with the machine they were taken on, and keep them where asked to."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table(measures))
    for measure in measures:
        if measure.note:
            console.print(f"{measure.number}, {measure.name}: {measure.note}", style="dim", markup=False)
    console.print(machine(), style="dim")
    kept = Kept(
        program=program,
        command=f"python -m bench.{program}{' --quick' if quick else ''}",
        at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",  # noqa: TID251  the edge: when this was measured
        commit=_commit(),
        machine=machine(),
        measures=measures,
    )
    if save:
        kept.write(RESULTS)
    if folder := os.environ.get(ALSO_KEPT_IN):
        kept.write(Path(folder))


def written(figure: float) -> str:
    """The figure with three digits that mean something."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def table(measures: Sequence[Measure]) -> Table:
    """The measures, one a row."""
    shown = Table()
    shown.add_column("", no_wrap=True)
    shown.add_column("measure", overflow="fold")
    for name in ("median", "min", "max", "rounds", "target", "met"):
        shown.add_column(name, justify="right")
    shown.add_column("beside it, in the same run", overflow="fold")
    for one in measures:
        target = "" if one.target is None else f"{written(one.target)} {one.unit}"
        met = {None: "", True: "✓", False: "✗"}[one.is_met]
        peers = "\n".join(f"{name} {written(median(figures))} {one.unit}" for name, figures in one.peers.items())
        extremes = [written(min(one.rounds)), written(max(one.rounds))]
        figure = f"{written(one.median)} {one.unit}"
        shown.add_row(one.number, one.name, figure, *extremes, str(len(one.rounds)), target, met, peers)
    return shown


def _commit() -> str:
    """The commit that was measured, marked where files other than the results differ from it."""
    root = RESULTS.parents[1]
    asked = subprocess.run(["git", "describe", "--always"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607
    others = [".", f":!{RESULTS.relative_to(root)}", f":!{RESULTS.parent.relative_to(root)}/RESULTS.md"]
    differs = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *others], cwd=root, check=False).returncode  # noqa: S607
    return f"{asked.stdout.strip() or 'unknown'}{'-dirty' if differs else ''}"
