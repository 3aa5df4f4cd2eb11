"""What a tick and a run cost, in statements: counts that are the same on any machine.

They guard what `bench/` measures. A count that rises is a round trip more for every tick, or for every run.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from synkron.delivery import completion
from synkron.ledger import attempts, claims, queue, skips
from synkron.model import Outcome, OutcomeKind
from synkron.postgres.connection import pooled
from synkron.postgres.statements import source_statements
from synkron.runtime import sleep
from synkron.scheduler.tick import tick
from synkron.settings.load import SourceTables
from synkron.source.parsed_texts import KNOWN
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import LOOK_AGAIN, add_integration, nothing_queued, watching
from tests.support.working import QUICK, Recorder, claim, working

pytestmark = [pytest.mark.each_server, pytest.mark.own_database]

RUNS = 200


class Counted:
    """Counts the statements that a connection sends, each by its name or its first words."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.statements: Counter[str] = Counter()

    async def watch(self, connection: Any) -> None:
        connection.add_query_logger(self._note)

    def _note(self, query: Any) -> None:
        text = query.query.strip()
        # What the driver asks about types that it has not met is asked once in a process, before or after this.
        if "typeinfo_tree" in text or "'jit'" in text:
            return
        self.statements[self._names.get(text, " ".join(text.split()[:3]))] += 1


async def _add_many(connection: Connection, number: int, schedule: str) -> None:
    await connection.execute(
        "insert into organizations (name) select 'o' || n from generate_series(1, $1::int) n", number
    )
    await connection.execute(
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, 'xledger', $1 from organizations",
        schedule,
    )


@pytest.mark.parametrize(("due", "statements"), [(1, 1), (claims.BATCH, 1), (2 * claims.BATCH + 1, 3)])
async def test_statements_of_a_tick(connection: Connection, due: int, statements: int) -> None:
    """However many are due: the same statements, and one for each batch of rows to write."""
    await _add_many(connection, due, "* * * * *")
    KNOWN.expression("* * * * *")
    counted = Counted({text: name for name, text in claims.SQL.items()} | {_due(): "due"})
    await counted.watch(connection)
    assert (await tick(connection, QUICK, scheduler="test")).claimed == due
    written = counted.statements.pop("claim")
    assert written == statements
    assert counted.statements["due"] == 1
    # Besides: begin and commit, row security, the clock, the watermark, pauses, overrides, partitions, the tick's row,
    # where the last periods ended, and what is kept, without a job or overdue, and how many holds there are.
    assert counted.statements.total() == 23, counted.statements


def _due() -> str:
    return source_statements("source/reader", SourceTables())["due"]


async def test_round_trips_of_a_run(database: Database, connection: Connection) -> None:
    """Runs that start together are looked at, started, finished and taken off the queue together."""
    await _add_many(connection, RUNS, "0 2 * * *")
    names = {attempts.SQL["start"]: "start", attempts.SQL["finish"]: "finish"}
    source = SourceQueries(SourceTables())
    names |= {queue.SQL["take"]: "take", queue.SQL["end"]: "end"}
    names |= {source.sql("delivery/turn")["turn"]: "turn"}
    assert len(await claim(connection)) == RUNS
    counted, target = Counted(names), Recorder()
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=10, init=counted.watch) as pool,
        watching(database) as until,
        working(pool, target),
    ):
        await until(nothing_queued)
    assert len(target.calls) == RUNS
    assert await connection.fetchval("select count(*) from synkron.runs where state = 'succeeded'") == RUNS
    for statement in ("turn", "start", "finish", "end"):
        assert 1 <= counted.statements[statement] <= 4, counted.statements


async def test_round_trips_of_runs_that_complete_later(database: Database, connection: Connection) -> None:
    """Their targets' answers are recorded together, and so are the outcomes that come at the same time."""
    await _add_many(connection, RUNS, "0 2 * * *")
    assert len(await claim(connection)) == RUNS
    names = {attempts.SQL["accept"]: "accept", attempts.SQL["finish"]: "finish"}
    names |= {completion.SQL["find"]: "find", completion.SQL["runs"]: "runs"}
    counted = Counted(names)
    async with asyncpg.create_pool(database.url, min_size=1, max_size=10, init=counted.watch) as pool:
        async with watching(database) as until, working(pool, Recorder(*[Outcome(OutcomeKind.ACCEPTED, 202)] * RUNS)):
            await until(nothing_queued)
        assert 1 <= counted.statements["accept"] <= 4, counted.statements
        rows = await connection.fetch("select id, key, attempt from synkron.runs where completes_by is not null")
        counted.statements.clear()
        completions = completion.Completions(pool, QUICK)
        found = await asyncio.gather(*(completions.find(row["id"]) for row in rows))
        assert {one.integration_type for one in found if one} == {"xledger"}
        told = [
            completion.Completion(row["id"], row["key"], row["attempt"], Outcome(OutcomeKind.SUCCEEDED)) for row in rows
        ]
        assert await asyncio.gather(*map(completions.complete, told)) == ["succeeded"] * RUNS
    # Besides: for how long to wait, the ledger's place, begin and commit; and this pool, unlike the service's, resets
    # what it gets back.
    assert [counted.statements[name] for name in ("find", "runs", "finish")] == [1, 1, 1], counted.statements
    assert sum(number for name, number in counted.statements.items() if "unlock_all" not in name) == 7


