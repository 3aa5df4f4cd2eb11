"""What open pages are told: that something changed, whoever changed it, and nothing to who must not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector

from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from synkron.postgres.connection import Executor, connected
from synkron.service.api import connection as connections
from synkron.service.dashboard import live
from tests.conftest import Connection
from tests.support.api import Api, serving, token_of
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, blocked

PATIENCE = 30.0


@asynccontextmanager
async def listening(api: Api, session: ClientSession, topics: str = "") -> AsyncIterator[ClientResponse]:
    headers = {"Authorization": f"Bearer {api.token}"}
    async with session.get(f"{api.url}/live?topics={topics}", headers=headers, timeout=ClientTimeout(None)) as stream:
        if stream.status == 200:
            assert await stream.content.readline() == b"retry: 3000\n"
        yield stream


async def told(stream: ClientResponse) -> str:
    """The topics of the next event of changes."""
    async with asyncio.timeout(PATIENCE):
        while await stream.content.readline() != b"event: changed\n":
            pass
        return (await stream.content.readline()).decode().removeprefix("data: ").strip()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(limit=0)) as made:
        yield made


async def test_a_page_is_told_of_its_topics_alone(api: Api, connection: Connection, session: ClientSession) -> None:
    async with listening(api, session, "audit+integrations+lost") as both, listening(api, session, "incidents") as none:
        await connection.execute("insert into synkron.audit (author, action, subject) values ('kari', 'x', 'y')")
        await connection.close()  # hands over what it has counted
        assert await told(both) == "audit"
        assert not none.content.is_eof()


async def test_an_edit_of_the_application_s_table_is_told(
    api: Api, connection: Connection, session: ClientSession
) -> None:
    async with listening(api, session, "integrations") as stream:
        await add_integration(connection, "0 2 * * *")
        await connection.close()
        assert await told(stream) == "integrations"


@pytest.mark.waits(minutes=0.1)
async def test_an_incident_that_is_only_seen_again_is_no_news(
    api: Api, connection: Connection, session: ClientSession
) -> None:
    """Each tick writes when it saw the open ones: pages that do not show that would load themselves at each tick."""
    add = (
        "insert into synkron.incidents (kind, subject, title, detail, remedy, since, opened_at, seen_at) "
        "values ('run_failed', 's', 't', 'd', 'r', now(), now(), now())"
    )
    seen = "update synkron.incidents set seen_at = now()"
    other = "insert into synkron.audit (author, action, subject) values ('kari', 'x', 'y')"
    changes = [
        (f"{seen}; {other}", "audit"),
        ("update synkron.incidents set detail = 'e'", "incidents"),
        ("update synkron.incidents set acknowledged_at = now(), acknowledged_by = 'kari'", "incidents"),
        (f"{seen}; {other}", "audit"),
        ("update synkron.incidents set closed_at = now()", "incidents"),
        (add, "incidents"),
    ]
    await connection.execute(add)
    async with listening(api, session, "incidents+audit") as stream, listening(api, session, "seen") as page_of_one:
        for statement, topics in changes:
            await connection.execute(f"{statement}; select pg_stat_force_next_flush()")
            assert await told(stream) == topics, statement
        assert await told(page_of_one) == "seen"


async def test_a_notification_of_the_queue_is_told_at_once(
    api: Api, connection: Connection, session: ClientSession
) -> None:
    async with listening(api, session, "runs") as stream:
        await connection.execute("select pg_notify('synkron_queue', '')")
        assert await told(stream) == "runs"


async def test_who_is_tied_is_told_at_fixed_times_whatever_happens(
    api: Api, connection: Connection, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SIGN", 0.05)
    tied = api.with_token(await token_of(connection, Permission.READ, await add_organization(connection)))
    async with listening(tied, session, "runs+audit") as stream:
        assert [await told(stream) for _ in range(3)] == ["any"] * 3


async def test_open_pages_take_no_connection_from_others(
    database: Database, connection: Connection, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the service wait for them when it stops."""
    monkeypatch.setattr(connections, "MOST", 4)
    monkeypatch.setattr(live, "MOST_STREAMS", 20)
    secret = await token_of(connection)
    async with serving(database) as there, AsyncExitStack() as pages:
        api = there.with_token(secret)
        for _ in range(20):
            stream = await pages.enter_async_context(listening(api, session))
            assert stream.status == 200
        for _ in range(6):
            assert (await api.get("/healthz")).status == 200
        one_more = await pages.enter_async_context(listening(api, session))
        assert one_more.status == 503
        assert one_more.headers["Retry-After"] == "30"


