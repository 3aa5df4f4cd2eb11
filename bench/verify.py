"""How long `synkron verify` takes for a day of 1,000,000 integrations, and how much memory (V1).

    python -m bench.verify [--quick] [--save]

Every integration has fired once in the day, was delivered by one attempt, and fits; a scheduler ticked twice a minute.
Each round is a process of its own, on the same ledger, and must find nothing wrong with it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from time import perf_counter, process_time
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from bench.fleet import Connection, database, install, seed
from bench.machine import peak_memory
from bench.measure import Measure, options, report
from bench.service import BenchFailed
from synkron.cron import parse
from synkron.ledger.installation import read_ids
from synkron.ledger.keys import idempotency_key
from synkron.reports.verify.store import verify
from synkron.settings.load import Settings

# Every schedule fires once a day; M and H stand for a minute and an hour of the integration's own.
MIX = {"0 2 * * *": 40, "M H * * *": 60}
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
COLUMNS = [
    "key",
    "integration_id",
    "org_id",
    "integration_type",
    "source",
    "scheduled_for",
    "period_start",
    "period_end",
    "execute_after",
    "next_attempt_at",
    "action",
    "reason",
    "cron_schedule",
    "timezone",
    "tick_id",
    "state",
    "attempt",
    "claimed_at",
    "started_at",
    "finished_at",
]

Figures = dict[str, float]


def main() -> None:
    """Measure and report."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asyncio.run(_verified(sys.argv[2], int(sys.argv[3])))))
        return
    flags = options(__doc__)
    rows, rounds = (100_000, 2) if flags.quick else (1_000_000, 3)
    with database() as url:
        asyncio.run(fill(url, rows))
        measured = [_measured(url, rows) for _ in range(rounds)]
    whole = not flags.quick
    report(
        "verify",
        [
            Measure(
                "V1",
                f"verify of a day, {rows:,} integrations with a delivered run each",
                "s",
                [one["seconds"] for one in measured],
                target=30 if whole else None,
                note=f"{2 * DAY // timedelta(minutes=1):,} ticks, {rows:,} attempts. The process "
                f"itself takes {min(one['own'] for one in measured):.3g} s; PostgreSQL takes the rest.",
            ),
            Measure(
                "V1",
                "the same, peak memory of the process",
                "MB",
                [one["memory"] for one in measured],
                target=100 if whole else None,
            ),
        ],
        quick=flags.quick,
        save=flags.save,
    )


async def fill(url: str, rows: int) -> None:
    """The integrations, a day of ticks that saw them, and what was decided and delivered of them in that day."""
    connection = await asyncpg.connect(url)
    await install(connection)
    await seed(connection, rows, MIX, faultless=True)
    now: datetime = await connection.fetchval("select date_trunc('minute', now())")
    await connection.execute("select synkron.keep_partitions($1, $2, '-infinity')", now - 2 * DAY, now + DAY)
    await connection.execute(
        "insert into synkron.ticks "
        "(at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, snapshot, recorded_at) "
        "select ends - interval '30 seconds', ends - interval '1 minute', ends, 'service', 'bench', 0, 0, 0, 0, "
        "pg_current_snapshot(), ends - interval '30 seconds' "
        "from generate_series($1::timestamptz, $2, '30 seconds') ends",
        now - DAY - 60 * SECOND,
        now,
    )
    await connection.execute("insert into synkron.watermark (at) values ($1)", now)
    ticks = {row["window_end"]: row["id"] for row in await connection.fetch("select id, window_end from synkron.ticks")}
    ids = await read_ids(connection)
    integrations = await connection.fetch(
        "select i.id::text, org_id::text, integration_type, cron_schedule, timezone "
        "from organization_integrations i join organizations o on o.id = org_id"
    )
    await connection.copy_records_to_table(
        "runs", schema_name="synkron", columns=COLUMNS, records=_runs(integrations, now, ticks, ids[0])
    )
    await connection.execute(
        "insert into synkron.attempts "
        "(run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, http_status) "
        "select id, scheduled_for, 1, 'bench', started_at, finished_at, 'succeeded', 200 from synkron.runs"
    )
    await connection.execute("vacuum analyze synkron.runs, synkron.attempts, synkron.ticks")
    await connection.close()


def _runs(
    integrations: list[asyncpg.Record], now: datetime, ticks: Mapping[datetime, int], installation: UUID
) -> Iterator[tuple[object, ...]]:
    """The run of each integration's moment in the day before now."""
    moments: dict[tuple[str, str | None], tuple[datetime, datetime]] = {}
    for integration_id, org_id, kind, schedule, zone in integrations:
        if (schedule, zone) not in moments:
            cron, place = parse(schedule), ZoneInfo(zone or "UTC")
            [moment] = cron.occurrences(now - DAY, now, place)
            start = cron.previous_before(moment, place)
            assert start is not None
            moments[schedule, zone] = moment, start
        moment, start = moments[schedule, zone]
        yield (
            *(idempotency_key(installation, integration_id, moment), integration_id, org_id, kind, "schedule"),
            *(moment, start, moment, moment, moment, "run", "on time", schedule, zone, ticks[moment], "succeeded", 1),
            *(moment - 30 * SECOND, moment + SECOND, moment + 2 * SECOND),
        )


def _measured(url: str, rows: int) -> Figures:
    command = [sys.executable, "-m", "bench.verify", "--one", url, str(rows)]
    answer: Figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return answer


async def _verified(url: str, rows: int) -> Figures:
    """One verification. Memory is in MB; ``own`` are processor seconds of this process. Raises BenchFailed."""
    connection: Connection = await asyncpg.connect(url)
    until = await connection.fetchval("select at from synkron.watermark")
    began, own = perf_counter(), process_time()
    found = await verify(connection, Settings(), until - DAY, until)
    seconds, own = perf_counter() - began, process_time() - own
    await connection.close()
    if found.found or (found.integrations, found.occurrences) != (rows, rows):
        raise BenchFailed(f"{found.integrations} integrations, {found.occurrences} occurrences, {found.found}")
    return {"seconds": seconds, "own": own, "memory": peak_memory()}


if __name__ == "__main__":
    main()
