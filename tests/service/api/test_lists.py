"""Lists: what each filter leaves, and that the pages of a list are the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from synkron.ledger.ticks import TickFigures, open_tick
from synkron.model import Window
from synkron.operations.access.actor import Permission
from synkron.postgres.statements import statements
from synkron.service.overview import freshness
from tests.conftest import Connection
from tests.service.api.cast import HOUR, Member, add_run, make_cast
from tests.support.api import Api, token_of

Told = dict[str, Any]
# The list, what is asked of it, and whose items are left: of A, B, C.
FILTERED = {
    "/v1/runs?": "ABC",
    "/v1/runs?org={a}": "A",
    "/v1/runs?org=Member-B": "B",
    "/v1/runs?type=xledger": "ABC",
    "/v1/runs?type=bufdir": "",
    "/v1/runs?integration={x}": "A",
    "/v1/runs?org={a}&type=bufdir": "",
    "/v1/runs?state=failed&org={a}": "A",
    "/v1/runs?state=succeeded": "",
    "/v1/runs?since={at}": "ABC",
    "/v1/runs?since={after}": "",
    "/v1/runs?until={at}": "",
    "/v1/runs?until={after}": "ABC",
    "/v1/upcoming?hours=8784": "AABBCC",
    "/v1/upcoming?hours=8784&type=bufdir": "ABC",
    "/v1/upcoming?hours=8784&org={a}": "AA",
    "/v1/overrides?": "ABC",
    "/v1/overrides?org={a}": "A",
    "/v1/overrides?type=bufdir": "",
    "/v1/silences?": "ABC",
    "/v1/silences?org={a}": "A",
    "/v1/silences?type=xledger&org={a}": "A",
    "/v1/incidents?": "ABC",
    "/v1/incidents?org={a}": "A",
    "/v1/incidents?integration={x}": "A",
    "/v1/incidents?kind=run_failed": "ABC",
    "/v1/incidents?kind=drift": "",
    "/v1/incidents?since={after}": "ABC",
    "/v1/audit?type=xledger": "ABC",
    "/v1/audit?type=bufdir": "",
    "/v1/audit?org={a}": "A",
    "/v1/audit?org=Member-B&author=kari": "B",
    "/v1/audit?integration={x}": "A",
    "/v1/audit?org={a}&since={after}": "A",
    "/v1/integrations?": "AABBCC",
    "/v1/integrations?type=xledger": "ABC",
    "/v1/integrations?org={a}&type=bufdir": "A",
    "/v1/integrations?search=member": "AABBCC",
    "/v1/integrations?search=xled": "ABC",
    "/v1/integrations?state=failing": "ABC",
    "/v1/integrations?state=paused&org={a}": "A",
    "/v1/integrations?state=disabled": "",
}


async def test_each_filter_leaves_what_it_names(api: Api, connection: Connection) -> None:
    cast = await make_cast(connection)
    mine = cast[0]
    at = (await api.get(f"/v1/runs/{mine.run_id}")).content["scheduled_for"]
    after = at[:14] + "01:00Z"
    told = {"a": mine.org_id, "x": mine.integrations[0], "at": at, "after": after}
    letters = {member.org_id: letter for member, letter in zip(cast, "ABC", strict=True)}
    for asked, left in FILTERED.items():
        answer = await api.get(asked.format_map(told))
        assert answer.status == 200, (asked, answer.text)
        assert "".join(sorted(letters[one["org_id"]] for one in answer.content["items"])) == left, asked
        assert all(one["org_name"].startswith("Member-") for one in answer.content["items"])


async def test_each_state_has_its_own_runs(api: Api, connection: Connection) -> None:
    """What follows from a state is asked for, too, so that an index finds it."""
    [member, *_] = await make_cast(connection)
    changes = {
        "claimed": "started_at = null, finished_at = null, error = null, attempt = 0, failures = 0",
        "running": "finished_at = null, error = null, failures = 0",
        "skipped": "started_at = null, error = null, attempt = 0, failures = 0",
        "succeeded": "error = null, failures = 0",
    }
    for hours, (state, changed) in enumerate(changes.items(), 3):
        number = await add_run(connection, member.org_id, member.integrations[0], "x", hours_ago=hours)
        await connection.execute(f"update synkron.runs set state = '{state}', {changed} where id = {number}")
    everything = (await api.get("/v1/runs")).content["items"]
    assert {one["state"] for one in everything} == {*changes, "failed"}
    for state in (*changes, "failed"):
        found = (await api.get(f"/v1/runs?state={state}")).content["items"]
        assert found == [one for one in everything if one["state"] == state]


async def test_pauses_are_its_own_and_the_wider_ones(api: Api, connection: Connection) -> None:
    mine, other, _ = await make_cast(connection)
    await connection.execute(
        "insert into synkron.pauses (org_id, integration_type, reason, author) "
        "values ($1, null, 'own', 'kari'), (null, 'xledger', 'type', 'kari'), (null, null, 'all', 'kari')",
        mine.org_id,
    )
    await connection.execute("update synkron.pauses set ended_at = now(), ended_by = 'kari' where reason = 'all'")
    for query, reasons in (
        (f"org={mine.org_id}", ["Member-A", "own", "type"]),
        (f"org={other.org_id}", ["Member-B", "type"]),
        (f"integration={mine.integrations[0]}", ["own", "type"]),
        (f"integration={mine.integrations[1]}", ["Member-A", "own"]),
        (f"org={other.org_id}&ended=true", ["Member-B", "all", "type"]),
    ):
        found = (await api.get(f"/v1/pauses?{query}")).content["items"]
        told = [one["reason"].removeprefix("secret of ").rstrip("-") for one in found]
        assert sorted(told) == sorted(reasons), query
        shown = (await api.get(f"/v1/integrations/{mine.integrations[0]}")).content
        assert [one["reason"] for one in shown["pauses"]] == ["type", "own"]


async def test_a_fleet_that_was_not_read_yet_is_not_an_empty_one(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process reads it for the first time, and takes long."""
    await make_cast(connection)
    async with connection.transaction():
        monkeypatch.setattr(freshness, "LONGEST_WAIT", 0.05)
        assert await connection.fetchval(statements("service/overview/refresh")["alone"])
        answer = await api.get("/v1/integrations")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    monkeypatch.undo()
    assert len((await api.get("/v1/integrations")).content["items"]) == 6


