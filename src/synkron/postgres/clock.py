"""The database's clock: the only clock that decisions use."""

from __future__ import annotations

from datetime import datetime

from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements

SQL = statements("postgres/clock")


async def database_clock(connection: Executor) -> datetime:
    """The current time. Inside a transaction, this is when the transaction began."""
    now: datetime = await connection.fetchval(SQL["clock"])
    return now
