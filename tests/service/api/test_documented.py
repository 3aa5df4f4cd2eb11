"""Every answer has the form that the document promises, and nothing that it does not name."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from synkron.operations.access.actor import Permission
from synkron.service.api.application import ROUTERS
from tests.cli.test_same_as_api import keys_of, make_fleet
from tests.conftest import Connection
from tests.service.api.cast import make_cast
from tests.service.api.test_foreign import asked
from tests.support.api import Api, token_of

# Their keys depend on what is counted, or are the application's own.
FREE = ("undelivered", "uncovered", "peak", "most_waiting", "touches", "before", "after", "values", "reasons", "stages")
NOTHING_TO_COMPARE = ("/metrics", "/v1/doctor", "/v1/health/samples", "format=csv", "/healthz", "/v1/why?type")


async def test_every_answer_is_as_documented(api: Api, connection: Connection) -> None:
    api = api.with_token(await token_of(connection, Permission.ADMIN))
    [member, *_] = await make_cast(connection)
    await make_fleet(connection)
    await connection.execute(
        "insert into synkron.samples (endpoint, at, source, finding, reason, contacts, latency) "
        "values ('x', now(), 'run', 'healthy', 'HTTP 200', 1, interval '1 ms')"
    )
    forms = {
        route.path: route.responses[200]["model"]
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.responses.get(200, {}).get("model")
    }
    for route, path in asked(member):
        if any(one in path for one in NOTHING_TO_COMPARE):
            continue
        answer = await api.get(path)
        assert answer.status == 200, path
        form: TypeAdapter[Any] = TypeAdapter(forms[route])
        read = form.dump_python(form.validate_json(answer.text), mode="json")
        said, promised = set(keys_of(answer.content)), set(keys_of(read))
        assert {one for one in said - promised if not any(f".{free}" in one for free in FREE)} == set(), path
        assert promised - said == set(), path


async def test_the_document_is_openapi_3_1_and_names_each_operation_once(api: Api) -> None:
    document = (await api.get("/v1/openapi.json")).content
    assert document["openapi"].startswith("3.1")
    operations = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(operations) == len(set(operations))
    summaries = [one.get("description", "") for methods in document["paths"].values() for one in methods.values()]
    assert all(summaries), "each says what it answers"
