"""Operators beside ticks, workers and one another: one of two wins, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from synkron.errors import Refused
from synkron.ledger import ticks
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.overrides import set_override
from synkron.operations.pauses import AskedPause, pause, resume
from synkron.operations.runs import cancel, retry
from synkron.operations.trigger import trigger
from synkron.postgres.connection import Connection as ServiceConnection
from synkron.postgres.connection import Pool
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import PATIENCE, add_integration, blocked, nothing_queued, utc, watching
from tests.support.turns import start
from tests.support.working import QUICK, REFUSED, Recorder, claim, deliver, working

HOURLY = "0 * * * *"
XLEDGER = Scope(integration_type="xledger")
ASKED = AskedPause([XLEDGER], "their maintenance")
RANGE = AskedBackfill(XLEDGER, utc("2026-03-01T00:00:00"), utc("2026-03-01T06:00:00"))


async def test_of_two_retries_at_once_one_wins(connection: Connection, database: Database, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    [run_id] = await claim(connection)
    await deliver(database, pool, Recorder(REFUSED))
    ended = await _together(
        pool, lambda one: retry(one, QUICK, [run_id], "kari"), lambda one: retry(one, QUICK, [run_id], "ola")
    )
    assert [message.split(".")[0] for message in _refused(ended)] == [f"Run {run_id} is claimed"]
    assert await connection.fetchval("select count(*) from synkron.audit") == 1
    target = Recorder()
    [run] = await deliver(database, pool, target)
    assert (run.state, len(target.calls)) == ("succeeded", 1)
    assert target.calls[0].attempt == 2


@pytest.mark.parametrize("worker_first", [True, False])
async def test_cancelled_while_its_worker_finishes_one_wins(
    connection: Connection, database: Database, pool: Pool, worker_first: bool
) -> None:
    await add_integration(connection, "0 2 * * *")
    [run_id] = await claim(connection)
    answer = asyncio.Event()
    target = Recorder(wait=answer)
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        if worker_first:
            answer.set()
            await target.ended.wait()
        cancelling = asyncio.create_task(cancel(connection, [run_id], "kari", "wrong period"))
        answer.set()
        [ended] = await asyncio.gather(cancelling, return_exceptions=True)
        await until(nothing_queued)
    [run] = await connection.fetch("select state, error from synkron.runs where id = $1", run_id)
    outcomes = [row["outcome"] for row in await connection.fetch("select outcome from synkron.attempts")]
    if isinstance(ended, Refused):
        assert (tuple(run), outcomes) == (("succeeded", None), ["succeeded"])
    else:
        assert (tuple(run), outcomes) == (("failed", "cancelled by kari: wrong period"), ["cancelled"])
    assert await connection.fetchval("select count(*) from synkron.running") == 0
    assert len(target.calls) == 1


async def test_cancelled_while_its_worker_starts_the_seat_is_freed(connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    [run_id] = await claim(connection)
    async with pool.acquire() as worker:
        transaction = worker.transaction()
        await transaction.start()
        assert await start(worker, run_id, "w", 1) is not None
        cancelling = asyncio.create_task(cancel(connection, [run_id], "kari", "x"))
        await blocked(pool)
        await transaction.commit()
    [ended] = (await cancelling).runs
    assert ended.state == "failed"
    assert await pool.fetchval("select count(*) from synkron.running") == 0
    assert await pool.fetchval("select outcome from synkron.attempts") == "cancelled"


async def test_a_cancelled_run_is_broken_off_and_the_next_one_runs(
    connection: Connection, database: Database, pool: Pool
) -> None:
    integration = await add_integration(connection, HOURLY)
    [first] = await claim(connection)
    held = asyncio.Event()
    target = Recorder(wait=held)
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        [second] = await claim(connection, "2026-03-02T03:00:00")
        await cancel(connection, [first], "kari", "hangs")
        async with asyncio.timeout(PATIENCE):
            await target.ended.wait()
        held.set()
        await until(nothing_queued)
    rows = await connection.fetch("select id, state from synkron.runs order by id")
    assert [tuple(row) for row in rows] == [(first, "failed"), (second, "succeeded")]
    assert [run.id for run in target.calls] == [first, second]
    assert {run.integration_id for run in target.calls} == {integration}


async def test_paused_while_a_tick_runs_nothing_is_delivered(
    connection: Connection, database: Database, pool: Pool
) -> None:
    await add_integration(connection, "* * * * *")
    ended = await _together(
        pool, lambda one: tick(one, QUICK, scheduler="test"), lambda one: pause(one, QUICK, ASKED, "kari")
    )
    assert _refused(ended) == []
    target = Recorder()
    await deliver(database, pool, target)
    assert target.calls == []
    undecided = await connection.fetchval("select count(*) from synkron.held")
    assert undecided + await connection.fetchval("select count(*) from synkron.runs where state = 'claimed'") == 1


async def test_a_pause_waits_for_the_tick_that_is_under_way(connection: Connection, pool: Pool) -> None:
    await add_integration(connection, HOURLY)
    async with _ticking(pool) as done:
        pausing = asyncio.create_task(pause(connection, QUICK, ASKED, "kari"))
        await blocked(pool)
        assert await pool.fetchval("select count(*) from synkron.pauses") == 0
        await done()
        assert [made.state for made in await pausing] == ["active"]


async def test_of_two_equal_pauses_at_once_one_wins(connection: Connection, pool: Pool) -> None:
    ended = await _together(
        pool, lambda one: pause(one, QUICK, ASKED, "kari"), lambda one: pause(one, QUICK, ASKED, "ola")
    )
    assert len(_refused(ended)) == 1
    assert await connection.fetchval("select count(*) from synkron.pauses") == 1
    assert await connection.fetchval("select count(*) from synkron.audit") == 1


async def test_of_two_resumes_at_once_one_wins(connection: Connection, pool: Pool) -> None:
    [made] = await pause(connection, QUICK, ASKED, "kari")
    ended = await _together(
        pool, lambda one: resume(one, QUICK, [made.id], "kari"), lambda one: resume(one, QUICK, [XLEDGER], "ola")
    )
    assert len(_refused(ended)) == 1
    assert await connection.fetchval("select count(*) from synkron.audit where action = 'resume'") == 1


async def test_two_overrides_at_once_both_hold(connection: Connection, pool: Pool) -> None:
    integration = await add_integration(connection, HOURLY)
    await _together(
        pool,
        lambda one: set_override(one, QUICK, integration, {"attempts": 1}, "kari"),
        lambda one: set_override(one, QUICK, integration, {"timeout": timedelta(minutes=5)}, "ola"),
    )
    [row] = await connection.fetch("select attempts, timeout from synkron.overrides")
    assert tuple(row) == (1, timedelta(minutes=5))


@pytest.mark.usefixtures("no_partitions")
async def test_backfills_and_a_tick_at_once_decide_each_moment_once(connection: Connection, pool: Pool) -> None:
    await add_integration(connection, HOURLY)
    await tick(connection, QUICK, scheduler="test")
    await _together(
        pool,
        lambda one: backfill(one, QUICK, RANGE, "kari"),
        lambda one: backfill(one, QUICK, RANGE, "ola"),
        lambda one: tick(one, QUICK, scheduler="test", at=RANGE.start),
    )
    moments = await connection.fetch(
        "select scheduled_for from synkron.runs where state <> 'skipped' and scheduled_for < $1", RANGE.end
    )
    assert len(moments) == len({row["scheduled_for"] for row in moments}) == 6


async def test_a_backfill_is_delivered_one_at_a_time_the_oldest_first(
    connection: Connection, database: Database, pool: Pool
) -> None:
    await add_integration(connection, HOURLY)
    await tick(connection, QUICK, scheduler="test")
    await backfill(connection, QUICK, RANGE, "kari")
    target = Recorder()
    runs = await deliver(database, pool, target)
    assert {run.state for run in runs if run.source == "backfill"} == {"succeeded"}
    moments = [run.scheduled_for for run in target.calls if run.source == "backfill"]
    assert moments == sorted(moments)
    assert (len(moments), target.most_at_once) == (6, 1)
    periods = [(run.period_start, run.period_end) for run in target.calls if run.source == "backfill"]
    assert [end for _, end in periods[:-1]] == [start for start, _ in periods[1:]]


async def test_a_triggered_run_is_delivered_with_its_key(
    connection: Connection, database: Database, pool: Pool
) -> None:
    integration = await add_integration(connection, None)
    done = await trigger(connection, QUICK, Scope(integration_id=integration), "kari")
    target = Recorder()
    [run] = await deliver(database, pool, target)
    assert (run.state, run.key, run.scheduled_for) == ("succeeded", done.key, done.plan.at)
    assert (target.calls[0].key, target.calls[0].period_start) == (done.key, None)


async def test_an_operation_leaves_no_watermark_behind(connection: Connection) -> None:
    await pause(connection, Settings(), ASKED, "kari")
    assert await connection.fetchval("select count(*) from synkron.watermark") == 0


async def _together(pool: Pool, *calls: Callable[[ServiceConnection], Awaitable[object]]) -> list[object]:
    """What the calls answer or raise, each on a connection of its own, all begun at the same time."""

    async def on_its_own(call: Callable[[ServiceConnection], Awaitable[object]]) -> object:
        async with pool.acquire() as connection:
            return await call(connection)

    return list(await asyncio.gather(*map(on_its_own, calls), return_exceptions=True))


def _refused(ended: list[object]) -> list[str]:
    assert [one for one in ended if isinstance(one, Exception) and not isinstance(one, Refused)] == []
    return [str(one) for one in ended if isinstance(one, Refused)]


@asynccontextmanager
async def _ticking(pool: Pool) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A tick that has locked the watermark, and goes on when it is told."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await ticks.lock_watermark(connection)
        yield transaction.commit
