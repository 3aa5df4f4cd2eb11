"""What an endpoint is told over HTTP of runs that an operator asked for: triggered, backfilled, retried."""

from __future__ import annotations

import json
from typing import Any

from synkron.ledger.keys import idempotency_key
from synkron.model import Scope
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.runs import cancel, retry
from synkron.operations.trigger import trigger
from synkron.postgres.connection import Pool
from tests.conftest import Connection
from tests.delivery.targets.far_side import FarSide, accept, answering, delivered
from tests.support.databases import Database
from tests.support.fleet import add_integration, installation_of, utc
from tests.support.working import MOMENT, QUICK, claim, deliver

DAILY = "0 2 * * *"


async def test_a_triggered_run(database: Database, connection: Connection, pool: Pool) -> None:
    one = await add_integration(connection, DAILY)
    await claim(connection)
    async with delivered() as (target, there):
        await deliver(database, pool, target)
        done = await trigger(connection, QUICK, Scope(integration_id=one), "kari")
        await deliver(database, pool, target)
    decided, told = _told(there)
    assert decided["period_end"] == f"{MOMENT}Z"
    now = done.plan.at.isoformat().replace("+00:00", "Z")
    assert (told["source"], told["run_id"], told["idempotency_key"]) == ("manual", done.run_id, done.key)
    assert (told["scheduled_for"], told["period_start"], told["period_end"]) == (now, decided["period_end"], now)


async def test_a_backfilled_run(database: Database, connection: Connection, pool: Pool) -> None:
    """It has the key that the skipped decision of its moment has."""
    one = await add_integration(connection, DAILY)
    [run_id] = await claim(connection)
    await cancel(connection, [run_id], "kari", "not yet")
    asked = AskedBackfill(Scope(integration_id=one), utc(MOMENT), utc("2026-03-02T03:00:00"))
    _, [again] = await backfill(connection, QUICK, asked, "kari")
    async with delivered() as (target, there):
        await deliver(database, pool, target)
    [told] = _told(there)
    assert (told["source"], told["run_id"], told["attempt"]) == ("backfill", again, 1)
    assert told["idempotency_key"] == idempotency_key(await installation_of(connection), one, utc(MOMENT))
    assert (told["period_start"], told["period_end"]) == ("2026-03-01T02:00:00Z", f"{MOMENT}Z")
    keys = await connection.fetch("select key, state from synkron.runs order by id")
    assert [tuple(row) for row in keys] == [
        (told["idempotency_key"], "skipped"),
        (told["idempotency_key"], "succeeded"),
    ]


async def test_a_retried_run(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, DAILY)
    [run_id] = await claim(connection)
    async with delivered(answering(422)) as (target, there):
        await deliver(database, pool, target)
        await retry(connection, QUICK, [run_id], "kari")
        there.answer = accept
        [run] = await deliver(database, pool, target)
    first, second = _told(there)
    assert second == first | {"attempt": 2}
    assert (run.state, run.failures, run.error) == ("succeeded", 0, None)


def _told(there: FarSide) -> list[dict[str, Any]]:
    for request in there.requests:
        assert request.headers["Idempotency-Key"] == json.loads(request.body)["idempotency_key"]
    return [json.loads(request.body) for request in there.requests]
