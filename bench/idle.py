"""What a service costs that has nothing to do: a million integrations of which none fires for months.

    python -m bench.idle [--quick] [--save]

B11: `synkron run`, scheduler and worker in one process, with all else as it is by default: it ticks twice a minute,
looks into the queue, and reports itself. Measured are its processor time and PostgreSQL's, and the memory that it holds
at the end, once it has started up: after the first ticks, and after the verification that comes once an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import asyncpg

from bench.cpu import check_accounts, parent_of, resident, seconds_of, seconds_of_family
from bench.fleet import TYPES, Connection, database, install, mix_of, seed
from bench.measure import Measure, options, report, written
from bench.service import NOOP, BenchFailed, Process, clock, pause, running, settings_file

MONTHS_AWAY = 6
TICKS_TO_SETTLE = 3
# Seconds.
TO_SETTLE = 600.0
BETWEEN_SAMPLES = 10.0
HOUR = 3600


@dataclass(frozen=True)
class Sample:
    """Processor seconds used until a moment, by the process and by PostgreSQL."""

    at: float
    synkron: float
    postgresql: float


@dataclass(frozen=True)
class Idle:
    """What was measured; the first sample holds what starting up has cost."""

    rows: int
    distinct: int
    ticks: int
    memory: float
    samples: Sequence[Sample]

    @property
    def seconds(self) -> float:
        """The span."""
        return self.samples[-1].at - self.samples[0].at

    @property
    def synkron(self) -> float:
        """Percent of one core."""
        return 100 * (self.samples[-1].synkron - self.samples[0].synkron) / self.seconds

    @property
    def postgresql(self) -> float:
        """Percent of one core."""
        return 100 * (self.samples[-1].postgresql - self.samples[0].postgresql) / self.seconds

    def series(self) -> dict[str, list[float]]:
        """Percent of one core in each span between two samples, by the seconds at its end."""
        pairs = list(zip(self.samples, self.samples[1:], strict=False))
        return {
            "seconds": [round(after.at - self.samples[0].at, 1) for _, after in pairs],
            "synkron": [round(100 * (after.synkron - one.synkron) / (after.at - one.at), 3) for one, after in pairs],
            "postgresql": [
                round(100 * (after.postgresql - one.postgresql) / (after.at - one.at), 3) for one, after in pairs
            ],
        }


def main() -> None:
    """Measure B11."""
    chosen = options(__doc__)
    check_accounts()
    rows, minutes = (20_000, 1) if chosen.quick else (1_000_000, 10)
    report("idle", _measures(idle(rows, minutes), minutes), quick=chosen.quick, save=chosen.save)


def idle(rows: int, minutes: int) -> Idle:
    """Watch a service that has nothing to do. Raises BenchFailed when it did something, or did not tick."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_idle(url, Path(folder), rows, minutes))


async def _idle(url: str, folder: Path, rows: int, minutes: int) -> Idle:
    connection = await asyncpg.connect(url)
    await install(connection)
    month = ((await clock(connection)).month - 1 + MONTHS_AWAY) % 12 + 1
    await seed(connection, rows, mix_of(month))
    # With a watermark, the service verifies when it starts, as it does wherever somebody has ticked before.
    await connection.execute("insert into synkron.watermark (at) values (now())")
    server = parent_of(connection.get_server_pid())
    settings = settings_file(dict.fromkeys(TYPES, NOOP))
    async with running(connection, url, "scheduler,worker", settings, folder) as processes:
        (process,) = processes
        await _until_settled(connection, process)
        before: int = await connection.fetchval("select count(*) from synkron.ticks")
        samples = await _watch(process, server, 60.0 * minutes)
        memory = resident(process.running.pid)
        after: int = await connection.fetchval("select count(*) from synkron.ticks")
    due: int = await connection.fetchval("select sum(due) from synkron.ticks")
    runs: int = await connection.fetchval("select count(*) from synkron.runs")
    distinct: int = await connection.fetchval(
        "select count(distinct cron_schedule) from organization_integrations where is_enabled"
    )
    await connection.close()
    if due or runs:
        raise BenchFailed(f"{due} occurrences were due and {runs} runs claimed where nothing was to fire")
    if abs(after - before - 2 * minutes) > 1:
        raise BenchFailed(f"there were {after - before} ticks in {minutes} minutes")
    return Idle(rows, distinct, after - before, memory, samples)


async def _until_settled(connection: Connection, process: Process) -> None:
    """Wait until the first ticks are over, and the verification."""
    deadline = monotonic() + TO_SETTLE
    while not await connection.fetchval(
        "select (select count(*) from synkron.ticks) >= $1 and exists (select from synkron.verifications)",
        TICKS_TO_SETTLE,
    ):
        process.check()
        if monotonic() > deadline:
            raise BenchFailed(f"the service has not ticked {TICKS_TO_SETTLE} times and verified in {TO_SETTLE:.0f} s")
        await pause(1)


async def _watch(process: Process, server: int, seconds: float) -> list[Sample]:
    samples = [_sample(process, server)]
    for number in range(1, round(seconds / BETWEEN_SAMPLES) + 1):
        await pause(samples[0].at + number * BETWEEN_SAMPLES - monotonic())
        process.check()
        samples.append(_sample(process, server))
    return samples


def _sample(process: Process, server: int) -> Sample:
    return Sample(monotonic(), seconds_of(process.running.pid), seconds_of_family(server))


def _measures(found: Idle, minutes: int) -> list[Measure]:
    name = f"idle service at {found.rows:,} rows, {minutes} min"
    started_up = found.samples[0].synkron
    hourly = found.synkron + 100 * started_up / HOUR
    return [
        Measure(
            "B11",
            f"{name}: CPU of synkron",
            "% of a core",
            [found.synkron],
            target=2,
            note=f"{found.ticks} ticks; {found.distinct:,} distinct expressions. Starting up took "
            f"{written(started_up)} s of processor time, including the cold read and the hour's verification. With all "
            f"of that in every hour, the figure would be {written(hourly)} %",
            series=found.series(),
        ),
        Measure("B11", f"{name}: CPU of PostgreSQL", "% of a core", [found.postgresql]),
        Measure("B11", f"{name}: resident memory, memo included", "MB", [found.memory], target=200),
    ]


if __name__ == "__main__":
    main()
