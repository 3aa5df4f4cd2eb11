"""A connection that goes silent without closing: noticed, dropped and replaced, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.postgres import silence
from synkron.postgres.address import KeepAlive
from synkron.postgres.connection import DRIVER_FAULTS, Connection, connected, pooled
from synkron.postgres.sessions import SESSION
from synkron.postgres.silence import SilenceGuard
from synkron.postgres.watch import WatchedConnection
from tests.support.databases import Database
from tests.support.fleet import blocked, holds
from tests.support.silent_relay import SilentRelay, silent_relay


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[SilentRelay]:
    async with silent_relay(database.url) as running:
        yield running


class TestRelay:
    async def test_what_was_there_stays_silent_and_what_comes_is_served(self, relay: SilentRelay) -> None:
        connection = await asyncpg.connect(relay.url)
        assert await connection.fetchval("select 1") == 1
        relay.silence()
        asked = asyncio.ensure_future(connection.fetchval("select 1"))
        other = await asyncpg.connect(relay.url)
        assert await other.fetchval("select pg_backend_pid()") != connection.get_server_pid()
        assert not asked.done()
        await other.close()
        connection.terminate()
        await asyncio.gather(asked, return_exceptions=True)

    async def test_new_connections_are_accepted_and_told_nothing(self, relay: SilentRelay) -> None:
        relay.silence(new=True)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(relay.url, timeout=0.05)
        relay.answer()
        await (await asyncpg.connect(relay.url)).close()

    async def test_the_server_does_not_learn_that_the_client_has_gone(self, relay: SilentRelay) -> None:
        connection = await asyncpg.connect(relay.url)
        pid = connection.get_server_pid()
        relay.silence()
        connection.terminate()
        other = await asyncpg.connect(relay.url)
        assert await other.fetchval("select state from pg_stat_activity where pid = $1", pid) == "idle"
        await other.close()


QUICK = timedelta(milliseconds=300)


class TestOneConnection:
    async def test_a_statement_that_never_reaches_the_server_is_given_up(self, relay: SilentRelay) -> None:
        async with connected(relay.url, QUICK) as connection:
            pid = await connection.fetchval("select pg_backend_pid()")
            relay.silence()
            with capture_logs() as lines, pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await connection.fetchval("select 1")
            assert connection.is_closed()
        assert [(line["event"], line["connections"]) for line in lines] == [("silent connection dropped", 1)]
        assert await _ended(relay, pid)

    async def test_nor_is_an_answer_that_never_comes_waited_for(self, relay: SilentRelay, database: Database) -> None:
        """The server has worked on it and is done; what it answered is lost."""
        async with connected(relay.url, QUICK) as connection, connected(database.url) as other:
            await other.execute("select pg_advisory_lock(11)")
            asked = asyncio.ensure_future(connection.fetchval("select pg_advisory_lock(11)"))
            await blocked(other)
            relay.silence()
            await other.execute("select pg_advisory_unlock(11)")
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await asked

    async def test_a_statement_at_which_the_server_works_is_waited_for(
        self, relay: SilentRelay, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long: it is asked after several times before the answer comes."""
        looks, looked = count(1), asyncio.Event()
        ask = SilenceGuard._silent

        async def counted(self: SilenceGuard, *arguments: Any) -> Any:
            found = await ask(self, *arguments)
            if next(looks) == 5:
                looked.set()
            return found

        monkeypatch.setattr(SilenceGuard, "_silent", counted)
        async with connected(relay.url, QUICK) as connection, connected(database.url) as other:
            await other.execute("select pg_advisory_lock(11)")
            asked = asyncio.ensure_future(connection.fetchval("select pg_advisory_lock(11)"))
            await looked.wait()
            assert not asked.done()
            await other.execute("select pg_advisory_unlock(11)")
            await asked

    async def test_where_new_connections_get_no_answer_either_it_is_given_up(
        self, relay: SilentRelay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(silence, "SHORTEST_ANSWER", 0.05)
        async with connected(relay.url, QUICK) as connection:
            relay.silence(new=True)
            with capture_logs() as lines, pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await connection.fetchval("select 1")
        assert lines[0]["reason"].startswith("a new connection gets no answer either")

    async def test_the_locks_of_the_silent_session_are_free_again(self, relay: SilentRelay, database: Database) -> None:
        """The server has not noticed, and would keep the transaction and its locks."""
        async with connected(relay.url, QUICK) as connection, connected(database.url) as other:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("lock table synkron.watermark in access exclusive mode")
            relay.silence()
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await connection.fetchval("select 1")
            async with asyncio.timeout(20), other.transaction():
                await other.execute("lock table synkron.watermark in access exclusive mode")

    async def test_they_are_free_once_the_server_can_be_reached_again(
        self, relay: SilentRelay, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It could not be told when the connection was dropped, as new ones were silent too."""
        monkeypatch.setattr(silence, "SHORTEST_ANSWER", 0.05)
        async with connected(database.url) as other:
            async with connected(relay.url, QUICK) as connection:
                await connection.execute("begin; lock table synkron.watermark in access exclusive mode")
                relay.silence(new=True)
                with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                    await connection.fetchval("select 1")
            relay.answer()
            async with connected(relay.url):
                pass
            async with asyncio.timeout(20), other.transaction():
                await other.execute("lock table synkron.watermark in access exclusive mode")

    async def test_a_silent_connection_is_left_at_once(self, relay: SilentRelay) -> None:
        """Its end is not waited for, though nobody had noticed yet."""
        async with asyncio.timeout(20), connected(relay.url):
            relay.silence()

    async def test_a_cancelled_statement_does_not_wait_for_the_server(self, relay: SilentRelay) -> None:
        async with connected(relay.url, QUICK) as connection:
            relay.silence(new=True)
            asked = asyncio.ensure_future(connection.fetchval("select pg_sleep(3600)"))
            await asyncio.wait({asked}, timeout=0)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

    async def test_a_cursor_that_falls_silent_between_its_fetches_is_given_up(self, relay: SilentRelay) -> None:
        seen = []

        async def read(connection: Connection) -> None:
            async with connection.transaction():
                async for row in connection.cursor("select generate_series(1, 1000) as n", prefetch=10):
                    seen.append(row["n"])
                    relay.silence()

        async with connected(relay.url, QUICK) as connection:
            with pytest.raises(DRIVER_FAULTS):
                await read(connection)
        assert len(seen) == 10

    async def test_a_cursor_gives_every_row(self, database: Database) -> None:
        async with connected(database.url) as connection, connection.transaction():
            cursor = connection.cursor("select generate_series(1, $1::int) as n", 25, prefetch=10)
            assert [row["n"] async for row in cursor] == list(range(1, 26))


async def test_the_operating_system_probes_idle_connections(
    relay: SilentRelay, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those over TCP; a Unix socket has no such thing."""
    probed: list[tuple[int, int]] = []
    probe = WatchedConnection.keep_alive

    def seen(self: WatchedConnection, times: KeepAlive) -> None:
        probe(self, times)
        if self.local_port is not None:
            assert self._socket is not None
            options = (socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            probed.append((self._socket.getsockopt(*options[0]), self._socket.getsockopt(*options[1])))

    monkeypatch.setattr(WatchedConnection, "keep_alive", seen)
    async with connected(f"{relay.url}?keepalives_idle=60"), connected(database.url):
        assert (probed[0], probed[-1]) == ((1, 10), (1, 60))
    probed.clear()
    async with connected(f"{relay.url}?keepalives=0"):
        assert probed[-1][0] == 0


class TestPool:
    async def test_every_connection_that_is_silent_is_replaced(self, relay: SilentRelay) -> None:
        """Those that wait for an answer, and those that nobody uses at the moment."""
        async with pooled(relay.url, size=4, heartbeat=QUICK) as pool:
            held = [await pool.acquire() for _ in range(4)]
            before = {one.get_server_pid() for one in held}
            for one in held:
                await pool.release(one)
            relay.silence()
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await pool.fetchval("select 1")
            held = [await pool.acquire() for _ in range(4)]
            after = {await one.fetchval("select pg_backend_pid()") for one in held}
            for one in held:
                await pool.release(one)
        assert len(after) == 4
        assert not before & after

    @pytest.mark.waits(minutes=0.1)
    async def test_its_end_is_not_held_up(self, relay: SilentRelay) -> None:
        async with asyncio.timeout(20), pooled(relay.url, size=2) as pool:
            held = await pool.acquire()
            asked = asyncio.ensure_future(held.fetchval("select 1"))
            relay.silence(new=True)
            await asyncio.wait({asked}, timeout=0)
        assert isinstance((await asyncio.gather(asked, return_exceptions=True))[0], asyncpg.PostgresError)


async def test_the_limits_of_the_role_do_not_hold_for_synkron(database: Database) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    for name in SESSION:
        if name.endswith("_timeout") and name != "tcp_user_timeout":
            await superuser.execute(f"alter database {database.name} set {name} = '7s'")
    await superuser.close()
    async with connected(database.url) as connection, pooled(database.url, size=1, by_key=True) as pool:
        for executor in (connection, pool):
            for name in ("statement_timeout", "lock_timeout", "idle_session_timeout"):
                assert await executor.fetchval(f"show {name}") == "0"
            assert await executor.fetchval("show idle_in_transaction_session_timeout") == "10min"


async def test_a_setting_that_the_server_does_not_know_is_left_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SESSION, "timeout_of_a_later_release", "0")
    async with connected(database.url) as connection:
        assert await connection.fetchval("show statement_timeout") == "0"


async def _ended(relay: SilentRelay, pid: int) -> bool:
    """Whether the session leaves the server. It takes a moment to go."""
    async with connected(relay.url) as connection:
        await holds(
            lambda: connection.fetchval("select not exists (select from pg_stat_activity where pid = $1)", pid), 20
        )
    return True
