"""Who may not read: each wrong identity is refused with its own sentence, before any row is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import structlog
from aiohttp import web
from supabase import AsyncClient, AsyncClientOptions, create_async_client
from supabase_auth.types import Session, User

from synkron import DataApi, read_due_integrations
from synkron.errors import ServiceRoleRequired, SettingsError, SynkronError
from synkron.source.schedule import Source
from tests.source.sources import supabase_client
from tests.support.databases import Database
from tests.support.fleet import add_integration
from tests.support.postgrest import PUBLISHABLE_KEY, SECRET_KEY, StandIn, token

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
EXPIRED = token("service_role", exp=1_000_000_000)
USER = token("authenticated", sub="u1")
Make = Callable[[StandIn], AbstractAsyncContextManager[Source]]


def with_key(key: str) -> Make:
    @asynccontextmanager
    async def made(stand_in: StandIn) -> AsyncIterator[Source]:
        yield DataApi(stand_in.url, key)

    return made


def client_with_key(key: str) -> Make:
    return lambda stand_in: supabase_client(stand_in.url, key)


@asynccontextmanager
async def signed_in(stand_in: StandIn) -> AsyncIterator[Source]:
    """As `sign_in_with_password` leaves a client: its own event, with the session that the server gave."""
    async with supabase_client(stand_in.url, SECRET_KEY) as client:
        client._listen_to_auth_events("SIGNED_IN", session())
        yield client


@asynccontextmanager
async def with_a_stored_session(stand_in: StandIn) -> AsyncIterator[Source]:
    async with supabase_client(stand_in.url, SECRET_KEY) as client:
        await client.auth._save_session(session())
        yield client


@asynccontextmanager
async def given_a_token(stand_in: StandIn) -> AsyncIterator[Source]:
    async with supabase_client(stand_in.url, SECRET_KEY) as client:
        client.postgrest.auth(USER)
        yield client


@asynccontextmanager
async def with_the_key_in_the_wrong_header(stand_in: StandIn) -> AsyncIterator[Source]:
    options = AsyncClientOptions(headers={"Authorization": f"Bearer {SECRET_KEY}"})
    client: AsyncClient = await create_async_client(stand_in.url, "sb_secret_of_another_role_1", options)
    yield client
    await client.postgrest.aclose()
    await client.auth.close()


def session() -> Session:
    user = User(id="u1", app_metadata={}, user_metadata={}, aud="authenticated", created_at=AT)
    expiry = int(datetime(2126, 1, 1, tzinfo=UTC).timestamp())
    return Session(
        access_token=USER, refresh_token="r", expires_in=3600, expires_at=expiry, token_type="bearer", user=user
    )


# requirement R11
@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        pytest.param(with_key(token("anon")), ServiceRoleRequired, "is the anon key", id="anon"),
        pytest.param(with_key(USER), ServiceRoleRequired, "session of a signed-in user", id="user's token as key"),
        pytest.param(with_key(PUBLISHABLE_KEY), ServiceRoleRequired, "is a publishable key", id="publishable"),
        pytest.param(with_key(EXPIRED), ServiceRoleRequired, "expired on 2001-09-09", id="expired"),
        pytest.param(with_key(""), SettingsError, "key is empty", id="empty"),
        pytest.param(client_with_key(token("anon")), ServiceRoleRequired, "is the anon key", id="client, anon"),
        pytest.param(
            client_with_key(PUBLISHABLE_KEY), ServiceRoleRequired, "is a publishable key", id="client, publishable"
        ),
        pytest.param(client_with_key(EXPIRED), ServiceRoleRequired, "expired on 2001-09-09", id="client, expired"),
        pytest.param(signed_in, ServiceRoleRequired, "A user is signed in", id="client, signed in"),
        pytest.param(with_a_stored_session, ServiceRoleRequired, "A user is signed in", id="client, stored session"),
        pytest.param(given_a_token, ServiceRoleRequired, "A user is signed in", id="client, given a user's token"),
        pytest.param(
            with_the_key_in_the_wrong_header, ServiceRoleRequired, "something else than its own key", id="wrong header"
        ),
    ],
)  # fmt: skip
async def test_a_wrong_identity_sends_no_request(
    make: Make, error: type[SynkronError], says: str, stand_in: StandIn
) -> None:
    with pytest.raises(error, match=says):
        async with make(stand_in) as source:
            await read_due_integrations(AT, source)
    assert [request.path for request in stand_in.requests] == []


async def test_a_user_who_signs_in_during_the_read_changes_nothing(database: Database, stand_in: StandIn) -> None:
    connection = await asyncpg.connect(database.url)
    for _ in range(2):
        await add_integration(connection, "0 2 * * *")
    await connection.close()
    stand_in.max_rows = 1
    async with supabase_client(stand_in.url, SECRET_KEY) as client:
        first = client.postgrest

        def sign_in(number: int, answer: web.Response) -> web.Response:
            if number == 0:
                client._listen_to_auth_events("SIGNED_IN", session())
            return answer

        stand_in.tamper = sign_in
        assert len(await read_due_integrations(AT, client)) == 2
        assert client.postgrest is not first
        await first.aclose()
    assert {request.headers["Authorization"] for request in stand_in.requests} == {f"Bearer {SECRET_KEY}"}


async def test_a_key_that_expires_is_refused_at_the_next_read(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = AT + timedelta(minutes=1)
    monkeypatch.setattr("synkron.source.data_api.client.wall_clock", lambda: AT)
    source = DataApi(stand_in.url, token("service_role", exp=soon.timestamp()))
    monkeypatch.setattr("synkron.source.data_api.client.wall_clock", lambda: soon)
    with pytest.raises(ServiceRoleRequired, match="expired on 2026-03-02 02:01 UTC"):
        await read_due_integrations(AT, source)
    assert stand_in.requests == []


# requirement R11
@pytest.mark.parametrize("make", [with_key, client_with_key])
async def test_a_key_that_the_server_does_not_know(make: Callable[[str], Make], stand_in: StandIn) -> None:
    async with make("sb_secret_of_another_project")(stand_in) as source:
        with pytest.raises(ServiceRoleRequired, match="not one of this project") as refused:
            await read_due_integrations(AT, source)
    assert "another" not in str(refused.value)
    assert len(stand_in.requests) == 1


# requirement R11
@pytest.mark.parametrize("make", [with_key, client_with_key])
async def test_a_role_without_grants_is_told_which(
    make: Callable[[str], Make], database: Database, stand_in: StandIn
) -> None:
    """The server's own hint is passed on."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("revoke all on organization_integrations from service_role")
    await superuser.close()
    async with make(SECRET_KEY)(stand_in) as source:
        with pytest.raises(ServiceRoleRequired, match=r"grant select on public\.organizations") as refused:
            await read_due_integrations(AT, source)
    assert "GRANT SELECT ON public.organization_integrations TO service_role" in str(refused.value)


# requirement R11
@pytest.mark.parametrize("make", [with_key, client_with_key])
async def test_a_legacy_key_reads_past_row_security_and_costs_one_warning(
    make: Callable[[str], Make], database: Database, stand_in: StandIn
) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    one = await add_integration(superuser, "0 2 * * *")
    await superuser.execute("alter table organization_integrations enable row level security")
    await superuser.close()
    with structlog.testing.capture_logs() as logs:
        async with make(token("service_role"))(stand_in) as source:
            found: Any = [await read_due_integrations(AT, source) for _ in range(2)]
    assert [[due.integration_id for due in each] for each in found] == [[one], [one]]
    [warning] = logs
    assert "legacy service_role key" in warning["reason"]
