"""The tests themselves run where a forgotten zone shows."""

from __future__ import annotations

import time

import asyncpg
import pytest

from tests.conftest import ZONE
from tests.support.databases import Database


@pytest.mark.each_server
async def test_every_session_of_the_tests_is_in_a_hostile_zone(database: Database, bare_database: Database) -> None:
    assert time.tzname == ("+1245", "+1345")
    for url in (database.url, database.superuser_url, bare_database.url):
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("show timezone") == ZONE
        await connection.close()
