"""Each kind of source that the reader takes, over one and the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import asyncpg
from supabase import AsyncClient, create_async_client

from synkron import DataApi
from synkron.source.schedule import Source
from tests.support.databases import Database
from tests.support.postgrest import SECRET_KEY, StandIn

Opened: TypeAlias = AbstractAsyncContextManager[Source]


@asynccontextmanager
async def a_connection(database: Database, stand_in: StandIn) -> AsyncIterator[Source]:
    del stand_in
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


@asynccontextmanager
async def a_pool(database: Database, stand_in: StandIn) -> AsyncIterator[Source]:
    del stand_in
    async with asyncpg.create_pool(database.url, min_size=1, max_size=2) as pool:
        yield pool


@asynccontextmanager
async def a_data_api(database: Database, stand_in: StandIn) -> AsyncIterator[Source]:
    del database
    yield DataApi(stand_in.url, SECRET_KEY)


@asynccontextmanager
async def a_client(database: Database, stand_in: StandIn) -> AsyncIterator[Source]:
    del database
    async with supabase_client(stand_in.url, SECRET_KEY) as client:
        yield client


@asynccontextmanager
async def supabase_client(url: str, key: str) -> AsyncIterator[AsyncClient]:
    """A client of Supabase's own package, closed at the end."""
    client = await create_async_client(url, key)
    try:
        yield client
    finally:
        await client.postgrest.aclose()
        await client.auth.close()


OVER_HTTP: Mapping[str, Callable[[Database, StandIn], Opened]] = {"data api": a_data_api, "client": a_client}
ALL: Mapping[str, Callable[[Database, StandIn], Opened]] = {"connection": a_connection, "pool": a_pool, **OVER_HTTP}


def shows_at_most_six(said: str, key: str) -> bool:
    """Whether no seven characters of the key in a row are in the text, but for what every key begins with."""
    said = said.replace("...", "\N{HORIZONTAL ELLIPSIS}")  # three full stops behind six characters are not the key's
    rest = key.removeprefix("sb_secret_").removeprefix("sb_publishable_")
    return not any(rest[n : n + 7] in said for n in range(len(rest) - 6))
