"""What stands between this process and PostgreSQL, found by asking, with the distribution's PgBouncer in each mode."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from synkron.errors import DatabaseNotReady, DatabaseUnreachable, Refused
from synkron.postgres import pooler, silence
from synkron.postgres.connection import connected, pooled
from synkron.postgres.pooler import Mode, keeps_session, known_mode
from synkron.postgres.sessions import SESSION
from synkron.postgres.watch import WatchedConnection
from tests.support.databases import Database
from tests.support.pgbouncer import PgBouncer, pgbouncer, program
from tests.support.silent_relay import silent_relay

pytestmark = pytest.mark.skipif(program() is None, reason="the distribution's PgBouncer is not installed")

QUICK = timedelta(milliseconds=300)
MODES = [("session", Mode.SESSION), ("transaction", Mode.TRANSACTION)]


@pytest.mark.parametrize(("pool_mode", "mode"), MODES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"server_round_robin": 1},
        {"server_round_robin": 1, "min_pool_size": 5},
        {"default_pool_size": 2, "server_reset_query": ""},
    ],
)
async def test_the_mode_is_found_whatever_the_order_in_which_servers_are_given(
    database: Database, pool_mode: str, mode: Mode, settings: dict[str, object]
) -> None:
    async with pgbouncer(database, pool_mode, **settings) as running, connected(running.url) as connection:
        assert known_mode(running.url) is mode
        assert keeps_session(connection) is (mode is Mode.SESSION)
        assert await connection.fetchval("select 1") == 1


async def test_a_single_server_is_shared_in_transaction_mode(database: Database) -> None:
    async with pgbouncer(database, "transaction", default_pool_size=1) as running, connected(running.url) as connection:
        assert known_mode(running.url) is Mode.TRANSACTION
        assert await connection.fetchval("select 1") == 1


async def test_a_session_pool_without_room_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "ANSWER_WITHIN", 0.2)
    async with pgbouncer(database, "session", default_pool_size=1) as running:
        with pytest.raises(DatabaseNotReady, match=rf":{running.port}.* gave no second connection within 0.2 s"):
            async with connected(running.url):
                pass
        assert known_mode(running.url) is None


@pytest.mark.parametrize(
    ("edit", "to", "said"),
    [
        ("$", "?options=-c%20work_mem%3D7MB", "unsupported startup parameter: options"),
        (r"/\w+$", "/nowhere", 'database "nowhere" does not exist'),
        ("synkron@", "nobody@", "authentication failed"),
        ("$", "?sslmode=require", "does not offer TLS"),
        ("$", "?target_session_attrs=standby", "is what target_session_attrs=standby asks for"),
    ],
)
async def test_what_a_pooler_refuses_is_not_waited_for(database: Database, edit: str, to: str, said: str) -> None:
    async with pgbouncer(database, "transaction") as running:
        with pytest.raises(DatabaseUnreachable, match=said) as refused:
            async with connected(re.sub(edit, to, running.url, count=1)):
                pass
    assert not isinstance(refused.value, DatabaseNotReady)


async def test_a_pooler_without_a_server_is_waited_for(database: Database) -> None:
    async with pgbouncer(database, "transaction", server_login_retry=1, query_wait_timeout=1) as running:
        superuser = await asyncpg.connect(database.superuser_url)
        await superuser.execute(f"alter database {database.name} connection limit 0")
        with pytest.raises(DatabaseNotReady, match="too many connections"):
            async with connected(running.url):
                pass
        await superuser.close()


async def test_statement_mode_is_refused(database: Database) -> None:
    async with pgbouncer(database, "statement") as running:
        with pytest.raises(Refused, match=r"in statement mode.*Set its pool_mode to transaction or session"):
            async with connected(running.url):
                pass


async def test_without_a_pooler_a_connection_is_direct(database: Database) -> None:
    async with connected(database.url) as connection:
        assert known_mode(database.url) is Mode.DIRECT
        assert keeps_session(connection)


async def test_a_relay_is_no_pooler_though_it_has_another_port(database: Database) -> None:
    """As with translated addresses, the server sees another port than the client's."""
    async with silent_relay(database.url) as relay, connected(relay.url):
        assert known_mode(relay.url) is Mode.DIRECT


