"""A database's clock that a test sets: ``now()`` of a schema that stands before PostgreSQL's own in the search path."""

from __future__ import annotations

from datetime import datetime

from tests.conftest import Connection


async def install_clock(connection: Connection, now: datetime) -> None:
    """Give the connection a clock of its own. Columns' defaults keep PostgreSQL's, as they are bound to it."""
    await connection.execute("create schema if not exists test_clock")
    for name in ("now", "clock_timestamp"):
        await connection.execute(
            f"create or replace function test_clock.{name}() returns timestamptz language sql stable "
            "as $$ select current_setting('test_clock.now')::timestamptz $$"
        )
    await connection.execute("set search_path = test_clock, pg_catalog, public")
    await set_clock(connection, now)


async def set_clock(connection: Connection, now: datetime) -> None:
    """Set it."""
    await connection.execute("select set_config('test_clock.now', $1, false)", now.isoformat())
