"""The API over real HTTP, and who asks: a client for each token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from multidict import CIMultiDict

from synkron.operations.access.actor import Permission
from synkron.operations.access.tokens import AskedToken, create_token
from synkron.postgres.connection import pooled
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.databases import Database

SETTINGS = Settings(listen="127.0.0.1:0")


@dataclass
class Answer:
    """What came back."""

    status: int
    content: Any
    headers: Mapping[str, str]
    text: str


@dataclass
class Api:
    """A client of the API, whose requests carry a token unless it is None."""

    url: str
    session: ClientSession
    token: str | None = None

    def with_token(self, token: str | None) -> Api:
        """The same client, asking with another token."""
        return Api(self.url, self.session, token)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Send one request; the content is parsed where it is JSON."""
        headers = CIMultiDict(more.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self.session.request(method, self.url + path, headers=headers, **more) as answer:
            text = await answer.text()
            content = await answer.json(content_type=None) if "json" in answer.content_type else text
            return Answer(answer.status, content, answer.headers.copy(), text)

    async def get(self, path: str, **more: Any) -> Answer:
        """GET."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: object = None, **more: Any) -> Answer:
        """POST, with a body in JSON."""
        return await self.ask("POST", path, json=json, **more)


@asynccontextmanager
async def serving(database: Database, settings: Settings = SETTINGS, **parts: Any) -> AsyncIterator[Api]:
    """The API on a free port of loopback."""
    async with (
        pooled(database.url, size=3) as pool,
        listening(Served(pool, settings, **{"signings": {}, **parts})) as url,
        ClientSession() as session,
    ):
        yield Api(url, session)


async def token_of(
    connection: Connection,
    permission: Permission = Permission.READ,
    org_id: str | None = None,
    settings: Settings = SETTINGS,
) -> str:
    """The secret of a new token."""
    name = f"{permission}-{org_id or 'all'}"
    return (await create_token(connection, settings, AskedToken(name, permission, org_id), "test"))[1]
