"""What a service does at its start while the database comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.errors import DatabaseError, DatabaseNotReady, DatabaseUnreachable, SettingsError, SynkronError
from synkron.postgres import ready
from synkron.postgres.connection import Connection, connected
from synkron.postgres.ready import once_ready
from synkron.settings.load import SourceTables
from synkron.source.queries import SourceQueries
from tests.support.databases import Database

KILLED = "select pg_terminate_backend(pg_backend_pid())"


class Start:
    """What a start does: it fails as it is told to, each time in another way, and then is done."""

    def __init__(self, *failures: Callable[[Connection], Awaitable[object]]) -> None:
        self._failures = list(failures)
        self.times = 0

    async def __call__(self, connection: Connection) -> int:
        self.times += 1
        if self._failures:
            await self._failures.pop(0)(connection)
        number: int = await connection.fetchval("select 1")
        return number


async def killed(connection: Connection) -> None:
    await connection.execute(KILLED)


async def lost(connection: Connection) -> None:
    connection.terminate()


async def killed_in_a_transaction(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute(KILLED)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "TRY_EVERY", 0)


async def start(
    connect: Callable[[], AbstractAsyncContextManager[Connection]], do: Start, stop: asyncio.Event | None = None
) -> int:
    return await once_ready(connect, SourceQueries(SourceTables()).in_words, do, stop or asyncio.Event())


@pytest.mark.parametrize("failure", [killed, killed_in_a_transaction, lost])
async def test_a_connection_that_is_dropped_is_made_again(
    database: Database, failure: Callable[[Connection], Awaitable[object]]
) -> None:
    do = Start(failure, failure)
    with capture_logs() as lines:
        assert await start(partial(connected, database.url), do) == 1
    assert do.times == 3
    assert [line["event"] for line in lines] == ["database not ready"] * 2


async def test_a_server_that_is_full_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("create role latecomer login bypassrls connection limit 0")

    async def make_room(*_: object) -> None:
        await superuser.execute("alter role latecomer connection limit 1")

    monkeypatch.setattr(ready, "sleep", make_room)
    try:
        do = Start()
        assert await start(partial(connected, database.url.replace("synkron@", "latecomer@")), do) == 1
    finally:
        await superuser.execute("drop role latecomer")
        await superuser.close()


async def test_one_that_was_there_and_restarts_is_waited_for(database: Database) -> None:
    tries = iter([database.url, "postgresql://synkron@127.0.0.1:1/none", database.url])

    @asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        async with connected(next(tries)) as connection:
            yield connection

    do = Start(killed)
    assert await start(connect, do) == 1


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        (("synkron@", "nobody_at_all@"), DatabaseUnreachable, "refused the connection"),
        (("/test_", "/no_test_"), DatabaseUnreachable, "refused the connection"),
        (("?host=", "?host=/nowhere"), DatabaseUnreachable, "There is no PostgreSQL"),
        (("postgresql://", "mysql://"), SettingsError, "not the address of a PostgreSQL database"),
    ],
)
async def test_what_does_not_pass_by_itself_is_told_at_once(
    database: Database, wrong: tuple[str, str], kind: type[Exception], said: str
) -> None:
    do = Start()
    with capture_logs() as lines, pytest.raises(kind, match=said):
        await start(partial(connected, database.url.replace(*wrong)), do)
    assert (do.times, lines) == (0, [])


@pytest.mark.parametrize(
    ("statement", "kind"), [("select * from synkron.none", SynkronError), ("select 1 / 0", DatabaseError)]
)
async def test_nor_is_a_fault_of_what_is_done_waited_for(
    database: Database, statement: str, kind: type[Exception]
) -> None:
    do = Start(lambda connection: connection.execute(statement))
    with pytest.raises(kind):
        await start(partial(connected, database.url), do)
    assert do.times == 1


async def test_it_is_waited_for_only_so_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "READY_WITHIN", 0)
    with pytest.raises(DatabaseNotReady, match="The connection to the database was lost"):
        await start(partial(connected, database.url), Start(killed))


async def test_nor_any_longer_when_told_to_stop(database: Database) -> None:
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(DatabaseNotReady):
        await start(partial(connected, database.url), Start(killed), stop)
