"""A database that tests share one after another: after each, it is as it was before, with every sequence at its start.

For tests that commit, or need several connections. Each is spared a clone of the template, a connection, and the
planning of all statements by a session that has never planned one: 30 ms and more. A room's conftest.py imports all of
this, and its tests share unless they are marked ``own_database``, or take ``no_partitions``.

What is different here: the database refuses a change of the schema, and tables that once were large keep their pages.
So a test of those, of plans, of copies of the database, or of the end of all sessions, has a database of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from synkron.postgres.connection import Pool
from synkron.postgres.embedded import EmbeddedServer
from tests.conftest import Connection
from tests.support.databases import Database, migrated
from tests.support.stepped_clock import make_clock

KEPT_SESSION = "kept by the tests"
# The template was vacuumed: a table of it that has no rows has no pages.
RELATIONS = """
    select oid::regclass::text as name, relkind = 'S' as is_sequence, relkind = 'r' and relpages > 0 as has_rows
    from pg_class
    where relnamespace in ('synkron'::regnamespace, 'public'::regnamespace) and relkind in ('r', 'S')
"""
# What a test has left open is ended, as a drop of its database would. A replica heeds no trigger and no foreign key.
EMPTY = """
    create schema emptied;
    grant usage on schema emptied to public;
    {copies};
    create procedure emptied.empty() language plpgsql security definer set session_replication_role = replica as $$
    begin
        perform pg_terminate_backend(pid, case when state = 'idle' then 0 else 5000 end)
        from pg_stat_activity
        where datname = current_database() and application_name <> '{session}' and backend_type = 'client backend';
        {changes};
    end $$;
    create function emptied.refuse() returns event_trigger language plpgsql as $$
    begin
        raise 'A test that changes the schema (%) needs a database of its own: mark it own_database.', tg_tag;
    end $$;
    create event trigger refuse on ddl_command_start execute function emptied.refuse();
"""


class Kept:
    """The room's database, and the sessions that stay, as the service's role."""

    connection: Connection
    pool: Pool

    def __init__(self, database: Database) -> None:
        self.database = database

    async def open(self) -> None:
        """Open the sessions. One that is idle is never closed."""
        settings = {"application_name": KEPT_SESSION}
        self.connection = await asyncpg.connect(self.database.url, server_settings=settings)
        self.pool = await asyncpg.create_pool(
            self.database.url, min_size=0, max_inactive_connection_lifetime=0, server_settings=settings
        )

    async def close(self) -> None:
        """Close them, whatever they do."""
        self.connection.terminate()
        self.pool.terminate()

    async def empty(self) -> None:
        """Put back what a test has changed, on new sessions after one that has closed or kept some."""
        if self.connection.is_closed() or self.pool.is_closing() or self.pool.get_idle_size() < self.pool.get_size():
            await self.close()
            await self.open()
        await self.connection.reset()
        await self.connection.execute("call emptied.empty()")


@pytest.fixture(scope="package")
async def kept(server: EmbeddedServer) -> AsyncIterator[Kept]:
    """What the room's tests share."""
    async for made in migrated(server):
        kept = Kept(made)
        await kept.open()
        await make_clock(kept.connection)
        superuser = await asyncpg.connect(made.superuser_url)
        await superuser.execute(await _what_empties(superuser))
        await superuser.close()
        yield kept
        await kept.close()


async def _what_empties(superuser: Connection) -> str:
    relations = await superuser.fetch(RELATIONS)
    tables = [one["name"] for one in relations if not one["is_sequence"]]
    copies = {one["name"]: f'emptied."{one["name"]}"' for one in relations if one["has_rows"]}
    changes = [
        *(f"delete from {table}" for table in tables),
        *(f"insert into {table} table {copy}" for table, copy in copies.items()),
        "update synkron.installations set id = gen_random_uuid()",  # so that no process remembers this ledger
        *(f"perform setval('{one['name']}', 1, false)" for one in relations if one["is_sequence"]),
    ]
    copied = [f"create table {copy} as table {table}" for table, copy in copies.items()]
    return EMPTY.format(session=KEPT_SESSION, copies=";\n".join(copied), changes=";\n".join(changes))


def _has_its_own(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("own_database") is not None or "no_partitions" in request.fixturenames


@pytest.fixture
async def database(request: pytest.FixtureRequest, server: EmbeddedServer, kept: Kept) -> AsyncIterator[Database]:
    """The room's database, emptied after the test, or one of the test's own."""
    if _has_its_own(request):
        async for made in migrated(server):
            yield made
    else:
        yield kept.database
        await kept.empty()


@pytest.fixture
async def connection(request: pytest.FixtureRequest, database: Database, kept: Kept) -> AsyncIterator[Connection]:
    """A connection to the test's database, as the service's role."""
    if _has_its_own(request):
        opened = await asyncpg.connect(database.url)
        yield opened
        await opened.close()
    else:
        yield kept.connection


@pytest.fixture
async def pool(request: pytest.FixtureRequest, database: Database, kept: Kept) -> AsyncIterator[Pool]:
    """Connections to the test's database, as the service's role."""
    if _has_its_own(request):
        async with asyncpg.create_pool(database.url, min_size=1, max_size=10) as opened:
            yield opened
    else:
        yield kept.pool
