"""HEAD is answered as GET is, without the body; a method that a path does not have is told those that it has."""

from __future__ import annotations

import re
from asyncio import open_connection
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute

from synkron.operations.access.actor import Permission
from synkron.service.api.application import ROUTERS
from tests.conftest import Connection
from tests.service.api.cast import make_cast
from tests.service.api.test_foreign import asked
from tests.support.api import Api, token_of

PAGES = ("/", "/runs", "/night", "/live", "/login", "/nowhere", "/v1/runs/4711", "/v1/openapi.json", "/readyz")


async def test_head_is_get_without_its_body(api: Api, connection: Connection) -> None:
    member, *_ = await make_cast(connection)
    admin = api.with_token(await token_of(connection, Permission.ADMIN))
    for path in (*(path for _, path in asked(member)), *PAGES):
        head = await admin.ask("HEAD", path)
        assert head.text == "", path
        if path != "/live":  # which has no end
            answer = await admin.get(path)
            names = ("Content-Type", "Content-Security-Policy", "Cache-Control", "WWW-Authenticate", "Location")
            assert head.status == answer.status, path
            assert [head.headers.get(one) for one in names] == [answer.headers.get(one) for one in names], path
    stranger = await api.with_token(None).ask("HEAD", "/v1/runs")
    assert (stranger.status, stranger.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_no_byte_follows_the_head_of_an_answer(api: Api) -> None:
    place = urlsplit(api.url)
    reader, writer = await open_connection(place.hostname, place.port)
    heads = f"HEAD /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
    writer.write(f"{heads}\r\n{heads}Connection: close\r\n\r\n".encode())
    first, second, rest = (await reader.read()).decode().split("\r\n\r\n")
    writer.close()
    assert first.startswith("HTTP/1.1 200 ")
    assert second.startswith("HTTP/1.1 200 ")
    assert rest == ""


async def test_a_method_that_a_path_does_not_have(api: Api, connection: Connection) -> None:
    admin = api.with_token(await token_of(connection, Permission.ADMIN))
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
    for path in {re.sub(r"\{[^}]*\}", "4711", one.path) for one in routes}:
        has = {method for one in routes if one.path_regex.match(path) for method in one.methods or ()}
        has |= {"HEAD"} if "GET" in has else set()
        for method in {"OPTIONS", "HEAD", "GET", "PUT", "DELETE", "PATCH", "TRACE"} - has:
            answer = await admin.ask(method, path)
            assert (answer.status, answer.headers["Allow"]) == (405, ", ".join(sorted(has))), (method, path)
            assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/1", "/setup", "/v1/openapi.json"])
async def test_pages_and_the_document_have_methods_too(api: Api, path: str) -> None:
    for method in ("OPTIONS", "POST"):
        answer = await api.ask(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD"), method
