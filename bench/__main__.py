"""All programs of the bench in turn, and one table of what they measured.

    python -m bench [--full] [--save] [PROGRAM ...]

The quick form stays below five minutes. ``--full`` measures what the targets are for, and ``--save`` keeps the figures
and writes the page of results anew. Exits with 1 where a program failed, and not where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console

from bench.machine import machine
from bench.measure import ALSO_KEPT_IN, table
from bench.report import kept_in
from bench.report import main as write_page

PROGRAMS = (
    "cron",
    "reader",
    "herd",
    "http",
    "drift",
    "idle",
    "outage",
    "forecast",
    "skips",
    "verify",
    "overview",
    "dashboards",
    "completions",
    "commands",
)


def main() -> None:
    """Run them, and print the table."""
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the form that the targets are for, in place of the quick")
    parser.add_argument("--save", action="store_true", help="keep the figures, and write the page of results anew")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; without any, all")
    flags = parser.parse_args()
    if unknown := set(flags.programs) - set(PROGRAMS):
        parser.error(f"there is no program {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    given = [*([] if flags.full else ["--quick"]), *(["--save"] if flags.save else [])]
    console = Console(width=None if sys.stdout.isatty() else 140)
    with TemporaryDirectory(prefix="synkron-bench-") as folder:
        failed = [one for one in flags.programs or PROGRAMS if not _run(one, given, Path(folder), console)]
        kept = kept_in(Path(folder))
    if flags.save:
        write_page()
    measures = [measure for one in kept for measure in one.measures]
    judged = [measure.is_met for measure in measures if measure.is_met is not None]
    console.print(table(measures))
    console.print(f"{sum(judged)} of {len(judged)} targets are met; what each comparison shows, its program says")
    console.print(machine(), style="dim")
    if failed:
        console.print(f"failed: {', '.join(failed)}", style="bold red")
    sys.exit(bool(failed))


def _run(program: str, given: Sequence[str], folder: Path, console: Console) -> bool:
    """Run the program and say how long it took. Its complaints are seen at once, its output only where it failed."""
    command = [sys.executable, "-m", f"bench.{program}", *given]
    began = perf_counter()
    with console.status(f"{program} ..."):
        if not console.is_terminal:
            console.print(f"{program} ...")
        done = subprocess.run(
            command,
            env={**os.environ, ALSO_KEPT_IN: str(folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    taken = f"{perf_counter() - began:.0f} s"
    if done.returncode:
        console.print(done.stdout, markup=False, highlight=False)
        console.print(f"{program} failed after {taken}, with {done.returncode}", style="bold red")
    else:
        console.print(f"{program} took {taken}")
    return not done.returncode


if __name__ == "__main__":
    main()
