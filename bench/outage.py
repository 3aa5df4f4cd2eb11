"""How long the tick takes that ends an outage of a week over 10,000 integrations, and how much memory.

    python -m bench.outage [--quick]

The tick is the service's own, from reading the schedules to the commit: every occurrence of the week has its row, and
every run its job. Each policy is measured in a process of its own, cold, as after a restart, on the same rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import asyncpg
from rich.console import Console
from rich.table import Table

from bench.machine import machine
from synkron.embedded import embedded_database
from synkron.migrate import create_due_indexes, create_source_tables, migrate
from synkron.model import CatchUp
from synkron.scheduler import tick
from synkron.settings import Settings, SourceTables, TypeSettings

OUTAGE = timedelta(days=7)
ZONES = [None, "Europe/Oslo", "Europe/Helsinki", "+02:00"]
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


def main() -> None:
    """Measure each policy, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 integrations, once, instead of 10,000 thrice")
    parser.add_argument("--one", nargs=2, metavar=("URL", "POLICY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(asyncio.run(_outage(options.one[0], CatchUp(options.one[1])))))
        return
    integrations, rounds = (1_000, 1) if options.quick else (10_000, 3)
    table = Table(title=f"a week's outage, {integrations:,} integrations: the tick that ends it (median of {rounds})")
    for name in ("catch-up", "rows", "runs", "planned and claimed", "rows/s", "peak memory"):
        table.add_column(name, justify="right")
    for policy in CatchUp:
        measured = [_measured(policy, integrations) for _ in range(rounds)]
        seconds = median(one["seconds"] for one in measured)
        rows, runs, memory = (round(measured[0][name]) for name in ("rows", "runs", "memory"))
        table.add_row(policy, f"{rows:,}", f"{runs:,}", f"{seconds:.2f} s", f"{rows / seconds:,.0f}", f"{memory} MB")
    console = Console()
    console.print(table)
    console.print("asked for: below 10 s and 500 MB", style="dim")
    console.print(machine(), style="dim")


def _measured(policy: CatchUp, integrations: int) -> dict[str, float]:
    with TemporaryDirectory(prefix="synkron-bench-") as folder, embedded_database(Path(folder, "data")) as server:
        asyncio.run(_seed(server.url(), integrations))
        command = [sys.executable, "-m", "bench.outage", "--one", server.url(), policy]
        answer: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return answer


async def _outage(url: str, policy: CatchUp) -> dict[str, float]:
    """One tick, a week after the one before. Memory is this process's, in MB; PostgreSQL's is not in it."""
    settings = Settings(types={"xledger": TypeSettings(catch_up=policy)})
    connection = await asyncpg.connect(url)
    began = perf_counter()
    done = await tick(connection, settings, scheduler="bench")
    seconds = perf_counter() - began
    await connection.close()
    return {
        "seconds": seconds,
        "rows": done.claimed + done.skipped,
        "runs": done.claimed,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _seed(url: str, integrations: int) -> None:
    """The integrations, the same in every run, and a watermark of a week ago."""
    connection = await asyncpg.connect(url)
    await migrate(connection)
    await create_source_tables(connection, SourceTables())
    await create_due_indexes(connection, SourceTables())
    draw = random.Random(7)
    zones = draw.choices(ZONES, k=integrations)
    await connection.execute(
        "insert into organizations (name, timezone) select 'o' || number, zone "
        "from unnest($1::text[]) with ordinality organization (zone, number)",
        zones,
    )
    await connection.execute(
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select organizations.id, 'xledger', schedule "
        "from (select id, row_number() over () as number from organizations) organizations "
        "join unnest($1::text[]) with ordinality given (schedule, number) using (number)",
        [_own(text, draw) for text in draw.choices(list(MIX), list(MIX.values()), k=integrations)],
    )
    await connection.execute("vacuum analyze organizations, organization_integrations")
    await connection.execute("insert into synkron.watermark (at) values (now() - $1::interval)", OUTAGE)
    await connection.close()


def _own(text: str, draw: random.Random) -> str:
    return text.replace("M", str(draw.randrange(60))).replace("H", str(draw.randrange(24)))


if __name__ == "__main__":
    main()