def key(name: str) -> Callable[[Told], object]:
    """What tells the items of a list apart."""
    return lambda one: one[name]


async def test_the_pages_of_a_list_are_the_list(api: Api, connection: Connection) -> None:
    cast = await make_cast(connection)
    await fill(connection, cast)
    api = api.with_token(await token_of(connection, Permission.ADMIN))
    for path, ident, most in [
        ("/v1/runs?", key("run_id"), 9),
        ("/v1/runs?type=xledger&state=failed&", key("run_id"), 9),
        ("/v1/incidents?", key("incident_id"), 9),
        ("/v1/pauses?", key("pause_id"), 9),
        ("/v1/silences?", key("silence_id"), 9),
        ("/v1/pauses?ended=true&", key("pause_id"), 9),
        ("/v1/pauses?type=bufdir&", key("pause_id"), 9),
        ("/v1/silences?ended=true&type=xledger&", key("silence_id"), 9),
        ("/v1/tokens?revoked=true&", key("token_id"), 9),
        ("/v1/overrides?", key("integration_id"), 9),
        ("/v1/overrides?type=xledger&", key("integration_id"), 9),
        ("/v1/audit?", key("audit_id"), 9),
        ("/v1/audit?type=xledger&", key("audit_id"), 3),
        ("/v1/ticks?", key("tick_id"), 9),
        ("/v1/upcoming?hours=8784&", key("integration_id"), 9),
        ("/v1/integrations?sort=type&", key("integration_id"), 9),
        ("/v1/integrations?search=member&sort=failing&", key("integration_id"), 9),
        ("/v1/health/samples?endpoint=e&", key("reason"), 9),
    ]:
        whole = (await api.get(f"{path}limit=100")).content
        everything = [ident(one) for one in whole["items"]]
        assert whole["next"] is None, path
        assert len(everything) == len(set(everything)) >= 3, path
        for limit in range(1, most):
            found: list[object] = []
            cursor = ""
            while cursor is not None:
                page = (await api.get(f"{path}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))).content
                assert len(page["items"]) >= min(limit, 1) or page["next"] is None, path
                found += [ident(one) for one in page["items"]]
                cursor = page["next"]
            assert found == everything, limit


async def test_a_page_goes_on_where_it_was_though_something_is_new(api: Api, connection: Connection) -> None:
    [member, *_] = await make_cast(connection)
    first = (await api.get("/v1/runs?limit=2")).content
    newer = await add_run(connection, member.org_id, member.integrations[1], "newer", hours_ago=0)
    second = (await api.get(f"/v1/runs?limit=2&cursor={first['next']}")).content
    ids = [one["run_id"] for one in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == 3
    assert newer not in ids
    assert second["next"] is None


async def test_a_list_of_what_stands_goes_on_where_it_was_though_it_changes(api: Api, connection: Connection) -> None:
    """What stands all the while is on one page; what ends or begins meanwhile is on none twice."""
    await make_cast(connection)
    await connection.execute(
        "insert into synkron.pauses (integration_id, reason, author, starts_at) "
        "select gen_random_uuid(), 'x', 'kari', now() - n / 2 * interval '1 minute' from generate_series(1, 6) n;"
        "insert into synkron.silences (endpoint, reason, author, starts_at, until) "
        "select 's' || n, 'x', 'kari', now() - n / 2 * interval '1 minute', now() + interval '1 day' "
        "from generate_series(1, 6) n;"
        "insert into synkron.overrides (integration_id, overlap) "
        "select gen_random_uuid(), 'skip' from generate_series(1, 6)"
    )
    end = "update synkron.{} set ended_at = now(), ended_by = 'kari' where id = $1"
    begin = {
        "pauses": "insert into synkron.pauses (integration_id, reason, author) values (gen_random_uuid(), $1, 'kari')",
        "silences": "insert into synkron.silences (endpoint, reason, author, starts_at, until) "
        "values ('e', $1, 'kari', now(), now() + interval '1 hour')",
        "overrides": "insert into synkron.overrides (integration_id, overlap) values (md5($1)::uuid, 'skip')",
    }
    ends = {one: end.format(one) for one in ("pauses", "silences")}
    ends["overrides"] = "delete from synkron.overrides where integration_id = $1"
    for noun, ident in (("pauses", "pause_id"), ("silences", "silence_id"), ("overrides", "integration_id")):
        whole = [one[ident] for one in (await api.get(f"/v1/{noun}")).content["items"]]
        found: list[object] = []
        gone: set[object] = set()
        cursor = ""
        while cursor is not None:
            page = (await api.get(f"/v1/{noun}?limit=2" + (f"&cursor={cursor}" if cursor else ""))).content
            found += [one[ident] for one in page["items"]]
            cursor = page["next"]
            # The last of this page, by which the next one begins, and one that no page has shown yet.
            coming = [one for one in whole if one not in found and one not in gone]
            for one in (found[-1], *coming[1:2]):
                gone.add(one)
                await connection.execute(ends[noun], one)
            await connection.execute(begin[noun], str(len(found)))
        assert len(found) == len(set(found)), noun
        assert set(whole) - gone <= set(found), noun
        assert len(gone) > 4, noun


async def fill(connection: Connection, cast: list[Member]) -> None:
    """More of everything, of which several are of the same moment."""
    for hours in (1, 2):
        for member in cast:
            await add_run(connection, member.org_id, member.integrations[1], "x", hours_ago=hours + 3)
    await connection.execute(
        "insert into synkron.tokens (name, permission, secret_hash, created_by) "
        "select 'token ' || n, 'read', sha256(n::text::bytea), 'kari' from generate_series(1, 4) n;"
        "update synkron.tokens set revoked_at = now(), revoked_by = 'kari' where name = 'token 2';"
        "update synkron.pauses set starts_at = now() - interval '1 minute'"
    )
    now = await connection.fetchval("select now()")
    for number in range(5):
        at = now - number // 2 * HOUR
        window = Window(at - HOUR, at)
        await open_tick(connection, at, window, TickFigures(0, 0), source="service", scheduler=f"s{number}")
    await connection.execute(
        "insert into synkron.health (endpoint, integration_types, verdict, known_by, since) "
        "values ('e', array['xledger'], 'healthy', 'run', now());"
        "insert into synkron.samples (endpoint, at, source, finding, reason, contacts) "
        "select 'e', now() - n / 3 * interval '1 minute', 'run', 'healthy', 'sample ' || n, 1 "
        "from generate_series(1, 8) n"
    )
