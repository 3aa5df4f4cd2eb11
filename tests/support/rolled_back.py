"""A connection that tests share, to a database that stays empty: what a test does is one transaction, rolled back.

For tests that need no more than one connection. Each is spared a clone of the template, a connection, and the planning
of all statements by a session that has never planned one: 50 ms and more. A room's conftest.py imports all of this, and
a module of it says that its tests share::

    connection = rolled_back

A test among them that can't takes ``own_connection``. What is different here: ``now()`` stands still, and all rows have
one transaction's number; what the database refuses ends the transaction, unless the test gives it one of its own; rows
aren't numbered from 1; and no other session sees a row or hears a notification. So tests of races, of retention, of
what ``verify`` proves by the numbers of transactions, and of what is planned for many rows keep a database each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from synkron.postgres.embedded import EmbeddedServer
from tests.conftest import Connection
from tests.support.databases import Database, migrated


class SharedConnection(asyncpg.Connection):
    """All transactions are savepoints of the outermost, whatever isolation they ask for: there is nobody to see it."""

    def transaction(self, **options: Any) -> Transaction:
        return super().transaction() if self.is_in_transaction() else super().transaction(**options)


async def connected_to_its_own(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """A connection that tests can share, to a database that nobody else has, for as long as the caller likes."""
    async for database in migrated(server):
        opened = await asyncpg.connect(database.url, connection_class=SharedConnection)
        yield opened
        await opened.close()


@pytest.fixture(scope="package")
async def kept_connection(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """A connection to a database of the room's own, as the service's role."""
    async for opened in connected_to_its_own(server):
        yield opened


@pytest.fixture
async def rolled_back(kept_connection: Connection) -> AsyncIterator[Connection]:
    """That connection, in a transaction that is rolled back after the test."""
    transaction = kept_connection.transaction()
    await transaction.start()
    yield kept_connection
    await transaction.rollback()


@pytest.fixture
async def own_connection(database: Database) -> AsyncIterator[Connection]:
    """A new connection to the test's ``database``, where the other tests of its module share one."""
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()
