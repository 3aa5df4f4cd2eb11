"""The forecast of a large fleet over 24 hours, on the embedded PostgreSQL (F1: 1,000,000 integrations in under 10 s).

    python -m bench.forecast [--quick] [--save]

Each round is the whole command, a process of its own that starts, reads, counts and answers: as set, and with what is
proposed beside it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import asyncpg

from bench.fleet import database, install, seed
from bench.measure import Measure, options, report

SYNKRON = Path(sys.executable).with_name("synkron")
PROPOSED = ("--spread", "xledger=15m", "--pace", "dynamics=600")
ROUNDS = 5


def main() -> None:
    """Measure and report."""
    chosen = options(__doc__)
    rows = 100_000 if chosen.quick else 1_000_000
    with database() as url:
        groups = asyncio.run(_seed(url, rows))
        as_set = [_forecast(url) for _ in range(ROUNDS)]
        proposed = [_forecast(url, *PROPOSED) for _ in range(ROUNDS)]
    note = f"{groups:,} groups of type, schedule and zone"
    target = None if chosen.quick else 10  # which is for the full number
    report(
        "forecast",
        [
            Measure("F1", f"forecast of {rows:,} integrations, 24 h", "s", as_set, target, note=note),
            Measure("F1", "the same with a spread and a pace proposed", "s", proposed, target),
        ],
        quick=chosen.quick,
        save=chosen.save,
    )


async def _seed(url: str, rows: int) -> int:
    """Make the fleet; answers how many groups it has."""
    connection = await asyncpg.connect(url)
    await install(connection)
    await seed(connection, rows, faultless=True)
    groups: int = await connection.fetchval(
        "select count(*) from (select distinct integration_type, cron_schedule, timezone "
        "from organization_integrations join organizations on organizations.id = org_id) distinct_groups"
    )
    await connection.close()
    return groups


def _forecast(url: str, *arguments: str) -> float:
    """How long the command takes, in seconds."""
    began = perf_counter()
    subprocess.run(
        [SYNKRON, "forecast", "--hours", "24", *arguments],
        env={**os.environ, "SYNKRON_DATABASE_URL": url},
        capture_output=True,
        check=True,
    )
    return perf_counter() - began


if __name__ == "__main__":
    main()
