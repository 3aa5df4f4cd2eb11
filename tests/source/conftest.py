"""What the tests of the sources share: the stand-in for a Data API, and a process that knows nothing yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from synkron.source import due
from synkron.source.data_api import client, read
from synkron.source.parsed_texts import ParsedTexts
from tests.support.databases import Database
from tests.support.postgrest import StandIn, postgrest


@pytest.fixture
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> ParsedTexts:
    """An empty memo, as a new process has it."""
    known = ParsedTexts()
    monkeypatch.setattr(due, "KNOWN", known)
    monkeypatch.setattr("synkron.source.reader.KNOWN", known)
    return known


@pytest.fixture
async def stand_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandIn]:
    """The stand-in over the test's database, asked again without a pause, by a process that has warned of nothing."""
    monkeypatch.setattr(read, "PAUSES", (timedelta(),) * 2)
    client._warn_of_legacy_key.cache_clear()
    async with postgrest(database.superuser_url) as serving:
        yield serving