async def test_a_database_that_is_away_is_told_and_that_it_is_back(
    api: Api, connection: Connection, session: ClientSession
) -> None:
    async with listening(api, session, "runs") as stream:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(PATIENCE):
            while await stream.content.readline() != b"event: away\n":
                pass
        assert await told(stream) == "runs"


async def log_out(connection: Executor, _: str) -> None:
    await connection.execute("delete from synkron.sessions")


async def revoke(connection: Executor, _: str) -> None:
    await connection.execute("update synkron.tokens set revoked_at = now(), revoked_by = 'x'")


async def permit_less(connection: Executor, _: str) -> None:
    await connection.execute("update synkron.people set permission = 'read'")


async def disable(connection: Executor, _: str) -> None:
    await connection.execute("update synkron.people set disabled_at = now(), disabled_by = 'x'")


async def expire(connection: Executor, _: str) -> None:
    await connection.execute(
        "update synkron.sessions set created_at = now() - interval '2 s', expires_at = now() - interval '1 s'"
    )


@pytest.mark.parametrize("is_tied", [False, True])
async def test_a_stream_ends_with_its_session_and_tells_nothing_more(
    api: Api, connection: Connection, session: ClientSession, database: Database, is_tied: bool
) -> None:
    org_id = await add_organization(connection) if is_tied else None
    for end in (log_out, disable, expire, permit_less, revoke):
        await connection.execute("delete from synkron.sessions; delete from synkron.people; delete from synkron.tokens")
        found = await sessions.log_in_by_oidc(connection, "kari", Permission.OPERATE, org_id)
        assert found is not None
        secret = await token_of(connection, Permission.READ, org_id) if end is revoke else found[1]
        by = {"Authorization": f"Bearer {secret}"} if end is revoke else {"Cookie": f"synkron-session={secret}"}
        async with (
            session.get(f"{api.url}/live?topics=audit+runs", headers=by, timeout=ClientTimeout(None)) as stream,
            connected(database.url) as other,
        ):
            assert await stream.content.readline() == b"retry: 3000\n"
            await end(other, secret)
            await other.execute("insert into synkron.audit (author, action, subject) values ('kari', 'x', 'y')")
            await other.execute("select pg_notify('synkron_queue', '')")
            async with asyncio.timeout(PATIENCE):
                told = await stream.content.read()
        events = [line for line in told.split(b"\n") if line.startswith((b"event", b"data: "))]
        assert events == [b"event: over"] if not is_tied else events[-1] == b"event: over", (end, told)
        assert b"audit" not in told


async def test_a_session_that_ends_by_time_ends_its_stream_though_nothing_changes(
    api: Api, connection: Connection, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SIGN", 0.5)
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.READ, None)
    assert found is not None
    await connection.execute("update synkron.sessions set expires_at = now() + interval '2 s'")
    await connection.execute("select pg_stat_force_next_flush()")
    by = {"Cookie": f"synkron-session={found[1]}"}
    async with session.get(f"{api.url}/live?topics=runs", headers=by, timeout=ClientTimeout(None)) as stream:
        async with asyncio.timeout(PATIENCE):
            told = await stream.content.read()
    assert b": alive" in told
    assert told.endswith(live.OVER)


async def test_a_page_that_opens_while_sessions_are_looked_up_stays(
    api: Api, connection: Connection, session: ClientSession, database: Database
) -> None:
    change = "insert into synkron.audit (author, action, subject) values ('kari', 'x', 'y')"
    other = api.with_token(await token_of(connection, Permission.OPERATE))
    async with (
        listening(api, session, "audit") as stream,
        connected(database.superuser_url) as locking,
        AsyncExitStack() as pages,
    ):
        async with locking.transaction():
            await locking.execute("lock table synkron.sessions in access exclusive mode")
            await connection.execute(f"{change}; select pg_stat_force_next_flush()")
            await blocked(connection)
            late = await pages.enter_async_context(listening(other, session, "audit"))
        assert await told(stream) == "audit"
        async with asyncio.timeout(PATIENCE):
            assert [await late.content.readline() for _ in range(2)] == [b"\n", b"event: changed\n"]


async def test_nobody_listens_without_a_token(api: Api) -> None:
    assert (await api.with_token(None).get("/live?topics=runs")).status == 401
