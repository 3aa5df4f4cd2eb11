"""A connection that goes silent without closing: noticed, dropped and replaced, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import Database
from tests.silent_relay import SilentRelay, silent_relay


@pytest.fixture
async def relay(database: Database) -> AsyncIterator[SilentRelay]:
    async with silent_relay(database.url) as running:
        yield running


class TestRelay:
    async def test_what_was_there_stays_silent_and_what_comes_is_served(self, relay: SilentRelay) -> None:
        connection = await asyncpg.connect(relay.url)
        assert await connection.fetchval("select 1") == 1
        relay.silence()
        asked = asyncio.ensure_future(connection.fetchval("select 1"))
        other = await asyncpg.connect(relay.url)
        assert await other.fetchval("select pg_backend_pid()") != connection.get_server_pid()
        assert not asked.done()
        await other.close()
        connection.terminate()
        await asyncio.gather(asked, return_exceptions=True)

    async def test_new_connections_are_accepted_and_told_nothing(self, relay: SilentRelay) -> None:
        relay.silence(new=True)
        with pytest.raises(TimeoutError):
            await asyncpg.connect(relay.url, timeout=0.05)
        relay.answer()
        await (await asyncpg.connect(relay.url)).close()

    async def test_the_server_does_not_learn_that_the_client_has_gone(self, relay: SilentRelay) -> None:
        connection = await asyncpg.connect(relay.url)
        pid = connection.get_server_pid()
        relay.silence()
        connection.terminate()
        other = await asyncpg.connect(relay.url)
        assert await other.fetchval("select state from pg_stat_activity where pid = $1", pid) == "idle"
        await other.close()
