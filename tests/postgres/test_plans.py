"""How PostgreSQL plans every statement of every .sql file, under the settings of the sessions that use it.

None reads a table that grows from end to end, and none is estimated to cost much, but for those whose comment says why
they may (``-- Scans: ...``). What a function does is in no plan: its scans are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from synkron.postgres.connection import Connection as AnyConnection
from synkron.postgres.connection import connected, pooled
from synkron.postgres.embedded import EmbeddedServer
from synkron.postgres.embedded.programs import VERSION
from synkron.reports.overview.order import WALKS
from synkron.settings.load import SourceTables
from synkron.source.queries import SourceQueries
from tests.support.databases import Database, migrated
from tests.support.grown import SMALL, grow
from tests.support.planning import Statement, plan_of, statements_in

pytestmark = pytest.mark.each_server

MOST_COST = 30_000
# From how many rows on a table's scan is a fault.
LARGE, EMPTY = 10_000, -1
# The sessions that statements are used in: a worker's, those in transactions of ticks, operations and reports, others.
WORKER, SECURED, OTHER = "worker", "secured", "other"
USED_IN: Mapping[str, tuple[str, ...]] = {
    "ledger/attempts": (WORKER, SECURED, OTHER),
    "ledger/skips": (WORKER,),
    "postgres/clock": (WORKER, SECURED, OTHER),
    "delivery/completion": (SECURED, OTHER),
    "incidents/conditions/store": (OTHER,),
    "cli/demo/fleet": (OTHER,),
    "reports/drift": (SECURED, OTHER),
    "postgres/embedded/embedded": (OTHER,),
    "ledger/internal_faults": (WORKER, OTHER),
    "scheduler/moves": (WORKER, SECURED),
    "reports/forecast/store": (SECURED, OTHER),
    "vendors/store": (WORKER, OTHER),
    "ledger/history": (OTHER,),
    "incidents/store": (OTHER,),
    "ledger/installation": (SECURED,),
    "ledger/installation.ids": (SECURED, OTHER),
    "ledger/installation.name": (OTHER,),
    "ledger/installation.note": (SECURED, OTHER),
    "ledger/installation.read": (WORKER, SECURED, OTHER),
    "ledger/claims": (SECURED, OTHER),
    "ledger/retention": (SECURED, OTHER),
    "ledger/ticks": (SECURED, OTHER),
    "delivery/warm_up/store": (WORKER,),
    "ledger/migrate": (OTHER,),
    "ledger/nodes": (OTHER,),
    "operations/access/access": (OTHER,),
    "operations/operations": (SECURED, OTHER),
    "operations/pg_cron": (OTHER,),
    "operations/runs": (SECURED,),
    "scheduler/starts": (SECURED,),
    "ledger/queue": (WORKER,),
    "ledger/queue.enqueue": (WORKER, SECURED, OTHER),
    "source/queries": (WORKER, SECURED, OTHER),
    "source/mirror": (OTHER,),
    "source/mirror.integrations_of": (WORKER,),
    "source/reader": (SECURED,),
    "postgres/pooler": (OTHER,),
    "postgres/sessions": (OTHER,),
    "source/tables": (OTHER,),
    "scheduler/holds": (SECURED,),
    "scheduler/plans": (SECURED, OTHER),
    "scheduler/policies": (SECURED,),
    "delivery/turn": (WORKER,),
    "reports/names/store": (SECURED,),
    "reports/names/store.integration_on_record": (OTHER,),
    "reports/names/store.organization_on_record": (OTHER,),
    "reports/names/store.type_of_runs_on_record": (OTHER,),
    "reports/names/store.type_on_record": (OTHER,),
    "reports/names/store.types_of_copy": (OTHER,),
    "reports/exports/pending": (SECURED,),
    "reports/overview/calendar": (OTHER,),
    "reports/overview/coming": (SECURED, OTHER),
    "reports/overview/order": (SECURED,),
    "reports/overview/page": (SECURED,),
    "reports/overview/past": (OTHER,),
    "reports/exports/store": (SECURED,),
    "reports/verify/store": (SECURED,),
    "delivery/warm_up/send": (OTHER,),
    "reports/why/store": (SECURED,),
    "service/dashboard/live": (OTHER,),
    "service/doctor/store": (OTHER,),
    "service/overview/refresh": (SECURED,),
    "service/overview/refresh.last": (OTHER,),
    "service/metrics/store": (OTHER,),
    "service/status/store": (SECURED, OTHER),
}

# What is asked where that matters to the plan; an interval stands for the moment that lies so long ago.
A_QUARTER, AN_HOUR, A_DAY, AGES, NOW = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=400),
    timedelta(),
)
EVERY_ROW = (None, None, None, None, None, NOW)
ARGUMENTS: Mapping[str, tuple[Any, ...]] = {
    "scheduler/holds.drop_gone": ((8, 0), (16, 0), NOW),
    "reports/drift.stages": (A_DAY, NOW, None, None, None, AN_HOUR, [0.5]),
    "reports/drift.waiting": (A_DAY, NOW, None, None, None, AN_HOUR),
    "reports/drift.worst": (A_DAY, NOW, None, None, None, 100),
    "ledger/history.totals": (A_DAY,),
    "ledger/retention.forget": (NOW, AGES),
    "ledger/ticks.record_tick": (NOW, NOW, NOW, "once", "s", 1, 1, None),
    "operations/access/access.people": ("p7",),
    "operations/access/access.tokens": (False, "t7", None, 51),
    "operations/operations.audit": (None, None, 51, None, None, "o7", None, None),
    "operations/operations.record": ("kari", "pause", ["everything"], [None], [None], [None], [None], [None]),
    "reports/overview/past.drift": (AGES, NOW, AN_HOUR, None, None, None, [0.5], [AN_HOUR]),
    "reports/overview/past.quarters": (AGES, NOW, AN_HOUR, None, None, None),
    "reports/overview/past.samples": (A_QUARTER, A_QUARTER),
    **{
        f"reports/overview/order.{walk}": (*EVERY_ROW, -1e9, 5, "o", "i", 0, 50, 50)
        for walks in WALKS.values()
        for walk in walks
    },
    "reports/exports/store.recorded": (AGES, NOW, None, None, None),
    "reports/names/store.integration_on_record": (["i7"], None),
    "reports/verify/store.frame": (A_DAY,),
    "reports/verify/store.invalid_rows": (A_DAY, NOW),
    "reports/verify/store.keep": (NOW, A_DAY, NOW, 1, 0, 0, 0, 0, AGES, 0, 0),
    "reports/verify/store.ticks": (A_DAY, NOW),
    "delivery/warm_up/send.forget": (AGES,),
    "vendors/store.samples": ("e1", None, 50),
}


@pytest.fixture(scope="session")
def grown(server: EmbeddedServer) -> Iterator[Database]:
    """A database of many rows, to which nothing is written."""
    with asyncio.Runner() as runner:
        clone = migrated(server)
        made = runner.run(anext(clone))
        runner.run(grow(made.superuser_url))
        yield made
        runner.run(clone.aclose())


@pytest.fixture(scope="session")
async def sessions(grown: Database) -> AsyncIterator[Mapping[str, AnyConnection]]:
    """One of each, for all statements: what a session has learnt of the tables once serves every plan after it."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(opened(name, grown)) for name in (WORKER, SECURED, OTHER)}


