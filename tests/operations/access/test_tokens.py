"""Tokens: who asks with one, until when, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from synkron.errors import NotFound, Refused
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.tokens import AskedToken, actor_of_token, create_token, revoke_token, tokens
from synkron.operations.audit import entries
from synkron.postgres.clock import database_clock
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_organization

READ, OPERATE, ADMIN = Permission
SETTINGS = Settings()
HOUR = timedelta(hours=1)


async def make(connection: Connection, name: str = "ci", permission: Permission = READ, **given: object) -> str:
    """A token's secret."""
    asked = AskedToken(name, permission, **given)  # type: ignore[arg-type]
    return (await create_token(connection, SETTINGS, asked, "kari"))[1]


async def test_who_has_the_secret_is_who_asks(connection: Connection) -> None:
    fjord = await add_organization(connection, "Fjord")
    secrets = [
        await make(connection, "ci", OPERATE),
        await make(connection, "fjord's page", org_id=fjord),
        await make(connection, "ansible", ADMIN),
    ]
    assert [await actor_of_token(connection, one) for one in secrets] == [
        Actor("token:ci", OPERATE),
        Actor("token:fjord's page", READ, fjord),
        Actor("token:ansible", ADMIN),
    ]
    assert await actor_of_token(connection, secrets[0][:-1] + ("A" if secrets[0][-1] != "A" else "B")) is None


async def test_a_secret_is_kept_nowhere(connection: Connection) -> None:
    secret = await make(connection)
    await actor_of_token(connection, secret)
    for table in ("tokens", "audit"):
        rows = await connection.fetch(f"select row_to_json({table})::text as text from synkron.{table}")
        assert rows
        assert all(secret not in row["text"] and secret[10:] not in row["text"] for row in rows)
    assert secret not in repr(await tokens(connection))


async def test_a_revoked_token_is_refused_at_once(connection: Connection) -> None:
    secret = await make(connection)
    assert await actor_of_token(connection, secret) is not None
    revoked = await revoke_token(connection, "ci", "ola")
    assert (revoked.state, revoked.revoked_by) == ("revoked", "ola")
    assert await actor_of_token(connection, secret) is None
    with pytest.raises(NotFound, match='no token "ci"'):
        await revoke_token(connection, "ci", "ola")


async def test_a_revoked_token_s_name_is_free(connection: Connection) -> None:
    first = await make(connection)
    with pytest.raises(Refused, match=r'a token "ci" already, made by kari \(active\)'):
        await make(connection)
    await revoke_token(connection, "ci", "kari")
    second = await make(connection)
    assert await actor_of_token(connection, first) is None
    assert await actor_of_token(connection, second) == Actor("token:ci", READ)
    assert [one.state for one in await tokens(connection)] == ["active"]
    assert [one.state for one in await tokens(connection, revoked=True)] == ["active", "revoked"]


async def test_an_expired_token_is_refused(connection: Connection) -> None:
    now = await database_clock(connection)
    secret = await make(connection, expires=now + HOUR)
    assert await actor_of_token(connection, secret) is not None
    await connection.execute("update synkron.tokens set created_at = now() - interval '2 h', expires_at = now()")
    assert await actor_of_token(connection, secret) is None
    assert [one.state for one in await tokens(connection)] == ["expired"]
    with pytest.raises(Refused, match="which is in the past"):
        await make(connection, "other", expires=now - HOUR)


async def test_an_organization_that_does_not_exist_is_refused(connection: Connection) -> None:
    with pytest.raises(NotFound, match="no organization 4711"):
        await make(connection, org_id="4711")
    assert await tokens(connection) == []
    assert await entries(connection) == []


async def test_the_use_is_noted_once_a_minute(connection: Connection) -> None:
    secret = await make(connection)

    async def used() -> tuple[object, object]:
        assert await actor_of_token(connection, secret) is not None
        row = await connection.fetchrow("select last_used_at, xmin::text from synkron.tokens")
        assert row is not None
        return tuple(row)

    first = await used()
    assert first[0] is not None
    assert await used() == first
    await connection.execute("update synkron.tokens set last_used_at = now() - interval '61 seconds'")
    again = await used()
    assert again[0] >= first[0]  # type: ignore[operator]


async def test_no_request_waits_for_another_one_that_notes_its_use(connection: Connection, database: Database) -> None:
    secret = await make(connection)
    other = await asyncpg.connect(database.url)
    async with connection.transaction():
        assert await actor_of_token(connection, secret) is not None
        await other.execute("set lock_timeout = '1ms'")
        assert await actor_of_token(other, secret) is not None
    await other.close()


async def test_of_two_of_one_name_one_is_made(connection: Connection, database: Database) -> None:
    other = await asyncpg.connect(database.url)
    found = await asyncio.gather(make(connection), make(other), return_exceptions=True)
    await other.close()
    assert sorted(type(one).__name__ for one in found) == ["Refused", "str"]


async def test_each_change_is_in_the_audit(connection: Connection) -> None:
    await make(connection, permission=OPERATE)
    await revoke_token(connection, "ci", "ola")
    revoked, created = await entries(connection)
    assert (created.author, created.action, created.subject) == ("kari", "create token", "token ci")
    assert created.after == {"permission": "operate", "org_id": None, "expires_at": None}
    assert (revoked.author, revoked.action, revoked.subject) == ("ola", "revoke token", "token ci")
    assert revoked.before == created.after


@pytest.mark.parametrize(
    "columns",
    [
        "secret_hash = 'short'",
        "permission = 'root'",
        "name = ''",
        "revoked_at = now()",
        "expires_at = created_at",
    ],
)
async def test_the_database_refuses_an_impossible_token(connection: Connection, columns: str) -> None:
    await make(connection)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f"update synkron.tokens set {columns}")
