"""A type that nobody has is told to be none, wherever one is named; one that only rows have is known."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from synkron.operations.access.actor import Permission
from synkron.service.api.application import api as made
from synkron.service.api.application import routes_in
from tests.conftest import Connection
from tests.service.api.test_foreign import NEEDED
from tests.support.api import Api, token_of
from tests.support.fleet import add_integration

NOTHING = 'There is no integration type "nonsense".'
BODIES = {
    "pauses": {"reason": "x"},
    "silences": {"reason": "x", "for": "1h"},
    "backfill": {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:01:00Z"},
    "trigger": {"org_id": ""},
}


def asking() -> Iterator[str]:
    """Each route and page that takes a type, with what else it needs."""
    for route in routes_in(made().routes):
        if isinstance(route, APIRoute) and "type" in {one.alias for one in get_flat_params(route.dependant)}:
            query = NEEDED.get(route.path, [""])[0].replace("type=xledger&", "")
            yield f"{route.path}?{query}{'&' if query else ''}type="


async def test_a_type_that_nobody_has_is_none(api: Api, connection: Connection) -> None:
    await connection.execute("insert into synkron.watermark (at) values (now())")
    one = await add_integration(connection, "0 3 1 1 *", "fiken")
    org_id = await connection.fetchval("select org_id::text from organization_integrations where id::text = $1", one)
    paths = list(asking())
    assert len(paths) >= 20
    for path in paths:
        found = await api.get(f"{path}nonsense", headers={"Accept": "text/html"})
        assert found.status == 404, (path, found.text)
        said = found.text.replace("&#34;", '"').replace('\\"', '"')
        assert NOTHING in said, path
        assert "Known are bufdir, dynamics, fiken, xledger." in said, path
        org = f"&org={org_id}" if "/why" in path else ""
        for text in ("fiken",) if org else ("fiken", "xledger"):
            found = await api.get(f"{path}{text}{org}")
            assert found.status == 200, (path, text, found.text)
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    for path, body in BODIES.items():
        asked = body | {"integration_type": "nonsense"} | ({"org_id": org_id} if "org_id" in body else {})
        found = await operator.post(f"/v1/{path}", asked)
        assert (found.status, found.content["detail"].startswith(NOTHING[:-1])) == (404, True), (path, found.text)
