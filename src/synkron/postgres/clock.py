"""The database's clock: the only one that decides anything."""

from __future__ import annotations

from datetime import datetime

from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements

SQL = statements("postgres/clock")


async def database_clock(connection: Executor) -> datetime:
    """What it says: inside a transaction, the moment at which that began."""
    now: datetime = await connection.fetchval(SQL["clock"])
    return now
