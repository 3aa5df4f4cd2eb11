"""How long the tick takes that ends an outage of a week over 10,000 integrations, and how much memory (O1 to O4).

    python -m bench.outage [--quick] [--save]

The tick is the service's own, from reading the schedules to the commit: every occurrence of the week has its row, and
every run its job. Each policy is measured in a process of its own, cold, as after a restart, on the same rows.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from time import perf_counter

import asyncpg

from bench.fleet import TYPES, database, install, seed
from bench.machine import peak_memory
from bench.measure import Measure, options, report, written
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp

OUTAGE = timedelta(days=7)
# How many of a hundred integrations have which schedule; M and H stand for a minute and an hour of their own.
MIX = {
    "0 2 * * *": 35,
    "M H * * *": 42,
    "M H * * 1-5": 15,
    "M H 1 * *": 3,
    "0 * * * *": 2,
    "M * * * *": 2,
    "*/15 * * * *": 1,
}

Figures = dict[str, float]


def main() -> None:
    """Measure each policy, and report."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asyncio.run(_outage(sys.argv[2], CatchUp(sys.argv[3])))))
        return
    flags = options(__doc__)
    integrations, rounds = (1_000, 1) if flags.quick else (10_000, 3)
    measured = {policy: [_measured(policy, integrations) for _ in range(rounds)] for policy in CatchUp}
    whole = not flags.quick
    measures = [
        _time(f"O{number}", policy, integrations, figures, whole=whole)
        for number, (policy, figures) in enumerate(measured.items(), 1)
    ]
    measures.append(
        Measure(
            number=f"O{len(measures) + 1}",
            name="the same, peak memory, whichever policy",
            unit="MB",
            rounds=[max(one["memory"] for one in each) for each in zip(*measured.values(), strict=True)],
            target=500 if whole else None,
            note="Of the process that ticks, without PostgreSQL's.",
        )
    )
    report("outage", measures, quick=flags.quick, save=flags.save)


def _time(number: str, policy: CatchUp, integrations: int, figures: list[Figures], *, whole: bool) -> Measure:
    rows, runs = figures[0]["rows"], figures[0]["runs"]
    seconds = [one["seconds"] for one in figures]
    return Measure(
        number=number,
        name=f"tick after a week's outage, {integrations:,} integrations, {policy}",
        unit="s",
        rounds=seconds,
        target=10 if whole else None,
        note=f"{rows:,.0f} rows, {runs:,.0f} of them runs: {written(rows / min(seconds))} rows/s at best.",
    )


def _measured(policy: CatchUp, integrations: int) -> Figures:
    with database() as url:
        asyncio.run(_prepare(url, integrations))
        command = [sys.executable, "-m", "bench.outage", "--one", url, policy]
        answer: Figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return answer


async def _outage(url: str, policy: CatchUp) -> Figures:
    """One tick, a week after the one before. Memory is in MB."""
    settings = Settings(types={name: TypeSettings(catch_up=policy) for name in TYPES})
    connection = await asyncpg.connect(url)
    began = perf_counter()
    done = await tick(connection, settings, scheduler="bench")
    seconds = perf_counter() - began
    await connection.close()
    return {
        "seconds": seconds,
        "rows": done.claimed + done.skipped,
        "runs": done.claimed,
        "memory": peak_memory(),
    }


async def _prepare(url: str, integrations: int) -> None:
    """The integrations, and a watermark of a week ago."""
    connection = await asyncpg.connect(url)
    await install(connection)
    await seed(connection, integrations, MIX, faultless=True)
    await connection.execute("insert into synkron.watermark (at) values (now() - $1::interval)", OUTAGE)
    await connection.close()


if __name__ == "__main__":
    main()
