"""Processes report themselves, and a host whose clock is off is told so and decides nothing by it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from synkron.ledger import history
from synkron.ledger.nodes import Reporter, nodes
from synkron.runtime import WallClock, installed_version, wall_clock
from synkron.service import scheduler_loop
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING, accept, far_side
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching

HEARTBEAT = timedelta(seconds=30)


def off_by(skew: timedelta) -> WallClock:
    return lambda: wall_clock() + skew


def reporter(name: str = "a:1", clock: WallClock = wall_clock) -> Reporter:
    return Reporter(name, ["scheduler", "worker"], "1.2.3", clock)


async def states(connection: Connection, heartbeat: timedelta = HEARTBEAT) -> dict[str, str]:
    return {one.name: one.state for one in await nodes(connection, heartbeat)}


async def test_a_node_is_reported_with_all_its_roles(connection: Connection) -> None:
    one = reporter()
    await one.report(connection)
    (first,) = await nodes(connection, HEARTBEAT)
    await one.report(connection)
    (again,) = await nodes(connection, HEARTBEAT)
    assert (first.name, first.roles, first.version, first.state) == ("a:1", ("scheduler", "worker"), "1.2.3", "running")
    assert again.started_at == first.started_at <= first.seen_at < again.seen_at


async def test_states(connection: Connection) -> None:
    """Stopped when it said so; lost when it was silent for three reports, or the heartbeat if that is longer."""
    stopped, lost = reporter("stopped:1"), reporter("lost:1")
    await stopped.report(connection)
    await stopped.stop(connection)
    await lost.report(connection)
    await connection.execute("update synkron.nodes set seen_at = seen_at - interval '31 seconds'")
    await reporter("running:1").report(connection)
    assert await states(connection) == {"running:1": "running", "stopped:1": "stopped", "lost:1": "lost"}
    assert (await states(connection, timedelta(seconds=60)))["lost:1"] == "running"
    await lost.report(connection)
    assert (await states(connection))["lost:1"] == "running"


async def test_a_node_that_starts_again_under_its_name_is_running(connection: Connection) -> None:
    """As a container does, whose process is always the first of its host."""
    first = reporter()
    await first.report(connection)
    await first.stop(connection)
    await reporter().report(connection)
    assert await states(connection) == {"a:1": "running"}


async def test_nodes_are_forgotten_after_a_week(connection: Connection) -> None:
    await reporter("old:1").report(connection)
    await connection.execute("update synkron.nodes set seen_at = now() - interval '7 days 1 second'")
    await reporter("new:1").report(connection)
    assert await states(connection) == {"new:1": "running"}


@pytest.mark.parametrize("skew", [timedelta(), timedelta(minutes=7), timedelta(minutes=-3)])
async def test_the_skew_is_the_host_s_clock_minus_the_database_s(connection: Connection, skew: timedelta) -> None:
    measured = await reporter(clock=off_by(skew)).report(connection)
    (node,) = await nodes(connection, HEARTBEAT)
    assert node.skew == measured
    assert abs(measured - skew) < timedelta(seconds=2)


async def test_a_slow_round_trip_is_no_skew(connection: Connection) -> None:
    """Measured at its middle: a question that takes four seconds in all is not taken for a clock that is off."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    ticks = iter([now - timedelta(seconds=2), now + timedelta(seconds=2)])
    assert abs(await reporter(clock=lambda: next(ticks)).report(connection)) < timedelta(seconds=1)


async def test_a_clock_that_is_off_is_warned_of_once_for_each_change(connection: Connection) -> None:
    skew = timedelta()
    one = reporter(clock=lambda: wall_clock() + skew)
    told = []
    for minutes in (0, 0.05, 7, 7, 7.02, 9, 9, 0, 0, -1):
        skew = timedelta(minutes=minutes)
        with capture_logs() as lines:
            await one.report(connection)
        told.append([(line["log_level"], round(line["skew_s"])) for line in lines])
    assert told == [[], [], [("warning", 420)], [], [], [("warning", 540)], [], [("info", 0)], [], [("warning", -60)]]


@pytest.mark.parametrize("skew", [timedelta(minutes=7), timedelta(minutes=-11)])
async def test_a_host_whose_clock_is_off_decides_as_any_other(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    """What is due is claimed and delivered on the database's time, with a signature that the target takes."""
    monkeypatch.setattr(scheduler_loop, "next_tick", lambda now: now + timedelta(milliseconds=200))
    one = await add_integration(connection, "* * * * *")
    await add_integration(connection, "* * * * *", enabled=False)
    before: datetime = await connection.fetchval("select clock_timestamp()")
    stop = asyncio.Event()
    async with far_side(accept) as there, watching(database) as until:
        settings = Settings(
            types={"xledger": TypeSettings(target=there.url, secret="env:SIGNING", health={"mode": "passive"})}
        )
        roles, environment = [Role.SCHEDULER, Role.WORKER], {"SIGNING": SIGNING}
        serving = asyncio.create_task(serve(database.url, settings, roles, stop, environment, clock=off_by(skew)))
        await until(_one_succeeded)
        (node,) = await nodes(connection, HEARTBEAT)
        stop.set()
        await serving
        await until(nothing_queued)
        assert there.deliveries
        for request in there.deliveries:
            Webhook(SIGNING).verify(request.body, dict(request.headers))
    after: datetime = await connection.fetchval("select clock_timestamp()")
    assert abs(node.skew - skew) < timedelta(seconds=2)
    assert (node.version, node.state) == (installed_version(), "running")
    assert await states(connection) == {node.name: "stopped"}
    runs = await history.runs(connection)
    assert {run.integration_id for run in runs} == {one}
    assert {run.source for run in runs} == {"schedule"}
    for run in runs:
        assert before - timedelta(seconds=90) <= run.scheduled_for <= after + timedelta(seconds=30)
        if run.started_at:
            assert before <= run.started_at <= after


async def _one_succeeded(connection: Connection) -> bool:
    return len(await history.runs(connection, state="succeeded")) > 0
