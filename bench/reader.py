"""How fast the reader is: 100 organization-integration pairs, on the embedded PostgreSQL, warm (R10: 100 ms).

    python -m bench.reader [--quick]

Each round asks for another minute of one day, so that different expressions fire.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import asyncpg
from rich.console import Console
from rich.table import Table

from bench.machine import machine
from synkron import read_due_integrations
from synkron.embedded import embedded_database
from synkron.migrate import create_due_indexes, create_source_tables
from synkron.settings import SourceTables

PAIRS = 100
DAY = datetime(2026, 3, 2, tzinfo=UTC)
ZONES = [None, "Europe/Oslo", "Europe/Helsinki", "+02:00"]
SCHEDULES = ["0 2 * * *", "*/15 * * * *", "0 * * * *", "30 3 * * 1-5", "0 2 1 * *", "0 2 31 * *"]


def main() -> None:
    """Measure and print the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 rounds instead of 2,000")
    rounds = 200 if parser.parse_args().quick else 2000
    with TemporaryDirectory(prefix="synkron-bench-") as folder, embedded_database(Path(folder, "data")) as server:
        seconds, due = asyncio.run(_measure(server.url(), rounds))
    _print(sorted(seconds), due)


async def _measure(url: str, rounds: int) -> tuple[list[float], int]:
    connection = await asyncpg.connect(url)
    await create_source_tables(connection, SourceTables())
    await create_due_indexes(connection, SourceTables())
    await _seed(connection)
    seconds: list[float] = []
    due = 0
    for number in range(-20, rounds):
        at = DAY + timedelta(minutes=number * 7 % 1440)
        began = perf_counter()
        found = await read_due_integrations(at, connection)
        if number >= 0:
            seconds.append(perf_counter() - began)
            due += len(found)
    await connection.close()
    return seconds, due


async def _seed(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """The pairs, the same in every run: a third of them on a minute of their own."""
    draw = random.Random(7)
    for number in range(PAIRS // 2):
        org_id = await connection.fetchval(
            "insert into organizations (name, timezone) values ($1, $2) returning id", f"o{number}", draw.choice(ZONES)
        )
        for kind in ("xledger", "dynamics"):
            own = f"{draw.randrange(60)} {draw.randrange(24)} * * *"
            await connection.execute(
                "insert into organization_integrations (org_id, integration_type, cron_schedule) values ($1, $2, $3)",
                org_id,
                kind,
                draw.choice([*SCHEDULES, own, own, own]),
            )
    await connection.execute("vacuum analyze organizations, organization_integrations")


def _print(seconds: list[float], due: int) -> None:
    def at(share: float) -> str:
        return f"{seconds[min(int(len(seconds) * share), len(seconds) - 1)] * 1000:.2f} ms"

    table = Table(title=f"read_due_integrations, {PAIRS} pairs, {len(seconds)} reads, {due} due in all")
    for name in ("p50", "p95", "p99", "max", "asked for"):
        table.add_column(name, justify="right")
    table.add_row(at(0.5), at(0.95), at(0.99), at(1), "p99 below 10 ms (required: 100 ms)")
    console = Console()
    console.print(table)
    console.print(machine(), style="dim")


if __name__ == "__main__":
    main()
