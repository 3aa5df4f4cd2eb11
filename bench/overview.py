"""How long the overview takes of 1,000,000 integrations with 10,000,000 runs, by order, search and depth (D1 to D3).

    python -m bench.overview [--quick] [--save]

D1 is the 95th percentile of the time for a page of 50 rows, asked for over one connection: what the server and this
process take, without HTTP and HTML. Of each order the first page, a deep one (after nine tenths of the rows), a search
for one organization and one that every row fits are mixed; a note says how long each takes. D2 is the refresh of the
copy that gives the order, D3 the timeline of what comes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import chain
from statistics import quantiles
from time import perf_counter

import asyncpg

from bench.fleet import Connection, database, install, seed
from bench.measure import Measure, options, report
from synkron.model import EVERYTHING, Scope
from synkron.postgres.clock import database_clock
from synkron.reports.overview.cursor import START, Place, Sort, cursor_of
from synkron.reports.overview.order import SQL
from synkron.reports.overview.page import page
from synkron.reports.overview.rows import RowState
from synkron.reports.overview.timeline import timeline
from synkron.service.overview.refresh import refresh
from synkron.service.status.tiles import tiles
from synkron.settings.load import Settings

FULL = 1_000_000
TARGET = 150
ROUNDS, QUICK_ROUNDS = 30, 5
RUNS_EACH = 10
DEPTH = 0.9
# The server's memory for a fleet of this size; the rest as it is installed.
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "fsync": "off"}
# A run each day of each integration, at a minute of its own; one in fifty of the newest has failed, few are under way.
DAY_OF_RUNS = """
insert into synkron.runs (
    key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end, execute_after,
    next_attempt_at, action, reason, cron_schedule, timezone, tick_id, state, attempt, claimed_at, started_at,
    finished_at, error
)
select
    'k' || $1 || integration_id, integration_id, org_id, integration_type, 'schedule', at, at - interval '1 day', at,
    at, at, 'run', 'on time', '0 2 * * *', 'UTC', 1, state, 1, at - interval '30 seconds',
    at + (lot % 1000) * interval '3 milliseconds', at + interval '4 seconds',
    case when state = 'failed' then 'HTTP 500' end
from (
    select id::text as integration_id, org_id::text as org_id, integration_type, hashtext(id::text || $1) & 65535 as lot
    from organization_integrations
) one
cross join lateral (
    select
        date_trunc('hour', now()) - ($1::int * 1440 + lot % 1440) * interval '1 minute' as at,
        case when $1::int = 1 and lot % 50 = 0 then 'failed' else 'succeeded' end as state
) ran
order by at
"""
INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
from pg_index
where indrelid = 'synkron.runs'::regclass and not indisunique
"""

KEEP = f"select synkron.keep_partitions(now() - interval '{RUNS_EACH + 2} days', now(), '-infinity')"
VACUUM = "vacuum analyze synkron.overview_integrations, synkron.overview_runs, synkron.overview_schedules"

Page = Callable[[], Awaitable[object]]


def main() -> None:
    """Measure and report."""
    flags = options(__doc__)
    rows = 20_000 if flags.quick else FULL
    with database(SERVER) as url:
        measures = asyncio.run(_measured(url, rows))
    report("overview", measures, quick=flags.quick, save=flags.save)


async def _measured(url: str, rows: int) -> list[Measure]:
    connection = await asyncpg.connect(url)
    await fill(connection, rows)
    measures = await measure(connection, rows)
    await connection.close()
    return measures


async def fill(connection: Connection, rows: int) -> None:
    """The integrations, ten runs of each, and the copy of all of them."""
    await install(connection)
    await seed(connection, rows)
    await connection.execute(KEEP)
    async with _without_indexes(connection):
        for day in range(RUNS_EACH):
            await connection.execute(DAY_OF_RUNS.replace("$1", str(day + 1)))
    await connection.execute("vacuum analyze synkron.runs")
    await refresh(connection, Settings())
    await connection.execute(VACUUM)