def test_every_file_has_its_sessions() -> None:
    root = Path(str(files("synkron")))
    found = {
        str(one.relative_to(root).with_suffix("")) for one in root.rglob("*.sql") if one.parent.name != "migrations"
    }
    assert found - {"source/row", "ledger/fragments", "ledger/emit", "operations/pg_cron_jobs"} == {
        name.partition(".")[0] for name in USED_IN
    }, "those are fragments, or need pg_cron"


@pytest.mark.parametrize("file", sorted({name.partition(".")[0] for name in USED_IN}))
async def test_no_statement_scans_what_grows(sessions: Mapping[str, AnyConnection], file: str) -> None:
    found = {}
    for session, connection in sessions.items():
        async with connection.transaction():  # of a statement that fails, the others take no harm
            for one in (one for one in statements_in(file) if session in sessions_of(one)):
                if faults := await faults_of(connection, one, is_generic=session is WORKER):
                    found[one.name] = f"{session}: {', '.join(faults)}"
    justified = {one.name for one in statements_in(file) if one.may_scan}
    assert {name: faults for name, faults in found.items() if name not in justified} == {}
    if str(connection.get_server_version().major) == VERSION:
        assert justified <= found.keys(), "says why it may scan, and does not"


@pytest.mark.usefixtures("no_partitions")
async def test_a_worker_s_plans_scan_nothing_though_the_tables_were_empty(database: Database) -> None:
    """The plans are kept while the tables grow."""
    found = {}
    async with opened(WORKER, database) as connection:
        await connection.execute("select synkron.keep_partitions(now(), now() + interval '31 days', '-infinity')")
        for one in (one for name in USED_IN for one in statements_in(name.partition(".")[0])):
            if WORKER in sessions_of(one) and (faults := await faults_of(connection, one, is_generic=True, rows=EMPTY)):
                found[one.name] = faults
    assert found == {}


async def test_functions_scan_nothing_that_grows(grown: Database) -> None:
    async with connected(grown.superuser_url) as connection:
        for call in (
            "select synkron.take_jobs(10, array['xledger', 'bufdir'], array[0, 5], gen_random_uuid(), interval '30 s')",
            "select synkron.pause_over('o', 'xledger', 'i', now())",
            "select synkron.keep_partitions(now(), now(), '-infinity')",
        ):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(call)
            rows = await connection.fetch(
                "select relname from pg_stat_xact_user_tables where schemaname = 'synkron' and seq_scan > 0"
            )
            await transaction.rollback()
            assert {row["relname"] for row in rows} <= SMALL, call


async def faults_of(
    connection: AnyConnection, statement: Statement, *, is_generic: bool, rows: int = LARGE
) -> list[str]:
    """Which tables of so many rows the statement scans, and whether it costs too much."""
    plan = await plan_of(connection, statement, ARGUMENTS.get(statement.name), is_generic=is_generic)
    found = await connection.fetch("select relname from pg_class where reltuples >= $1 and relkind = 'r'", rows)
    growing = {row["relname"] for row in found} - SMALL
    costs = [f"costs {plan.cost:,.0f}"] if plan.cost > MOST_COST else []
    return [f"scans {table}" for table in sorted(plan.scanned & growing)] + costs


def sessions_of(statement: Statement) -> tuple[str, ...]:
    return USED_IN.get(statement.name) or USED_IN[statement.name.partition(".")[0]]


@asynccontextmanager
async def opened(session: str, database: Database) -> AsyncIterator[AnyConnection]:
    """A connection with the settings of the session."""
    if session is WORKER:
        async with pooled(database.url, size=1, by_key=True) as pool, pool.acquire() as borrowed:
            yield borrowed
        return
    async with connected(database.url) as connection, connection.transaction():
        if session is SECURED:
            await SourceQueries(SourceTables()).secure(connection)
        yield connection
