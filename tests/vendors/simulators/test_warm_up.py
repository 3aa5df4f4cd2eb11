"""Cold starts and warm-ups, against an Edge Function, through the whole of it: tick, warm-up, worker and ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.http import WarmUpResult
from synkron.delivery.warm_up.send import WarmUp, warm_up
from synkron.delivery.warm_up.warmth import warmth_by_header
from synkron.model import Warmth
from synkron.postgres.connection import Pool
from synkron.reports.drift import read_drift
from synkron.scheduler.tick import Tick, tick
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration
from tests.support.stepped_clock import install_clock, set_clock
from tests.support.working import deliver
from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.edge_function import EdgeFunction, edge_function

COLD_START = 0.5
HALF_MINUTE = timedelta(seconds=30)
HOUR = timedelta(hours=1)


class Stage:
    """A function and Synkron, both by one clock that a test sets."""

    def __init__(
        self, database: Database, connection: Connection, pool: Pool, vendor: EdgeFunction, clock: SteppedClock
    ) -> None:
        self._database = database
        self._connection = connection
        self._pool = pool
        self._clock = clock
        self._settings = Settings(types={"xledger": {"target": vendor.sync_url}})

    async def tick_at(self, moment: datetime) -> Tick:
        """Tick half a minute before the moment."""
        self._clock.now = moment - HALF_MINUTE
        await set_clock(self._connection, self._clock.now)
        return await tick(self._connection, self._settings, scheduler="test")

    async def warm_up(self, done: Tick) -> list[tuple[WarmUp, WarmUpResult]]:
        """Warm up for what the tick claimed."""
        async with open_targets(self._settings, {}) as targets:
            return await warm_up(self._connection, targets, done.ahead, self._settings)

    async def run_at(self, moment: datetime) -> dict[str, Any]:
        """Let the worker run what the moment calls for; answers how it met the function."""
        self._clock.now = moment
        async with open_targets(self._settings, {}) as targets:
            await deliver(self._database, self._pool, targets["xledger"])
        row = await self._connection.fetchrow(
            "select outcome, duration, warmth, warmth_known_by, cold_start_cost from synkron.attempts "
            "where scheduled_for = $1",
            moment,
        )
        assert row is not None
        return dict(row)


# requirement R16.2
async def test_without_a_warm_up_a_run_is_a_cold_start_and_with_it_a_warm_hit(
    database: Database, connection: Connection, pool: Pool, clock: SteppedClock
) -> None:
    """The function is retired after a minute, and its runs come every hour."""
    await add_integration(connection, "0 * * * *")
    await install_clock(connection, NOON)
    async with edge_function(clock=clock, cold_start=COLD_START) as vendor:
        stage = Stage(database, connection, pool, vendor, clock)

        claimed = await stage.tick_at(NOON)
        assert claimed.ahead == {"xledger": NOON}
        cold = await stage.run_at(NOON)

        claimed = await stage.tick_at(NOON + HOUR)
        [(_, met)] = await stage.warm_up(claimed)
        warm = await stage.run_at(NOON + HOUR)

    assert (cold["outcome"], cold["warmth"], cold["warmth_known_by"]) == ("succeeded", "cold", "header")
    assert cold["cold_start_cost"] == cold["duration"] >= timedelta(seconds=COLD_START)
    assert (met.http_status, warmth_by_header(met.duration, met.uptime)) == (204, Warmth.COLD)
    assert met.duration >= timedelta(seconds=COLD_START)
    assert (warm["outcome"], warm["warmth"], warm["warmth_known_by"]) == ("succeeded", "warm", "header")
    assert warm["cold_start_cost"] is None
    assert warm["duration"] < cold["duration"] / 2
    assert (vendor.boots, vendor.warm_ups, len(vendor.runs)) == (2, 1, 2)
    assert not vendor.repeats
    drift = await read_drift(connection, NOON - HOUR, NOON + HOUR, timedelta(minutes=5), most=1)
    assert [(one.integration_type, one.warm, one.cold) for one in drift.types] == [("xledger", 1, 1)]
