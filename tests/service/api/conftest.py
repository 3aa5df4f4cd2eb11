"""A client of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Connection
from tests.support.api import Api, serving, token_of
from tests.support.databases import Database


@pytest.fixture
async def api(database: Database, connection: Connection) -> AsyncIterator[Api]:
    """A client with a token that may read everything."""
    async with serving(database) as there:
        yield there.with_token(await token_of(connection))
