"""What it costs to call a command: beside the least that does the same, pair by pair.

    python -m bench.commands [--quick] [--save]

C1: `synkron --help`, beside an empty Typer program with as many commands, which says the same.
C2: `synkron runs`, beside a script of asyncpg alone that asks the same of the same database, and prints it.
Each is a process of its own. The two of a pair run one after the other, and every other pair the other way round.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import asyncpg

from bench.fleet import database
from bench.measure import Measure, options, report
from bench.minute import claim, make_due, prepare
from synkron.cli.app import synkron
from synkron.cli.lazy import COMMANDS
from synkron.postgres.statements import source_statements, statements
from synkron.settings.load import SourceTables

ROWS = 1000
LIMIT = 51  # as `synkron runs` asks: one more than it shows
EMPTY = """
import typer

app = typer.Typer(name="empty", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(help={help!r})
def empty(config: str | None = None, verbose: bool = False) -> None: ...


{commands}
app(["--help"], prog_name="empty")
"""
EMPTY_COMMAND = """
@app.command("{name}")
def command_{number}() -> None:
    \"\"\"{summary}\"\"\"
"""
BARE = """
import asyncio
import os

import asyncpg


async def main():
    connection = await asyncpg.connect(os.environ["SYNKRON_DATABASE_URL"])
    runs = await connection.fetch(RUNS, None, None, None, None, LIMIT)
    names = dict(await connection.fetch(NAMES, None))
    await connection.close()
    for run in runs[:-1]:
        print(run["id"], run["scheduled_for"], names.get(run["org_id"]), run["integration_type"], run["state"])


asyncio.run(main())
"""

Command = Sequence[str]


def main() -> None:
    """Measure C1 and C2."""
    chosen = options(__doc__)
    pairs = 10 if chosen.quick else 40
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        asyncio.run(_fill(url))
        place = Path(folder)
        environment = _environment(place, url)
        called = str(Path(sys.executable).with_name("synkron"))
        helped = in_pairs([called, "--help"], _program(place, "empty", _empty()), pairs, place, environment)
        ran = in_pairs([called, "runs"], _program(place, "bare", _bare()), pairs, place, environment)
        (place / "synkron.toml").write_text('[types.xledger]\ntarget = "https://example.com/sync"\n', "utf-8")
        with_file = in_pairs([called, "runs"], _program(place, "bare", _bare()), pairs, place, environment)
    measures = [
        _measure("C1", f"synkron --help, beside an empty Typer program with its {len(COMMANDS)} commands", helped, 1.0),
        _measure("C2", "synkron runs, beside a script of asyncpg alone", ran, 2.0),
        _measure("C2", "the same with a synkron.toml", with_file, None),
    ]
    report("commands", measures, quick=chosen.quick, save=chosen.save)


def in_pairs(
    one: Command, other: Command, pairs: int, folder: Path, environment: Mapping[str, str]
) -> list[tuple[float, float]]:
    """The seconds that each takes, pair by pair, after a first pair that compiles and is not counted."""
    found = []
    for number in range(pairs + 1):
        taken = {}
        for command in (one, other) if number % 2 else (other, one):
            began = perf_counter()
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
            taken[tuple(command)] = perf_counter() - began
        found.append((taken[tuple(one)], taken[tuple(other)]))
    return found[1:]


def _measure(number: str, name: str, pairs: Sequence[tuple[float, float]], target: float | None) -> Measure:
    mine, others = (1000 * median(side) for side in zip(*pairs, strict=True))
    return Measure(
        number,
        name,
        "x",
        [one / other for one, other in pairs],
        target,
        note=f"{mine:.0f} ms beside {others:.0f} ms, each the median of its own; the figure is that of the pairs",
    )


async def _fill(url: str) -> None:
    """So many runs, claimed in one tick."""
    connection = await asyncpg.connect(url)
    await prepare(connection, ROWS)
    moment = await make_due(connection, within=timedelta(seconds=50))
    await asyncio.to_thread(claim, url, moment, ROWS)
    await connection.close()


def _environment(folder: Path, url: str) -> dict[str, str]:
    """The bench's own, without other settings; what is imported is compiled once."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SYNKRON_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "SYNKRON_DATABASE_URL": url, "PYTHONPATH": str(folder)}


def _program(folder: Path, name: str, text: str) -> Command:
    """A script that imports what it does, which is compiled once: as `synkron` is installed."""
    (folder / f"{name}.py").write_text(text, "utf-8")
    script = folder / f"{name}.script"
    script.write_text(f"#!{sys.executable}\nimport {name}\n", "utf-8")
    script.chmod(0o755)
    return [str(script)]


def _empty() -> str:
    commands = [
        EMPTY_COMMAND.format(name=name, number=number, summary=summary)
        for number, (name, (summary, _)) in enumerate(COMMANDS.items())
    ]
    return EMPTY.format(help=synkron.__doc__, commands="".join(commands))


def _bare() -> str:
    asked = {
        "RUNS": statements("ledger/history")["runs"],
        "NAMES": source_statements("source/reader", SourceTables())["names"],
        "LIMIT": LIMIT,
    }
    return "\n".join([*(f"{name} = {value!r}" for name, value in asked.items()), BARE])


if __name__ == "__main__":
    main()
