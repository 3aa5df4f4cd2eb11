"""A PostgreSQL of the harness's own, which can be restarted, crashed, cut off and deprived of its disk."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from synkron.postgres.embedded import EmbeddedServer, _provide
from synkron.postgres.embedded.cluster import _INITDB, Cluster
from tests.conftest import Connection
from tests.faults.clock import host_time
from tests.support.accounts import account_in

SETTINGS = {
    "track_commit_timestamp": "on",  # the host's time of every commit, by which the oracle orders what happened
    "max_connections": "300",
    "timezone": "Pacific/Chatham",
}
SEGMENT = 1024 * 1024
# What an administrator may have set for a role: shorter than what Synkron does now and then, or waits for.
TIMEOUTS = {
    "idle_session_timeout": "300ms",
    "idle_in_transaction_session_timeout": "300ms",
    "statement_timeout": "2s",
    "lock_timeout": "1s",
    "transaction_timeout": "3s",
}
ROLE, STRANGER = "synkron", "stranger"
# What a statement of the harness's may fail with while the server is away.
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
PRLIMIT = shutil.which("prlimit")
# Large rows, then small ones for the gaps, until the file can't grow any more.
FILL = [
    f"""do $$ begin
        for number in 1..5000 loop {statement}; end loop;
        raise exception using errcode = '58030', message = 'there is no limit on the size of the file';
    exception when internal_error or disk_full then
    end $$"""
    for large in (1900, 1)
    for statement in (
        (
            "insert into synkron.queue (priority, entrypoint, status, payload) "
            f"values (0, 'none', 'queued', repeat('x', {large})::bytea)"
        ),
        (
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker) "
            f"values (-number, now(), 1, repeat('x', {large}))"
        ),
    )
]


@asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    """A server with an empty database, on a Unix socket; it survives crashes (fsync is on)."""
    with TemporaryDirectory(prefix="synkron-faults-", ignore_cleanup_errors=True) as folder:
        server = await asyncio.to_thread(_make, Path(folder))
        await server.start()
        try:
            await _provide(server.embedded)
            yield server
        finally:
            await server.stop("fast")


class Server:
    """One cluster. ``url`` is the service's role, ``superuser_url`` the owner of everything."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.embedded = EmbeddedServer(cluster.folder)
        self.url = self.embedded.url()
        self.superuser_url = self.embedded.url(user="postgres")

    async def start(self) -> None:
        """Start, and return when it takes connections; processes of a crashed server may still be about to leave."""
        for _ in range(20):
            if await asyncio.to_thread(self._cluster.launch, SETTINGS):
                return
        raise RuntimeError(f"PostgreSQL does not start:\n{self._cluster.log()}")

    async def stop(self, mode: str) -> None:
        """Stop it: ``fast`` as an operator does, ``immediate`` as a crash does."""
        await asyncio.to_thread(self._cluster._control, "stop", f"--mode={mode}")

    @asynccontextmanager
    async def connected(self, name: str = "faults") -> AsyncIterator[Connection]:
        """A connection of the superuser's."""
        connection = await asyncpg.connect(self.superuser_url, server_settings={"application_name": name})
        try:
            yield connection
        finally:
            await connection.close()

    async def drop_connections(self) -> None:
        """End every session of Synkron's."""
        async with self.connected() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'synkron'"
            )

    async def limit_times(self) -> None:
        """Give Synkron's role time-outs, and have it connect anew."""
        async with self.connected() as connection:
            for name, value in TIMEOUTS.items():
                await connection.execute(f"alter role {ROLE} set {name} = '{value}'")
        await self.drop_connections()

    async def free_times(self) -> None:
        """Take the time-outs away again."""
        async with self.connected() as connection:
            await connection.execute(f"alter role {ROLE} reset all")
        await self.drop_connections()

    async def forge(self) -> None:
        """Notify the queue, as a role without any right, that every job is cancelled, and of things that are none."""
        async with self.connected() as connection:
            if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", STRANGER):
                await connection.execute(f"create role {STRANGER} login")
            newest = await connection.fetchval("select coalesce(max(id), 0) from synkron.queue")
        told = {
            "channel": "synkron_queue",
            "sent_at": host_time().isoformat(),
            "type": "cancellation_event",
            "ids": list(range(max(newest - 500, 0), newest + 100)),
        }
        stranger = await asyncpg.connect(self.embedded.url(user=STRANGER))
        try:
            for payload in (json.dumps(told), json.dumps({**told, "ids": "all"}), "\x1b]0;cancelled\x07", ""):
                await stranger.execute("select pg_notify('synkron_queue', $1)", payload)
        finally:
            await stranger.close()

    async def fill_disk(self) -> None:
        """From now on Synkron's sessions can't lengthen the files of its queue and its attempts.

        A limit on file sizes stands for the full disk: a normal user can arrange it, and PostgreSQL takes both alike
        (it ignores SIGXFSZ for that purpose). The tables are filled up to the limit with rows that are rolled back. The
        write-ahead log goes on, as its segments are no longer than the limit.
        """
        async with self.connected("synkron") as limited:
            await self._limit(limited, str(SEGMENT))
            for statement in FILL:
                await limited.execute(statement)

    async def free_disk(self) -> None:
        """Let the files grow again."""
        async with self.connected() as connection:
            await self._limit(connection, "unlimited")

    async def _limit(self, connection: Connection, size: str) -> None:
        """Limit the postmaster, whose limit new sessions inherit, and all sessions that are there."""
        postmaster = (self._cluster.folder / "postmaster.pid").read_text("utf-8").split()[0]
        await self._prlimit(postmaster, size)
        for session in await connection.fetch(
            "select pid from pg_stat_activity where application_name = 'synkron' and backend_type = 'client backend'"
        ):
            await self._prlimit(str(session["pid"]), size)

    async def _prlimit(self, process: str, size: str) -> None:
        """Only the soft limit, as whom the server runs; a session may have ended in the meantime."""
        assert PRLIMIT
        await asyncio.to_thread(
            self._cluster._run, PRLIMIT, "--pid", process, f"--fsize={size}:", inside=self._cluster.folder
        )


def _make(folder: Path) -> Server:
    """A cluster whose write-ahead log has small segments; as root, of another user, as PostgreSQL demands."""
    cluster = Cluster(folder / "postgresql", account_in(folder))
    made = cluster._run("initdb", *_INITDB, "--wal-segsize=1", "--pgdata=postgresql", inside=folder)
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{made.stdout}")
    return Server(cluster)
