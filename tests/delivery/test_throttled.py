"""A vendor's refusal inside a 200, through the worker: the export was not done, and is done later."""

from __future__ import annotations

import json
from datetime import timedelta

from aiohttp import web

from synkron.delivery.targets import open_targets
from synkron.ledger import history
from synkron.postgres.connection import Pool
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.delivery.targets.far_side import far_side
from tests.support.databases import Database
from tests.support.fleet import add_integration
from tests.support.working import claim, deliver

REFUSAL = json.dumps({"errors": [{"code": "SLOW_DOWN"}]})


async def test_the_run_is_tried_again(database: Database, connection: Connection, pool: Pool) -> None:
    async def vendor(request: web.Request) -> web.Response:
        del request
        return web.Response(text=REFUSAL if len(there.requests) == 1 else json.dumps({"errors": [], "rows": 7}))

    async with far_side(vendor) as there:
        codes = {"SLOW_DOWN": timedelta(milliseconds=1)}
        settings = Settings(types={"xledger": {"target": there.url, "health": {"throttled_codes": codes}}})
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        async with open_targets(settings, {}) as targets:
            (run,) = await deliver(database, pool, targets["xledger"])
    found = await history.run(connection, run_id)
    assert found is not None
    assert (run.state, run.failures, run.http_status) == ("succeeded", 1, 200)
    assert [(one.outcome, one.http_status) for one in found[1]] == [("retryable", 200), ("succeeded", 200)]
    assert found[1][0].error == f"throttled: SLOW_DOWN in the body of an HTTP 200: {REFUSAL}"
    assert len({request.headers["Idempotency-Key"] for request in there.requests}) == 1