@asynccontextmanager
async def _without_indexes(connection: Connection) -> AsyncIterator[None]:
    """Make the indexes of the runs afterwards, which takes a fraction of the time."""
    indexes = await connection.fetch(INDEXES)
    for one in indexes:
        await connection.execute(f"drop index {one['name']}")
    yield
    for one in indexes:
        await connection.execute(one["definition"].replace(" ON ONLY ", " ON "))


async def measure(connection: Connection, rows: int) -> list[Measure]:
    """The measures of a database that is filled."""
    settings = Settings()
    target = TARGET if rows == FULL else None
    draw = random.Random(1)
    measures = []
    for sort in Sort:
        asked: dict[str, Page] = {
            "the first": partial(page, connection, settings, sort=sort),
            "deep": partial(page, connection, settings, sort=sort, after=await _deep(connection, sort, rows)),
            "of one": partial(page, connection, settings, sort=sort, search=f"o{draw.randrange(rows // 2)}"),
            "that most fit": partial(page, connection, settings, sort=sort, search="o"),
        }
        measures.append(await _measure(f"sorted by {sort}", asked, target))
    for sort in Sort:
        asked = {str(state): partial(page, connection, settings, sort=sort, state=state) for state in RowState}
        measures.append(await _measure(f"of a state, sorted by {sort}", asked, target))
    org_id = await connection.fetchval("select org_id::text from organization_integrations limit 1")
    asked = {str(sort): partial(page, connection, settings, Scope(org_id), sort=sort) for sort in Sort}
    measures.append(await _measure("of one organization, by order", asked, target))
    asked = {"all": partial(tiles, connection, settings), "of one": partial(tiles, connection, settings, Scope(org_id))}
    measures.append(await _measure("'s figures, of all or of one organization", asked, target))
    return [
        *measures,
        *[await _timeline(connection, hours) for hours in (1, 24, 168)],
        await _refresh(connection, rows),
    ]


async def _refresh(connection: Connection, rows: int) -> Measure:
    seconds = []
    for _ in range(3):
        began = perf_counter()
        await refresh(connection, Settings())
        seconds.append(perf_counter() - began)
    return Measure("D2", f"refresh of the copy of {rows:,} integrations", "s", seconds)


async def _timeline(connection: Connection, hours: int) -> Measure:
    """What comes, worked out anew each time."""
    seconds = []
    for number in range(3):
        now = await database_clock(connection) + number * timedelta(minutes=1)
        began = perf_counter()
        await timeline(connection, Settings(), EVERYTHING, now, now + timedelta(hours=hours))
        seconds.append(perf_counter() - began)
    return Measure("D3", f"timeline of {hours} h, not remembered", "s", seconds)


async def _deep(connection: Connection, sort: Sort, rows: int) -> str:
    """The cursor after nine tenths of the rows."""
    of_one = "where $3 is null and org_id = $1"
    statement = SQL["found"].replace(of_one, "where $3::text is null and ($1::text is null or org_id = $1)")
    statement = statement.replace("limit $13", f"offset {int(rows * DEPTH)} limit $13")
    row = await connection.fetchrow(statement, *(None,) * 6, *START, sort, 1)
    assert row is not None
    return cursor_of(sort, Place(*row))


async def _measure(name: str, asked: Mapping[str, Page], target: float | None) -> Measure:
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ROUNDS if target else QUICK_ROUNDS):
        for kind, ask in asked.items():
            began = perf_counter()
            await ask()
            taken[kind].append((perf_counter() - began) * 1000)
    each = ", ".join(f"{kind} {_p95(figures):.0f} ms" for kind, figures in taken.items())
    return Measure("D1", f"p95 of a page {name}", "ms", [_p95(chain.from_iterable(taken.values()))], target, note=each)


def _p95(figures: Iterable[float]) -> float:
    return quantiles(figures, n=20)[-1]


if __name__ == "__main__":
    main()