@pytest.mark.parametrize(("pool_mode", "mode"), MODES)
async def test_a_key_that_is_right_by_chance_does_not_hide_a_pooler(
    database: Database, pool_mode: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some poolers count their clients: one may have the number of the process that serves it."""
    first: list[WatchedConnection] = []
    ask = pooler._server_of

    async def asked(connection: WatchedConnection) -> tuple[int, int | None]:
        found = await ask(connection)
        if not first:
            first.append(connection)
            monkeypatch.setattr(connection.__class__, "get_server_pid", right_for_the_first(found[0]), raising=True)
        return found

    def right_for_the_first(pid: int) -> object:
        own = asyncpg.Connection.get_server_pid

        def get_server_pid(connection: WatchedConnection) -> int:
            return pid if connection is first[0] else own(connection)

        return get_server_pid

    monkeypatch.setattr(pooler, "_server_of", asked)
    async with pgbouncer(database, pool_mode) as running, connected(running.url):
        assert known_mode(running.url) is mode


async def test_the_mode_is_found_while_others_use_the_pool(database: Database) -> None:
    async with pgbouncer(database, "transaction", default_pool_size=3) as running, _busy(running, 6):
        for _ in range(20):
            pooler._found.clear()
            async with connected(running.url):
                assert known_mode(running.url) is Mode.TRANSACTION


async def test_the_mode_is_asked_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pgbouncer(database, "transaction") as running:
        async with connected(running.url):
            pass
        monkeypatch.setattr(pooler, "_server_of", None)
        async with connected(running.url) as connection, pooled(running.url, size=2) as pool:
            assert await connection.fetchval("select 1") == await pool.fetchval("select 1") == 1


class TestByTransaction:
    """What holds behind a pooler in transaction mode, whose only server everybody shares."""

    @pytest.fixture
    async def pooler(self, database: Database) -> AsyncIterator[PgBouncer]:
        async with pgbouncer(database, "transaction", default_pool_size=1) as running:
            yield running

    async def test_the_settings_hold_in_each_statement_and_leave_nothing_behind(self, pooler: PgBouncer) -> None:
        other = await asyncpg.connect(pooler.url, statement_cache_size=0)
        before = await _left_in(other)
        async with connected(pooler.url) as connection, pooled(pooler.url, size=2, by_key=True) as pool:
            assert await connection.fetchval("show idle_in_transaction_session_timeout") == "10min"
            assert await connection.fetchval("show jit") == "off"
            assert await connection.fetchval("select $1::timestamptz[]", []) == []
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                assert await connection.fetchval("show statement_timeout") == "0"
                assert await connection.fetchval("show transaction_isolation") == "repeatable read"
                rows = [row["n"] async for row in connection.cursor("select generate_series(1, $1::int) n", 120)]
                assert rows == list(range(1, 121))
            assert await pool.fetchval("show enable_seqscan") == "off"
            assert await pool.fetchval("show transaction_isolation") == "read committed"
            async with pool.acquire() as borrowed, borrowed.transaction():
                await borrowed.execute("select pg_advisory_xact_lock(11)")
            await pool.executemany("select $1::int", [(1,), (2,)])
        assert await _left_in(other) == before
        await other.close()

    async def test_a_limit_of_the_role_does_not_hold(self, pooler: PgBouncer, database: Database) -> None:
        superuser = await asyncpg.connect(database.superuser_url)
        await superuser.execute(f"alter database {database.name} set statement_timeout = '20s'")
        await superuser.close()
        async with connected(pooler.url) as connection:
            assert await connection.fetchval("show statement_timeout") == "0"

    async def test_a_failed_statement_leaves_the_connection_fit(self, pooler: PgBouncer) -> None:
        async with connected(pooler.url) as connection:
            for _ in range(3):
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await connection.fetchval("select 1 / $1::int", 0)
            async with connection.transaction():
                with pytest.raises(asyncpg.DivisionByZeroError):
                    async with connection.transaction():
                        await connection.fetchval("select 1 / 0")
                assert await connection.fetchval("select 1") == 1

    async def test_statements_of_the_same_name_do_not_meet(self, pooler: PgBouncer) -> None:
        """The driver numbers what it prepares from 1 in each process, and two processes may get the same server."""
        async with connected(pooler.url) as one, connected(pooler.url) as other:
            for connection in (one, other, one):
                for number in range(3):
                    assert await connection.fetchval("select $1::int", number) == number


class TestSilence:
    """A relay between the client and the pooler falls silent."""

    @pytest.mark.parametrize(("pool_mode", "mode"), MODES)
    async def test_a_silent_connection_is_dropped_and_its_locks_are_free(
        self, database: Database, pool_mode: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In transaction mode the server can't be asked about it: it is given up when it has waited for long."""
        monkeypatch.setattr(silence, "LONGEST_IN_DOUBT", 1.0)
        monkeypatch.setitem(SESSION, "idle_in_transaction_session_timeout", "1s")
        async with pgbouncer(database, pool_mode) as running, silent_relay(running.socket_url) as relay:
            async with connected(relay.url, QUICK) as connection:
                assert known_mode(relay.url) is mode
                await connection.transaction().start()
                await connection.execute("lock table synkron.watermark in access exclusive mode")
                relay.silence()
                with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                    await connection.fetchval("select 1")
            async with connected(database.url) as other, asyncio.timeout(20), other.transaction():
                await other.execute("lock table synkron.watermark in access exclusive mode")

    @pytest.mark.parametrize(("pool_mode", "mode"), MODES)
    async def test_where_new_connections_are_silent_too_it_is_given_up(
        self, database: Database, pool_mode: str, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(silence, "SHORTEST_ANSWER", 0.05)
        async with (
            pgbouncer(database, pool_mode) as running,
            silent_relay(running.socket_url) as relay,
            connected(relay.url, QUICK) as connection,
        ):
            assert known_mode(relay.url) is mode
            relay.silence(new=True)
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await connection.fetchval("select 1")


async def _left_in(connection: asyncpg.Connection[asyncpg.Record]) -> list[object]:
    """What the server's session has: settings, but for those of the pooler; prepared statements, channels, locks."""
    of_pooler = "('application_name', 'client_encoding')"
    statements = (
        f"select name, setting from pg_settings where source = 'session' and name not in {of_pooler} order by name",
        "select name from pg_prepared_statements where name <> ''",
        "select pg_listening_channels()",
        "select objid from pg_locks where locktype = 'advisory'",
    )
    return [await connection.fetch(statement) for statement in statements]


@asynccontextmanager
async def _busy(running: PgBouncer, clients: int) -> AsyncIterator[None]:
    """So many other clients use the pool without a pause."""

    async def use() -> None:
        connection = await asyncpg.connect(running.url, statement_cache_size=0)
        try:
            while True:
                await connection.execute("begin; select 1")
                await connection.execute("commit")
        finally:
            connection.terminate()

    using = [asyncio.create_task(use()) for _ in range(clients)]
    try:
        yield
    finally:
        for one in using:
            one.cancel()
        await asyncio.gather(*using, return_exceptions=True)
