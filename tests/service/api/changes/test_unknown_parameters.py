"""A parameter that a route does not have, or that comes twice, is refused: it would be taken for one that counts."""

from __future__ import annotations

import re

from fastapi.routing import APIRoute

from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from synkron.service.api.application import api as made
from synkron.service.api.application import routes_in
from synkron.service.api.cookies import form_token
from synkron.service.api.parameters import whatever
from synkron.service.dashboard.actions import ACTIONS
from tests.conftest import Connection
from tests.service.api.changes.test_matrix import requests_of
from tests.support.api import Api, token_of
from tests.support.changes import SIGNED, Cast, everything, filled


async def test_every_route_has_its_own_parameters_alone(operator: Api, connection: Connection, cast: Cast) -> None:
    """Without the refusal, the changes would be made: none of them is a dry run."""
    admin = operator.with_token(await token_of(connection, Permission.ADMIN))
    document = (await admin.get("/v1/openapi.json")).content["paths"]
    before = await everything(connection)
    asked = [one for one in requests_of(cast) if one.route.startswith("/v1/")]
    assert len(asked) > 35
    for one in asked:
        promised = document[one.route][one.method.lower()]
        assert "422" in promised["responses"], one.route
        has = sorted(each["name"] for each in promised.get("parameters", []) if each["in"] == "query")
        path, _, query = one.path.replace("?dry_run=true", "").partition("?")
        more = {} if one.body is None else {"json": one.body}
        said = {"banana": f"Known are {', '.join(has) or 'none'}.", **dict.fromkeys(has, "Give it once.")}
        for name, words in said.items():
            asks = f"{name}=x" if name == "banana" else f"{name}=x&{name}=x"
            answer = await admin.ask(one.method, f"{path}?{query}&{asks}", **more)
            assert answer.status == 422, (one.route, asks, answer.text)
            assert [each for each in answer.content["faults"] if each.startswith(f"query.{name}: ") and words in each]
        if one.route not in SIGNED:
            assert (await admin.with_token(None).ask(one.method, f"{path}?banana=1")).status == 401, one.route
    assert await everything(connection) == before


# A probe of a load balancer, what an identity provider says, what others add to a link, and what the action checks.
OTHERS = re.compile(r"\{(asked|secret|org_id)\}")
ANY = {"/healthz", "/readyz", "/login", "/login/{secret}", "/login/oidc", "/login/callback", "/act/{name}"}


def test_few_routes_take_any() -> None:
    routes = [one for one in routes_in(made().routes) if isinstance(one, APIRoute)]
    assert len(routes) == len(list(routes_in(made().routes)))
    assert {one.path for one in routes if any(each.call is whatever for each in one.dependant.dependencies)} == ANY


async def test_every_other_route_refuses_what_it_does_not_know(
    operator: Api, connection: Connection, cast: Cast
) -> None:
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.ADMIN, None)
    assert found is not None
    session, before = found[1], await everything(connection)
    headers = {"Cookie": f"synkron-session={session}", "Sec-Fetch-Site": "same-origin"}
    anybody = operator.with_token(None)
    for route in routes_in(made().routes):
        for method in (route.methods or set()) - {"HEAD"}:
            for name in ACTIONS if "{name}" in route.path and "/act/" in route.path else ("app.css",):
                path = filled(OTHERS.sub("x", route.path.replace("{name}", name).replace(":path", "")), cast.fjord)
                form = {} if method == "GET" else {"data": {"form_token": form_token(session)}}
                answer = await anybody.ask(method, f"{path}?banana=1", headers=headers, allow_redirects=False, **form)
                known = answer.status != 422 or "banana" not in answer.text
                assert known is (method == "GET" and route.path in ANY - {"/act/{name}"}), (method, path, answer.text)
    assert await everything(connection) == before
    assert await sessions.actors_of(connection, [session])


async def test_the_one_that_may_be_meant_is_named(operator: Api) -> None:
    answer = await operator.get("/v1/runs?org_id=acme")
    assert answer.content["detail"] == (
        "query.org_id: There is no such parameter. Did you mean org? "
        "Known are cursor, integration, limit, org, since, state, type, until."
    )
