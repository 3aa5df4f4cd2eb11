"""Runs over HTTP."""

from __future__ import annotations

from synkron.operations.access.actor import Permission
from synkron.scheduler.tick import tick
from tests.conftest import Connection
from tests.support.api import SETTINGS, Api, token_of
from tests.support.fleet import add_integration, utc
from tests.support.problems import problem


async def test_a_run_is_seen_by_who_may_and_by_nobody_else(api: Api, connection: Connection) -> None:
    mine, other = [await add_integration(connection, "0 2 * * *") for _ in range(2)]
    await tick(connection, SETTINGS, scheduler="test", at=utc("2026-03-02T02:00:00"))
    everything = (await api.get("/v1/runs")).content["items"]
    assert {one["integration_id"] for one in everything} == {mine, other}
    [own] = [one for one in everything if one["integration_id"] == mine]
    shown = await api.get(f"/v1/runs/{own['run_id']}")
    assert (shown.status, shown.content) == (200, own | {"stages_ms": {}, "attempts": []})
    again = await api.get("/v1/runs", headers={"If-None-Match": (await api.get("/v1/runs")).headers["ETag"]})
    assert (again.status, again.content) == (304, "")

    tied = api.with_token(await token_of(connection, Permission.READ, own["org_id"]))
    assert (await tied.get("/v1/runs")).content == {"items": [own], "next": None}
    for one in everything:
        found = await tied.get(f"/v1/runs/{one['run_id']}")
        assert found.status == (200 if one == own else 404)
    nothing = await api.get("/v1/runs/4711")
    assert (nothing.status, nothing.content) == problem(404, "there is no run 4711")

    for token in (None, "", "synkron_t_x", "x" * 5000):
        assert (await api.with_token(token).get("/v1/runs")).status == 401
    for query in ("limit=0", "limit=x", "state=lost", "org=", f"org={'x' * 201}"):
        assert (await api.get(f"/v1/runs?{query}")).status == 422
