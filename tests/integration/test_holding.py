"""Health-gated firing: while a vendor is down, due runs wait for it, for so long at most, and go on at a pace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from synkron import contacts, history
from synkron.attempts import defer
from synkron.database import Pool
from synkron.health import Contact, Sample, Verdict
from synkron.holding import release_recovered
from synkron.probing import watches_of
from synkron.settings import HealthSettings, Settings, TypeSettings
from tests.conftest import Connection, Database
from tests.integration.fleet import add_integration, nothing_queued, watching
from tests.integration.working import Recorder, claim, working

HOUR = timedelta(hours=1)


def holding(hold: timedelta = HOUR, **more: Any) -> Settings:
    """Settings with a vendor that is probed, at an address at which nothing listens."""
    health = HealthSettings(url="http://127.0.0.1:9/", hold=hold)
    return Settings(types={"xledger": TypeSettings(health=health, **more)})


async def show(connection: Connection, settings: Settings, finding: Verdict) -> None:
    """A probe has found the vendor so."""
    (watch,) = watches_of(settings)
    at = await connection.fetchval("select clock_timestamp()")
    await contacts.record(connection, watch, [Sample(at, Contact.PROBE, finding, f"it is {finding}")])


@pytest.mark.parametrize("finding", [Verdict.UNREACHABLE, Verdict.THROTTLED])
async def test_a_run_waits_for_its_vendor_and_is_delivered_once_it_is_back(
    database: Database, connection: Connection, pool: Pool, finding: Verdict
) -> None:
    settings, target = holding(), Recorder()
    await add_integration(connection, "0 2 * * *")
    await show(connection, settings, finding)
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, target, settings):
        await until(_deferred)
        assert target.calls == []
        (row,) = await connection.fetch("select *, deferred_until - deferred_at as longest from synkron.runs")
        assert row["state"] == "claimed"
        assert row["attempt"] == 0
        assert row["longest"] == HOUR
        assert row["deferred_reason"].startswith(f"xledger is {finding} since ")
        assert await release_recovered(connection, settings) == 0
        await show(connection, settings, Verdict.HEALTHY)
    async with watching(database) as until, working(pool, target, settings):
        assert await release_recovered(connection, settings) == 1
        await until(_all_finished)
    (run,) = await history.runs(connection, state="succeeded")
    assert (run.attempt, run.failures, len(target.calls)) == (1, 0, 1)
    # The job for the end of the wait is left: it will find that the run has ended.
    assert not await nothing_queued(connection)


async def test_a_run_waits_no_longer_than_is_set(database: Database, connection: Connection, pool: Pool) -> None:
    settings, target = holding(timedelta(milliseconds=300)), Recorder()
    await add_integration(connection, "0 2 * * *")
    await show(connection, settings, Verdict.UNREACHABLE)
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, target, settings):
        await until(_all_finished)
    (row,) = await connection.fetch("select *, started_at - deferred_at as waited from synkron.runs")
    assert row["state"] == "succeeded"
    assert row["deferred_reason"] is not None
    assert row["waited"] >= timedelta(milliseconds=300)


@pytest.mark.parametrize("finding", [Verdict.HEALTHY, Verdict.DEGRADED, Verdict.UNAUTHORIZED])
async def test_a_vendor_that_answers_holds_nothing(
    database: Database, connection: Connection, pool: Pool, finding: Verdict
) -> None:
    settings, target = holding(), Recorder()
    await add_integration(connection, "0 2 * * *")
    await show(connection, settings, finding)
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, target, settings):
        await until(nothing_queued)
    assert len(target.calls) == 1
    assert await connection.fetchval("select deferred_at is null from synkron.runs")


async def test_without_the_setting_a_vendor_that_is_down_holds_nothing(
    database: Database, connection: Connection, pool: Pool
) -> None:
    settings, target = holding(timedelta()), Recorder()
    await add_integration(connection, "0 2 * * *")
    await show(connection, settings, Verdict.UNREACHABLE)
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, target, settings):
        await until(nothing_queued)
    assert len(target.calls) == 1


async def test_what_has_waited_goes_on_at_the_types_pace_the_oldest_first(connection: Connection) -> None:
    settings = holding(pace=120)
    for _ in range(4):
        await add_integration(connection, "0 2 * * *")
    runs = await claim(connection, settings=settings)
    await connection.execute("delete from synkron.queue")
    for run_id in runs:
        assert await defer(connection, run_id, "it is down", HOUR)
    assert await release_recovered(connection, settings) == 4
    waits = await connection.fetch(
        "select next_attempt_at - min(next_attempt_at) over () as wait from synkron.runs order by id"
    )
    assert [row["wait"] for row in waits] == [n * timedelta(milliseconds=500) for n in range(4)]
    later = await connection.fetchval("select max(next_attempt_at) from synkron.runs")
    assert await release_recovered(connection, settings) == 0
    # Those that come after them are placed after them.
    await add_integration(connection, "0 2 * * *")
    (another,) = await claim(connection, settings=settings)
    assert await defer(connection, another, "it is down", HOUR)
    assert await release_recovered(connection, settings) == 1
    placed = await connection.fetchval("select next_attempt_at from synkron.runs where id = $1", another)
    assert placed == later + timedelta(milliseconds=500)


async def test_a_run_that_waited_its_time_is_not_deferred_again(connection: Connection) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    assert await defer(connection, run_id, "it is down", HOUR)
    await connection.execute("update synkron.runs set deferred_at = deferred_at - interval '61 minutes'")
    assert not await defer(connection, run_id, "it is down", HOUR)


async def _deferred(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.runs where deferred_at is not null)"))


async def _all_finished(connection: Connection) -> bool:
    return bool(await connection.fetchval("select bool_and(finished_at is not null) from synkron.runs"))
