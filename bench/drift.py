"""How punctual runs are: 1,000 due in each of several real minutes, on a service that is otherwise quiet.

    python -m bench.drift [--quick] [--save]

B10: `synkron run` with its scheduler and a worker in one process, and a target that does nothing; the drift is that of
the ledger (actual start minus scheduled moment). Once with room for all runs at once, and once with the default
concurrency (not in the quick form). Beside it PgQueuer alone, which executes Synkron's runs: as many jobs that do
nothing, delayed to a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.delayed import delays
from bench.fleet import database
from bench.measure import Measure, options, report
from bench.minute import MINUTE, prepare
from bench.service import NOOP, BenchFailed, check_once, clock, pause, running, settings_file, until_finished
from synkron.settings.policy import Policy

KIND = "xledger"
DUE = 1_000
ROOM = 1_000
DEFAULT = Policy().concurrency
# What the service does when it has just started is not measured: a minute that is nearer is not counted.
SETTLED = timedelta(seconds=10)
# Of PgQueuer's jobs so many are taken at once: a few, and all of them.
BATCHES = (50, DUE)

Round = Sequence[float]
"""The drift of each run of one minute, in milliseconds, in order."""


def main() -> None:
    """Measure B10, and PgQueuer."""
    chosen = options(__doc__)
    minutes = 1 if chosen.quick else 3
    measures = _measures(
        drifts(minutes, ROOM), _peers(minutes, 0, "no limit"), f"concurrency {ROOM:,}", p50=100, p99=300
    )
    if not chosen.quick:
        beside = _peers(minutes, DEFAULT, f"limit {DEFAULT}")
        measures += _measures(drifts(minutes, DEFAULT), beside, f"the default concurrency of {DEFAULT}")
    report("drift", measures, quick=chosen.quick, save=chosen.save)


def drifts(minutes: int, concurrency: int) -> list[Round]:
    """Each minute's. Raises BenchFailed unless every run of it succeeded, once."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_drifts(url, Path(folder), minutes, concurrency))


async def _drifts(url: str, folder: Path, minutes: int, concurrency: int) -> list[Round]:
    connection = await asyncpg.connect(url)
    await prepare(connection, DUE, kind=KIND, schedule="* * * * *")
    settings = settings_file({KIND: NOOP}, concurrency=concurrency)
    async with running(connection, url, "scheduler,worker", settings, folder) as processes:
        now = await clock(connection)
        settled = now + SETTLED + MINUTE
        first = settled - timedelta(seconds=settled.second, microseconds=settled.microsecond)
        await pause((first + (minutes - 1) * MINUTE - now).total_seconds())
        # Before half a minute has passed and the next one is claimed, this one is over.
        moments: int = await connection.fetchval("select count(distinct scheduled_for) from synkron.runs")
        await until_finished(connection, processes, moments * DUE)
    await check_once(connection, moments * DUE, moments=moments)
    rows = await connection.fetch("select scheduled_for, drift from synkron.runs where scheduled_for >= $1", first)
    await connection.close()
    found: dict[datetime, list[float]] = {}
    for row in rows:
        found.setdefault(row["scheduled_for"], []).append(row["drift"] / timedelta(milliseconds=1))
    if [len(one) for one in found.values()] != [DUE] * minutes:
        raise BenchFailed(f"of {minutes} minutes with {DUE} runs each there are {len(rows)} runs in {len(found)}")
    return [sorted(found[moment]) for moment in sorted(found)]


def _peers(minutes: int, limit: int, called: str) -> dict[str, list[list[float]]]:
    """PgQueuer alone, under the same limit."""
    return {
        f"PgQueuer alone, {called}, batches of {batch:,}": delays(minutes, DUE, limit=limit, batch=batch)
        for batch in BATCHES
    }


def _measures(
    rounds: Sequence[Round],
    beside: Mapping[str, Sequence[Round]],
    how: str,
    *,
    p50: float | None = None,
    p99: float | None = None,
) -> list[Measure]:
    """The two measures; the first one holds the drift of all runs, for a histogram."""
    name = f"drift, {DUE:,} due in the minute, {how}"
    pooled = [round(one, 1) for minute in rounds for one in minute]
    return [
        Measure(
            "B10",
            f"{name}: {label}",
            "ms",
            [at_share(share, one) for one in rounds],
            target=target,
            peers={peer: [at_share(share, one) for one in found] for peer, found in beside.items()},
            series={"drift_ms": pooled} if share == 0.5 else {},
        )
        for label, share, target in (("p50", 0.5, p50), ("p99", 0.99, p99))
    ]


def at_share(share: float, ordered: Round) -> float:
    """The drift that this share of the runs stays below."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


if __name__ == "__main__":
    main()
