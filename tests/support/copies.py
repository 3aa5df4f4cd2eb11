"""Copies of a test's database in the same server: what a restored dump is like, but for the time that it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg

from synkron.postgres.embedded import EmbeddedServer
from tests.conftest import Connection
from tests.support.databases import Database


@asynccontextmanager
async def copied(server: EmbeddedServer, database: Database) -> AsyncIterator[Database]:
    """A copy, dropped at the end. Nobody may be connected to the database meanwhile."""
    name = f"{database.name}_copy"
    admin = await asyncpg.connect(server.url(database="postgres", user="postgres"))
    await admin.execute(f"create database {name} template {database.name} owner synkron")
    try:
        yield replace(
            database,
            name=name,
            url=server.url(database=name),
            superuser_url=server.url(database=name, user="postgres"),
        )
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Connection]:
    """A connection of the service's role."""
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()
