"""A database for each test, cloned from a template in a few milliseconds.

A server makes and drops them over one connection. Each template notes, in the ledger, the place that its clone gets:
always the same one. So a clone is at home from its birth, and no session has to tell it where it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

import asyncpg
import psycopg

from synkron.postgres.embedded import EmbeddedServer
from tests.support.template import fill_template

TEMPLATE = "synkron_template"
# So many may stand at once. One place is taken again as late as may be, when the sessions of its last one are gone.
PLACES = range(1_000_001, 1_000_007)
NOTE_PLACE = """
    update synkron.installations set
        id = gen_random_uuid(), database_oid = $1, database_name = $2,
        noted_by = pg_current_xact_id()::xid, noted_at = now()
"""

_administrators: dict[EmbeddedServer, psycopg.Connection[tuple[object, ...]]] = {}
_free: dict[EmbeddedServer, deque[int]] = {}
_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """A database of a test's own. ``url`` is the service's role, ``superuser_url`` the owner of everything."""

    name: str
    url: str
    superuser_url: str


@contextmanager
def templates(server: EmbeddedServer) -> Iterator[None]:
    """Make what the server's databases are cloned from. Until the end, they can be."""
    asyncio.run(_make_templates(server))
    _free[server] = deque(PLACES)
    yield
    _administrators.pop(server).close()


async def migrated(server: EmbeddedServer) -> AsyncGenerator[Database, None]:
    """A migrated database with the application's two tables, empty, for as long as the caller likes."""
    oid = _free[server].popleft()
    async for made in _cloned(server, f"{TEMPLATE}_{oid}", f"test_{oid}", f"oid {oid}"):
        yield made
    _free[server].append(oid)


async def bare(server: EmbeddedServer) -> AsyncGenerator[Database, None]:
    """An empty database that belongs to the service's role, for as long as the caller likes."""
    async for made in _cloned(server, "template1", f"bare_{next(_numbers)}"):
        yield made


async def _cloned(
    server: EmbeddedServer, template: str, name: str, options: str = ""
) -> AsyncGenerator[Database, None]:
    _create(server, name, template, options)
    yield Database(name, server.url(database=name), server.url(database=name, user="postgres"))
    _administer(server, f"drop database {name} with (force)")


def _create(server: EmbeddedServer, name: str, template: str, options: str = "") -> None:
    _administer(server, f"create database {name} template {template} owner synkron strategy file_copy {options}")


def _administer(server: EmbeddedServer, statement: str) -> None:
    """Send it, on a new connection after a test that ended the kept one."""
    if server in _administrators:
        with suppress(psycopg.OperationalError):
            _administrators[server].execute(statement.encode())
            return
        _administrators[server].close()
    _administrators[server] = psycopg.connect(server.url("postgres", "postgres"), autocommit=True)
    _administrators[server].execute(statement.encode())


async def _make_templates(server: EmbeddedServer) -> None:
    _create(server, TEMPLATE, "template1")
    connection = await asyncpg.connect(server.url(database=TEMPLATE))
    await fill_template(connection)
    await connection.close()
    # Without the files that nothing needs: a clone takes as long as its files, and an empty one is a file too.
    superuser = await asyncpg.connect(server.url(database=TEMPLATE, user="postgres"))
    await superuser.execute("vacuum full")
    await superuser.execute("checkpoint")
    await superuser.close()
    for oid in PLACES:
        _create(server, f"{TEMPLATE}_{oid}", TEMPLATE)
        # It also leaves a file behind, which spares the first session of each clone its start.
        connection = await asyncpg.connect(server.url(database=f"{TEMPLATE}_{oid}"))
        await connection.execute(NOTE_PLACE, oid, f"test_{oid}")
        await connection.close()
