"""Tokens over HTTP: a secret is shown once, and kept nowhere."""

from __future__ import annotations

from synkron.operations.access.actor import Permission
from synkron.operations.access.tokens import AskedToken, create_token, revoke_token
from tests.conftest import Connection
from tests.service.api.cast import Member, make_cast
from tests.support.api import SETTINGS, Answer, Api, serving, token_of
from tests.support.databases import Database
from tests.support.schema import dumped_rows

HOUR = {"everything": True, "reason": "x", "for": "1h"}


async def test_a_request_that_comes_again_is_not_shown_the_secret(connection: Connection, database: Database) -> None:
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


async def test_a_token_that_has_the_name_of_another_is_not_answered_as_that_was(
    connection: Connection, database: Database
) -> None:
    """The organization's name, and its pause, are in the answer."""
    cast = await make_cast(connection)
    async with serving(database) as api:
        answers = [await _pause_all(connection, api, one) for one in cast[:2]]
    assert [one.status for one in answers] == [200, 422]
    assert not any(mark in answers[1].text for mark in cast[0].marks)


async def _pause_all(connection: Connection, api: Api, of: Member) -> Answer:
    """With a token of the one name, which is free again afterwards, and with the one key."""
    _, secret = await create_token(connection, SETTINGS, AskedToken("deploy", Permission.OPERATE, of.org_id), "test")
    answer = await api.with_token(secret).post("/v1/pauses", HOUR, headers={"Idempotency-Key": "k1"})
    await revoke_token(connection, "deploy", "test")
    return answer
