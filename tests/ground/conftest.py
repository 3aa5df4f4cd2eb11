"""What the tests of the ground share."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.emptied import kept
from tests.support.fleet import add_integration

__all__ = ["kept"]


@pytest.fixture
async def url_of_a_faulty_row(database: Database, connection: Connection) -> str:
    """The URL of a database in which one row is malformed."""
    await add_integration(connection, "99 * * * *")
    return database.url
