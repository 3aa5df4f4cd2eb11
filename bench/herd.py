"""The herd: every integration due in the same minute; how long the claim takes, and how fast the runs are executed.

    python -m bench.herd [--quick] [--save]

B6: one tick claims 100,000, in a process of its own that was just started, from its call to the commit (PostgreSQL
waits for the disk). B7: worker processes that were waiting for it execute and record them all; the target is a
Python callable that does nothing. B9: one tick claims 1,000,000. Each round has a database of its own. The tick is that
of any scheduler half a minute ahead, made so near the minute that nobody waits for long.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import asyncpg

from bench.fleet import TYPES, database
from bench.measure import Better, Measure, options, report, written
from bench.minute import Claim, check_claimed, claim, make_due, prepare
from bench.peers import measured, note
from bench.service import NOOP, BenchFailed, check_once, complaints, running, settings_file, until_finished

# From the writing of the schedules to the beginning of the tick; what is left of it the workers wait at most.
NEAR = timedelta(seconds=30)
NEAR_MILLION = timedelta(seconds=55)
CONCURRENCY = 2_000
WORKERS = (1, 2)
POINTS = 200


@dataclass(frozen=True)
class Herd:
    """One round: the claim, the runs' starts and ends in the order of time, and how often the no-op was called."""

    claim: Claim
    may_start: datetime
    starts: Sequence[datetime]
    ends: Sequence[datetime]
    keys: frozenset[str]
    calls: int
    complaints: str

    @property
    def rate(self) -> float:
        """Runs per second, from the first start to the last end."""
        return len(self.ends) / (self.ends[-1] - self.starts[0]).total_seconds()

    @property
    def delay(self) -> float:
        """Seconds from when runs might start to the first start."""
        return (self.starts[0] - self.may_start).total_seconds()

    def series(self) -> dict[str, list[float]]:
        """Claimed and executed runs over the seconds since the tick began."""
        last = (self.ends[-1] - self.claim.began).total_seconds()
        seconds = [round(last * point / POINTS, 3) for point in range(POINTS + 1)]
        moments = [self.claim.began + timedelta(seconds=second) for second in seconds]
        claimed = [self.claim.claimed if moment >= self.claim.committed else 0 for moment in moments]
        return {
            "seconds": seconds,
            "claimed": list(map(float, claimed)),
            "executed": [float(bisect_right(self.ends, moment)) for moment in moments],
        }


def main() -> None:
    """Measure B6 and B7 together, then B9."""
    chosen = options(__doc__)
    runs, rounds = (10_000, 2) if chosen.quick else (100_000, 3)
    herds = {workers: [called(runs, workers) for _ in range(rounds)] for workers in WORKERS}
    how = f"no-op coroutine target; settings: concurrency = {CONCURRENCY:,} for each of the {len(TYPES)} types"
    measures = [
        _claim(herds, runs),
        executed("B7", f"herd: {runs:,} executed and recorded", herds, 6_000, how, peers(quick=chosen.quick)),
    ]
    if not chosen.quick:
        measures += _million([claimed(1_000_000) for _ in range(2)])
    report("herd", measures, quick=chosen.quick, save=chosen.save)


def called(runs: int, workers: int) -> Herd:
    """One round of B6 and B7. Raises BenchFailed unless the target was called once for each run."""
    done = herd(runs, workers, settings_file(dict.fromkeys(TYPES, NOOP), concurrency=CONCURRENCY))
    if done.calls != runs:
        raise BenchFailed(f"the target was called {done.calls} times for {runs} runs")
    return done


def herd(runs: int, workers: int, settings: str, *, kind: str | None = None) -> Herd:
    """One round: a claim, and its execution by so many worker processes. Raises BenchFailed."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_herd(url, Path(folder), runs, workers, settings, kind))


def claimed(runs: int) -> Claim:
    """One round of B9."""
    with database() as url:
        return asyncio.run(_claimed(url, runs))


def peers(*, quick: bool) -> dict[str, list[float]]:
    """Others' jobs per second in each round, of jobs that do nothing either."""
    with database() as url:
        return asyncio.run(measured(url, quick=quick))


async def _herd(url: str, folder: Path, runs: int, workers: int, settings: str, kind: str | None) -> Herd:
    connection = await asyncpg.connect(url)
    await prepare(connection, runs, kind=kind)
    async with running(connection, url, "worker", settings, folder, processes=workers) as processes:
        moment = await make_due(connection, within=NEAR)
        claim_ = await asyncio.to_thread(claim, url, moment, runs)
        await until_finished(connection, processes, runs)
    await check_once(connection, runs)
    rows = await connection.fetch("select key, started_at, finished_at from synkron.runs")
    await connection.close()
    return Herd(
        claim_,
        max(moment, claim_.committed),
        sorted(row["started_at"] for row in rows),
        sorted(row["finished_at"] for row in rows),
        frozenset(row["key"] for row in rows),
        sum(one.calls for one in processes),
        complaints(processes),
    )


async def _claimed(url: str, runs: int) -> Claim:
    connection = await asyncpg.connect(url)
    await prepare(connection, runs)
    moment = await make_due(connection, within=NEAR_MILLION)
    done = await asyncio.to_thread(claim, url, moment, runs)
    await check_claimed(connection, moment, runs)
    await connection.close()
    return done


def executed(
    number: str,
    name: str,
    herds: Mapping[int, Sequence[Herd]],
    target: float,
    how: str,
    beside: Mapping[str, Sequence[float]],
) -> Measure:
    """The runs per second of the better number of worker processes, and the plot of its middle round."""
    rates = {workers: [one.rate for one in rounds] for workers, rounds in herds.items()}
    best = max(rates, key=lambda workers: median(rates[workers]))
    middle = sorted(herds[best], key=lambda one: one.rate)[len(herds[best]) // 2]
    by_workers = ", ".join(f"{written(median(found))} runs/s with {workers}" for workers, found in rates.items())
    delay = written(1000 * median(one.delay for one in herds[best]))
    return Measure(
        number,
        name,
        "runs/s",
        rates[best],
        target=target,
        better=Better.HIGHER,
        peers=beside,
        note=f"worker processes: {by_workers}; {how}; the first run started {delay} ms after runs could"
        f"{middle.complaints}{''.join(f'. {note(name)}' for name in beside)}",
        series=middle.series(),
    )


def _claim(herds: Mapping[int, Sequence[Herd]], runs: int) -> Measure:
    claims = [one.claim for rounds in herds.values() for one in rounds]
    memory = written(max(one.memory for one in claims))
    return Measure(
        "B6",
        f"herd: {runs:,} due in one minute, claimed and durable",
        "s",
        [one.seconds for one in claims],
        target=8 if runs == 100_000 else None,
        note=f"the tick runs in a new process, which takes at most {memory} MB; idle workers run beside it",
    )


def _million(claims: Sequence[Claim]) -> list[Measure]:
    name = f"{claims[0].claimed:,} due in one minute, claimed and durable"
    note = "of the process that ticks, which is new; without PostgreSQL's memory"
    return [
        Measure("B9", name, "s", [one.seconds for one in claims], target=90),
        Measure("B9", f"{name}: peak memory", "MB", [one.memory for one in claims], target=1536, note=note),
    ]


if __name__ == "__main__":
    main()
