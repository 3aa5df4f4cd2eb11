"""The command line of the long form."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.faults.experiment import Result, Size, experiment
from tests.faults.report import as_json, table
from tests.faults.sequence import Kind


def main() -> int:
    """Run the seeds, one after the other; 1 where one of them found a violation."""
    chosen = _arguments()
    console = Console()
    kinds = chosen.kind or list(Kind)
    size = Size(chosen.minutes * 60, chosen.integrations, chosen.faults, kinds, chosen.speed)
    results: list[Result] = []
    with ExitStack() as resources:
        folder = chosen.keep or Path(resources.enter_context(TemporaryDirectory(prefix="synkron-faults-logs-")))
        for seed in range(chosen.seed, chosen.seed + chosen.seeds):
            own = folder / f"seed-{seed}"
            own.mkdir(parents=True)
            console.rule(f"seed {seed}")
            results.append(asyncio.run(experiment(seed, size, own, lambda line: console.print(line, highlight=False))))
            if chosen.json:
                chosen.json.write_text(json.dumps(as_json(results), indent=2), "utf-8")
            for name, sentences in results[-1].violations.items():
                console.print(f"[bold red]{name}[/]: {len(sentences)}")
                for sentence in sentences[:10]:
                    console.print(f"    {sentence}", highlight=False, markup=False)
            for left_out in results[-1].left_out:
                console.print(f"left out: {left_out}")
    console.print(table(results))
    return 1 if any(result.violations for result in results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, one after the other (5)")
    parser.add_argument("--minutes", type=float, default=5.0, help="for how long each seed's faults go on (5)")
    parser.add_argument("--faults", type=int, default=30, help="how many faults each seed has (30, one of each kind)")
    parser.add_argument(
        "--kind", action="append", type=Kind, metavar="KIND", help="only this kind of fault, named as the table has it"
    )
    parser.add_argument("--integrations", type=int, default=48, help="how many integrations each seed begins with (48)")
    parser.add_argument("--speed", type=float, default=20.0, help="seconds of the calendar in one of the host's (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, after each seed")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the processes' logs in this folder")
    chosen = parser.parse_args()
    if chosen.keep and chosen.keep.exists() and any(chosen.keep.iterdir()):
        parser.error(f"{chosen.keep} is not empty; name a new folder for the logs")
    return chosen


if __name__ == "__main__":
    # As in the tests: where a shell started this in the background, its children would ignore Ctrl-C.
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
