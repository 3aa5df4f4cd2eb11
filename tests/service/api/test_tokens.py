"""Tokens over HTTP: a secret is shown once, and kept nowhere."""

from __future__ import annotations

import pytest

from synkron.operations.access.actor import Permission
from synkron.service.api import application
from synkron.service.api.changes import access
from tests.conftest import Connection
from tests.service.api.conftest import serving, token_of
from tests.support.databases import Database
from tests.support.schema import dumped_rows


async def test_a_request_that_comes_again_is_not_shown_the_secret(
    connection: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if access.router not in application.ROUTERS:
        monkeypatch.setattr(application, "ROUTERS", [*application.ROUTERS, access.router])
    async with serving(database) as api:
        admin = api.with_token(await token_of(connection, Permission.ADMIN))
        body, headers = {"name": "ci", "permission": "read"}, {"Idempotency-Key": "k1"}
        first = await admin.post("/v1/tokens", body, headers=headers)
        assert first.status == 200
        secret = first.content["secret"]
        assert (await api.with_token(secret).get("/v1/runs")).status == 200
        again = await admin.post("/v1/tokens", body, headers=headers)
    assert again.content == first.content | {"secret": None}
    assert secret not in dumped_rows(database)
