"""A parameter that a route does not have, or that comes twice, is refused: it would be taken for one that counts."""

from __future__ import annotations

from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.service.api.changes.cast import Cast, everything
from tests.service.api.changes.test_matrix import SIGNED, requests_of
from tests.service.api.conftest import Api, token_of


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


async def test_the_one_that_may_be_meant_is_named(operator: Api) -> None:
    answer = await operator.get("/v1/runs?org_id=acme")
    assert answer.content["detail"] == (
        "query.org_id: There is no such parameter. Did you mean org? "
        "Known are cursor, integration, limit, org, since, state, type, until."
    )
