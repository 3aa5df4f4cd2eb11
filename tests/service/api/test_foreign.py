"""Who is tied to one organization learns nothing of others: not a byte of them, nor that anything is done to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from synkron.operations.access.actor import Permission
from synkron.service.api.application import api as routes_of
from synkron.settings.load import Settings
from synkron.vendors.watches import watches_of
from tests.conftest import Connection
from tests.service.api.cast import Member, add_member, add_run, make_cast
from tests.support.api import Api, serving, token_of
from tests.support.databases import Database
from tests.support.fleet import add_organization

WATCHING = Settings.model_validate({"listen": "127.0.0.1:0", "types": {"xledger": {"target": "http://127.0.0.1:9/"}}})
FLEET = {"/v1/audit", "/v1/doctor", "/v1/forecast", "/v1/health", "/v1/health/samples", "/v1/nodes", "/v1/status"}
FLEET |= {"/v1/ticks", "/v1/tokens", "/metrics"}
AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)  # noqa: TID251
RANGE = f"since={AT - timedelta(hours=3):%Y-%m-%dT%H:%MZ}&until={AT + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
# What a route needs, or what makes its answer the same a moment later.
NEEDED = {
    "/v1/why": [f"{one}&at={AT:%Y-%m-%dT%H:%MZ}" for one in ("type=xledger", "integration={integration_id}")],
    "/v1/explain": ["expression=0 2 * * *&at=2026-11-23T02:00Z"],
    "/v1/drift": [RANGE],
    "/v1/verify": [RANGE, f"{RANGE}&strict=true"],
    "/v1/report": [RANGE, f"{RANGE}&format=csv"],
    "/v1/health/samples": ["endpoint=x"],
    "/v1/upcoming": ["hours=8784"],
    "/v1/incidents": ["", "closed=true"],
    "/v1/pauses": ["", "ended=true", "type=xledger"],
    "/v1/silences": ["", "ended=true"],
}
# What moves with the clock.
NOW = re.compile(r'"(now|updated_at)": "[^"]*"')


@pytest.fixture
async def api(database: Database, connection: Connection) -> AsyncIterator[Api]:
    """A client that may read everything, of an API that watches a vendor."""
    async with serving(database, WATCHING) as there:
        yield there.with_token(await token_of(connection))


async def test_no_route_tells_of_others(api: Api, connection: Connection) -> None:
    mine, *others = await make_cast(connection)
    tied = api.with_token(await token_of(connection, Permission.ADMIN, mine.org_id))
    hidden = {mark for other in others for mark in other.marks}
    await blame(connection, others[0])
    before = {}
    for route, path in asked(mine):
        answer = await tied.get(path)
        before[path] = answer.status, answer.text
        assert answer.status == (403 if route in FLEET else 200), (path, answer.text)
        shown = answer.text + str(dict(answer.headers))
        assert not [mark for mark in hidden if mark in shown], path
    everything = [answer for _, path in asked(mine) if (answer := await api.get(path)).status == 200]
    told = "".join(answer.text for answer in everything)
    assert [mark for mark in hidden if mark not in told.replace("\\u001b", "\x1b")] == [], "the test would see it"

    await do_something_to(connection, others)
    for _, path in asked(mine):
        answer = await tied.get(path)
        assert (answer.status, NOW.sub("", answer.text)) == (before[path][0], NOW.sub("", before[path][1])), path


async def test_what_is_foreign_is_as_unknown(api: Api, connection: Connection) -> None:
    mine, *others = await make_cast(connection)
    tied = api.with_token(await token_of(connection, Permission.ADMIN, mine.org_id))
    unknown = Member(mine.org_id.replace("0", "f"), "?", ("00000000-0000-4000-8000-00000000dead",) * 2, 4711, 4712)
    for route, path in asked(unknown):
        if "{" in route:
            nothing = await tied.get(path)
            assert nothing.status == 404, path
            for other in others:
                foreign = await tied.get(path_of(route, other))
                assert foreign.status == 404, path
                assert foreign.text.replace(own(route, other), "X") == nothing.text.replace(own(route, unknown), "X")
    for other in others:
        whose = f"org={other.org_id}"
        for query in (f"integration={other.integrations[0]}", whose, f"{whose}&type=xledger"):
            found = await tied.get(f"/v1/why?{query}")
            assert found.status in (404, 422), query
            assert other.name[:9] not in found.text
            listed = await tied.get(f"/v1/runs?{query}")
            assert listed.status == 404


async def test_who_has_nothing_is_told_of_nobody(api: Api, connection: Connection) -> None:
    """The words for people at a terminal name organizations that have what is asked for."""
    cast = await make_cast(connection)
    empty = await add_organization(connection, "Empty")
    tied = api.with_token(await token_of(connection, Permission.READ, empty))
    unknown = "there is no such integration"
    for query, words in (
        ("type=xledger", unknown),
        (f"type=xledger&org={empty}", unknown),
        ("integration=x", 'There is no integration "x".'),
    ):
        answer = await tied.get(f"/v1/why?{query}")
        assert (answer.status, answer.content["detail"]) == (404, words)
    everybody = await api.get(f"/v1/why?type=xledger&org={empty}")
    assert cast[0].name[:9] in everybody.text, "the test would see it"


async def blame(connection: Connection, other: Member) -> None:
    """Each vendor's health is known by a run of somebody else, because of which an endpoint is silenced, too."""
    await connection.execute(
        "insert into synkron.silences (endpoint, reason, author, starts_at, until) "
        "values ('e', $1, 'kari', now(), now() + interval '1 day')",
        f"secret of {other.name[:9]}",
    )
    for watch in watches_of(WATCHING):
        await connection.execute(
            "insert into synkron.health (endpoint, integration_types, verdict, reason, known_by, since) "
            "values ($1, $2, 'degraded', $3, 'run', now())",
            watch.endpoint,
            list(watch.integration_types),
            f"a run failed at its target: secret of {other.name[:9]}",
        )


async def do_something_to(connection: Connection, others: list[Member]) -> None:
    """More of everything, for everybody else."""
    for other in others:
        await add_run(connection, other.org_id, other.integrations[0], "more", hours_ago=3)
        await add_run(connection, other.org_id, other.integrations[1], "more")
        await connection.execute("delete from organization_integrations where id::text = $1", other.integrations[1])
        await connection.execute(
            "insert into synkron.audit (author, action, subject, before) values ('kari', 'retry', 'runs 1, 2', $1)",
            f'{{"runs": [{{"run": {other.run_id}}}]}}',
        )
    await add_member(connection, "D")


def asked(whose: Member) -> Iterator[tuple[str, str]]:
    """Each GET route of the document, with an address for it."""
    document = routes_of().openapi()
    for route, methods in document["paths"].items():
        if "get" in methods and route != "/readyz":
            for query in NEEDED.get(route, [""]):
                written = query.replace("{integration_id}", whose.integrations[0])
                yield route, path_of(route, whose) + (f"?{written}" if written else "")


def path_of(route: str, whose: Member) -> str:
    return route.format_map(variables(whose))


def own(route: str, whose: Member) -> str:
    """What the route's variable is for the member."""
    return str(next(value for name, value in variables(whose).items() if f"{{{name}}}" in route))


def variables(whose: Member) -> dict[str, object]:
    return {"run_id": whose.run_id, "incident_id": whose.incident_id, "integration_id": whose.integrations[0]}
