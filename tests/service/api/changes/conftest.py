"""The cast over HTTP, and who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING
from tests.support.api import Api, serving, token_of
from tests.support.changes import SETTINGS, Cast, make_cast
from tests.support.databases import Database


@pytest.fixture
async def cast(connection: Connection) -> Cast:
    """The three organizations and what they have."""
    return await make_cast(connection)


@pytest.fixture
async def operator(database: Database, connection: Connection, cast: Cast) -> AsyncIterator[Api]:
    """A client that may change what all organizations have."""
    del cast
    async with serving(database, SETTINGS, environment={"SIGNING": SIGNING}) as there:
        yield there.with_token(await token_of(connection, Permission.OPERATE))
