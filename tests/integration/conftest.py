"""What several of these tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from synkron.database import Pool
from tests.conftest import Database


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=10) as opened:
        yield opened
