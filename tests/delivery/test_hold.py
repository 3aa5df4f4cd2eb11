"""Health-gated firing: while a vendor is down, due runs wait for it, for so long at most, and go on at a pace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from synkron.delivery.hold import release_recovered
from synkron.ledger import history
from synkron.ledger.attempts import defer
from synkron.model import Scope
from synkron.operations.trigger import trigger
from synkron.postgres.connection import Pool
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from synkron.vendors import store
from synkron.vendors.health import DOWN, Contact, Sample, Verdict
from synkron.vendors.watches import watches_of
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.working import BROKEN, Recorder, claim, working

HOUR = timedelta(hours=1)
VENDOR = "http://127.0.0.1:9/"


def holding(hold: timedelta = HOUR, **more: Any) -> Settings:
    """Settings with a vendor that is probed, at an address at which nothing listens."""
    health = HealthSettings(url=VENDOR, hold=hold)
    return Settings(types={"xledger": TypeSettings(health=health, **more)})


async def show(connection: Connection, settings: Settings, finding: Verdict) -> None:
    """A probe has found the vendor so."""
    (watch,) = watches_of(settings)
    at = await connection.fetchval("select clock_timestamp()")
    await store.record(connection, watch, [Sample(at, Contact.PROBE, finding, f"it is {finding}")])


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
        assert await release_recovered(connection, settings, watches_of(settings)) == 0
        # The worker itself may not have heard of it yet: what the database says then counts.
        await show(connection, settings, Verdict.HEALTHY)
        assert await release_recovered(connection, settings, watches_of(settings)) == 1
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
    runs = await claim(connection)
    await connection.execute("delete from synkron.queue")
    await show(connection, settings, Verdict.UNREACHABLE)
    for run_id in runs:
        assert await defer(connection, run_id, "it is down", HOUR, VENDOR, DOWN)
    await show(connection, settings, Verdict.HEALTHY)
    assert await release_recovered(connection, settings, watches_of(settings)) == 4
    waits = await connection.fetch(
        "select next_attempt_at - min(next_attempt_at) over () as wait from synkron.runs order by id"
    )
    assert [row["wait"] for row in waits] == [n * timedelta(milliseconds=500) for n in range(4)]
    later = await connection.fetchval("select max(next_attempt_at) from synkron.runs")
    assert await release_recovered(connection, settings, watches_of(settings)) == 0
    # Those that come after them are placed after them.
    await add_integration(connection, "0 2 * * *")
    (another,) = await claim(connection)
    await show(connection, settings, Verdict.UNREACHABLE)
    assert await defer(connection, another, "it is down", HOUR, VENDOR, DOWN)
    await show(connection, settings, Verdict.HEALTHY)
    assert await release_recovered(connection, settings, watches_of(settings)) == 1
    placed = await connection.fetchval("select next_attempt_at from synkron.runs where id = $1", another)
    assert placed == later + timedelta(milliseconds=500)


async def test_a_run_that_is_released_late_goes_when_its_wait_would_have_ended(connection: Connection) -> None:
    settings = holding(pace=1)
    for _ in range(3):
        await add_integration(connection, "0 2 * * *")
    runs = await claim(connection)
    await show(connection, settings, Verdict.UNREACHABLE)
    for run_id in runs:
        assert await defer(connection, run_id, "it is down", timedelta(seconds=90), VENDOR, DOWN)
    await show(connection, settings, Verdict.HEALTHY)
    assert await release_recovered(connection, settings, watches_of(settings)) == 3
    rows = await connection.fetch("select next_attempt_at - deferred_at as wait from synkron.runs order by id")
    assert rows[1]["wait"] < timedelta(seconds=65)
    assert rows[2]["wait"] == timedelta(seconds=90)


async def test_what_is_deferred_and_what_is_not(connection: Connection) -> None:
    settings = holding()
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection, settings=settings)
    await show(connection, settings, Verdict.HEALTHY)
    assert not await defer(connection, run_id, "a worker has not heard yet that it is back", HOUR, VENDOR, DOWN)
    await show(connection, settings, Verdict.UNREACHABLE)
    assert not await defer(connection, run_id, "another vendor", HOUR, "http://127.0.0.1:10/", DOWN)
    assert await defer(connection, run_id, "it is down", HOUR, VENDOR, DOWN)
    assert not await defer(connection, run_id, "it waits already", HOUR, VENDOR, DOWN)
    await connection.execute(
        "update synkron.runs set deferred_at = deferred_at - interval '61 minutes', next_attempt_at = now()"
    )
    assert not await defer(connection, run_id, "it has waited its time", HOUR, VENDOR, DOWN)


async def test_what_an_operator_asks_for_passes_a_run_that_waits(
    database: Database, connection: Connection, pool: Pool
) -> None:
    settings, target = holding(), Recorder()
    one = await add_integration(connection, "0 2 * * *")
    await show(connection, settings, Verdict.UNREACHABLE)
    (waiting,) = await claim(connection, settings=settings)
    assert await defer(connection, waiting, "it is down", HOUR, VENDOR, DOWN)
    await trigger(connection, settings, Scope(integration_id=one), "ops")
    async with watching(database) as until, working(pool, target, settings):
        await until(_one_succeeded)
    assert [run.source for run in target.calls] == ["manual"]


async def test_an_endpoint_of_former_settings_holds_nothing(connection: Connection) -> None:
    settings = holding()
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection, settings=settings)
    mistyped = Settings(types={"xledger": TypeSettings(health=HealthSettings(url="http://127.0.0.1:10/", hold=HOUR))})
    await show(connection, mistyped, Verdict.UNREACHABLE)
    assert await defer(connection, run_id, "it is down", HOUR, "http://127.0.0.1:10/", DOWN)
    assert await release_recovered(connection, settings, watches_of(settings)) == 1


async def _one_succeeded(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.runs where state = 'succeeded')"))


async def _deferred(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.runs where deferred_at is not null)"))


async def _all_finished(connection: Connection) -> bool:
    return bool(await connection.fetchval("select bool_and(finished_at is not null) from synkron.runs"))


async def test_the_retry_of_a_run_that_waited_is_nobody_s_to_hurry_nor_to_wait_for(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """Its attempt failed after the wait: it keeps its backoff, and those released later are not placed behind it."""
    settings = holding(timedelta(milliseconds=1), backoff=timedelta(hours=1))
    await add_integration(connection, "0 2 * * *")
    await show(connection, settings, Verdict.UNREACHABLE)
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, Recorder(BROKEN), settings):
        await until(_failed_once)
    [retry] = await connection.fetch("select * from synkron.runs")
    assert retry["deferred_at"] is not None
    assert retry["deferred_until"] is None
    await show(connection, settings, Verdict.HEALTHY)
    assert await release_recovered(connection, settings, watches_of(settings)) == 0
    await add_integration(connection, "0 2 * * *")
    (another,) = await claim(connection, settings=settings)
    await show(connection, settings, Verdict.UNREACHABLE)
    assert await defer(connection, another, "it is down", HOUR, VENDOR, DOWN)
    await show(connection, settings, Verdict.HEALTHY)
    assert await release_recovered(connection, settings, watches_of(settings)) == 1
    [placed] = await connection.fetch("select next_attempt_at - now() as wait from synkron.runs where id = $1", another)
    assert placed["wait"] <= timedelta(seconds=1)


async def _failed_once(connection: Connection) -> bool:
    return bool(await connection.fetchval("select bool_and(failures = 1) from synkron.runs"))
