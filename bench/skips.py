"""Runs that must not be delivered any more: their integrations are deleted between the claim and the moment.

    python -m bench.skips [--quick] [--save]

F2: beside as many healthy ones, with the default concurrency: how long after the moment the last healthy one starts.
F3: how long after the moment the last of many is closed. The figures count from the moment on; the worker process was
waiting for it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.fleet import Connection, database
from bench.measure import Measure, options, report
from bench.minute import claim, make_due, prepare
from bench.service import NOOP, BenchFailed, clock, pause, running, settings_file, until_finished

KIND = "xledger"
HEALTHY = 300
SKIPPED = 10_000
# Of a minute, when its claim may begin: so that the half of it that is left has room for the claim and the deletion.
BEGIN, LATEST, NEAR = 20, 35, timedelta(seconds=45)


def main() -> None:
    """Measure F2 and F3."""
    chosen = options(__doc__)
    rounds = 1 if chosen.quick else 3
    beside = [skipped(2 * HEALTHY, healthy=HEALTHY) for _ in range(rounds)]
    alone = [skipped(SKIPPED) for _ in range(rounds)]
    how = "one worker process, default settings; the target is a no-op"
    measures = [
        Measure("F2", f"{HEALTHY} deleted beside {HEALTHY} healthy: the last healthy start", "s", beside, 2, note=how),
        Measure("F3", f"{SKIPPED:,} deleted: the last one closed", "s", alone, 5, note=how),
    ]
    report("skips", measures, quick=chosen.quick, save=chosen.save)


def skipped(rows: int, *, healthy: int = 0) -> float:
    """One round: seconds from the moment to the last start of the healthy, or to the last skip where none is."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_skipped(url, Path(folder), rows, healthy))


async def _skipped(url: str, folder: Path, rows: int, healthy: int) -> float:
    connection = await asyncpg.connect(url)
    await prepare(connection, rows, kind=KIND)
    async with running(connection, url, "worker", settings_file({KIND: NOOP}), folder) as processes:
        await _until_a_claim_may_begin(connection)
        moment = await make_due(connection, within=NEAR)
        await asyncio.to_thread(claim, url, moment, rows)
        await connection.execute(
            "delete from organization_integrations where id not in "
            "(select id from organization_integrations order by id limit $1)",
            healthy,
        )
        if await clock(connection) > moment:
            raise BenchFailed("the rows were not deleted before the moment")
        await until_finished(connection, processes, rows)
    seconds = await _ended(connection, moment, rows, healthy)
    await connection.close()
    return seconds


async def _until_a_claim_may_begin(connection: Connection) -> None:
    while not BEGIN <= (await clock(connection)).second < LATEST:
        await pause(0.5)


async def _ended(connection: Connection, moment: datetime, rows: int, healthy: int) -> float:
    found = await connection.fetchrow(
        """
        select
            count(*) filter (where state = 'succeeded') as succeeded,
            count(*) filter (where state = 'skipped') as skipped,
            max(started_at) as started, max(finished_at) as finished
        from synkron.runs
        """
    )
    if found is None or (found["succeeded"], found["skipped"]) != (healthy, rows - healthy):
        raise BenchFailed(
            f"of {rows} runs {healthy} were to succeed, and the others to be skipped: {dict(found or {})}"
        )
    last: datetime = found["started"] if healthy else found["finished"]
    return (last - moment).total_seconds()


if __name__ == "__main__":
    main()
