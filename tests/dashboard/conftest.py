"""The dashboard over real HTTP, in a real browser, seen by a person who may do everything and by one who is tied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest
from playwright.async_api import Browser

from synkron.operations.access.actor import Permission
from synkron.operations.access.sessions import log_in_by_link, make_login_link
from tests.conftest import Connection
from tests.service.api.cast import Member, make_cast
from tests.support import browser as browsers
from tests.support.api import Api, serving, token_of
from tests.support.browser import Window, window
from tests.support.databases import Database


@dataclass(frozen=True)
class Dashboard:
    """Where it is, a browser, and a connection to its database."""

    url: str
    browser: Browser
    connection: Connection

    async def session(self, permission: Permission = Permission.ADMIN, org_id: str | None = None) -> str:
        """The secret of a new session."""
        secret = await make_login_link(self.connection, "kari", permission, org_id)
        found = await log_in_by_link(self.connection, secret)
        assert found is not None
        return found[1]

    async def window(
        self, permission: Permission | None = Permission.ADMIN, org_id: str | None = None, **options: object
    ) -> Window:
        """A window of somebody who has logged in with this permission; with None, of nobody."""
        session = None if permission is None else await self.session(permission, org_id)
        return await window(self.browser, self.url, session, **options)


@asynccontextmanager
async def showing(api: Api, browser: Browser, connection: Connection) -> AsyncIterator[Dashboard]:
    """The dashboard of a running API, whose windows close at the end."""
    yield Dashboard(api.url, browser, connection)
    for context in browser.contexts:
        await context.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser, for all the tests; each gets windows of its own, which know nothing of each other."""
    async with browsers.browser() as running:
        yield running


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """A connection to the test's database, as the service's role, in the folder's loop."""
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()


@pytest.fixture
async def dashboard(database: Database, connection: Connection, browser: Browser) -> AsyncIterator[Dashboard]:
    """The dashboard of a database."""
    async with serving(database) as api, showing(api, browser, connection) as shown:
        yield shown


@pytest.fixture
async def cast(connection: Connection) -> list[Member]:
    """Three organizations whose names are markup."""
    return await make_cast(connection)


@pytest.fixture
async def api(database: Database, connection: Connection) -> AsyncIterator[Api]:
    """A client of the API with a token that may read everything."""
    async with serving(database) as there:
        yield there.with_token(await token_of(connection))