async def test_round_trips_of_runs_that_are_skipped(database: Database, connection: Connection) -> None:
    """Their integrations were deleted after the claim. Who comes next is in the same statement."""
    await _add_many(connection, RUNS, "0 2 * * *")
    assert len(await claim(connection)) == RUNS
    await connection.execute("delete from organization_integrations")
    counted = Counted({skips.SQL["skip"]: "skip", queue.SQL["enqueue"]: "enqueue"})
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=10, init=counted.watch) as pool,
        watching(database) as until,
        working(pool, Recorder()),
    ):
        await until(nothing_queued)
    assert await connection.fetchval("select count(*) from synkron.runs where state = 'skipped'") == RUNS
    assert 1 <= counted.statements["skip"] <= 4, counted.statements
    assert counted.statements["enqueue"] == 0


async def test_a_start_writes_no_index(database: Database, connection: Connection) -> None:
    """Each run is updated twice, and its attempt once: the start, and the attempt's end, within their row's page."""
    await _add_many(connection, RUNS, "* * * * *")
    assert len(await claim(connection)) == RUNS
    # A run that starts late enters an index for it: these are on time.
    await connection.execute("alter table synkron.runs disable trigger runs_keep_their_key")
    await connection.execute(
        "with minute as (select date_trunc('minute', now() + interval '30 s') as at) "
        "update synkron.runs set scheduled_for = at, period_end = at, period_start = null, execute_after = at "
        "from minute"
    )
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=5) as pool,
        watching(database) as until,
        working(pool, Recorder()),
    ):
        await until(nothing_queued)
    async with asyncio.timeout(20):
        # The counts come in a moment after their statements.
        while (found := await _updates(connection, "^runs_[0-9]"))[0] < 2 * RUNS:
            await sleep(LOOK_AGAIN)
            await connection.execute("select pg_stat_clear_snapshot()")
    assert found[0] == 2 * RUNS
    assert found[1] >= 0.9 * RUNS
    updates, within_the_page = await _updates(connection, "^attempts_[0-9]")
    assert within_the_page >= 0.7 * updates


async def _updates(connection: Connection, tables: str) -> tuple[int, int]:
    """How many rows were updated, and how many of them within their page."""
    [row] = await connection.fetch(
        "select sum(n_tup_upd)::int, sum(n_tup_hot_upd)::int from pg_stat_user_tables "
        "where schemaname = 'synkron' and relname ~ $1",
        tables,
    )
    return row[0], row[1]


@pytest.mark.parametrize(("statement", "parameters"), [("start", 5), ("finish", 11), ("skip", 4)])
@pytest.mark.usefixtures("no_partitions")
async def test_a_worker_s_plans_look_runs_up_by_their_number(
    database: Database, statement: str, parameters: int
) -> None:
    """Though the tables were empty when the plan was made, and the index of unfinished runs would fit the condition."""
    async with pooled(database.url, size=1, by_key=True) as pool, pool.acquire() as connection:
        await connection.execute(f"prepare looked as {(attempts.SQL | skips.SQL)[statement]}")
        nulls = ", ".join(["null"] * parameters)
        lines = await connection.fetch(f"explain (costs off) execute looked({nulls})")
    plan = "\n".join(line[0] for line in lines)
    assert "_pkey" in plan
    assert "Seq Scan" not in plan
    for block in plan.split("->"):
        if "Index Scan" in block and "integration_id_scheduled_for_idx" in block:
            assert "Index Cond: ((integration_id =" in block, block


async def test_a_run_alone_waits_for_nobody(database: Database, connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    counted = Counted({attempts.SQL["start"]: "start", attempts.SQL["finish"]: "finish"})
    async with (
        asyncpg.create_pool(database.url, min_size=1, max_size=10, init=counted.watch) as pool,
        watching(database) as until,
        working(pool, Recorder()),
    ):
        await until(nothing_queued)
    assert (counted.statements["start"], counted.statements["finish"]) == (1, 1)
