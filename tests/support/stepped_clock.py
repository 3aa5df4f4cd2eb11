"""A database's clock that a test sets: ``now()`` of a schema that stands before PostgreSQL's own in the search path."""

from __future__ import annotations

from datetime import datetime

from tests.conftest import Connection


async def install_clock(connection: Connection, now: datetime) -> None:
    """Give the connection a clock of its own. Columns' defaults keep PostgreSQL's, as they are bound to it."""
    if not await connection.fetchval("select to_regnamespace('test_clock') is not null"):
        await make_clock(connection)
    await connection.execute("set search_path = test_clock, pg_catalog, public")
    await set_clock(connection, now)


async def make_clock(connection: Connection) -> None:
    """Make the clock, which no connection has yet."""
    await connection.execute("create schema test_clock")
    for name in ("now", "clock_timestamp"):
        await connection.execute(
            f"create function test_clock.{name}() returns timestamptz language sql stable "
            "as $$ select current_setting('test_clock.now')::timestamptz $$"
        )


async def install_clock_for_all(connection: Connection, now: datetime) -> None:
    """Give columns' defaults the clock too. To every other connection to the database, it is ``now`` for ever."""
    await install_clock(connection, now)
    for name in ("now", "clock_timestamp"):
        await connection.execute(
            f"create or replace function test_clock.{name}() returns timestamptz language sql stable as "
            f"$$ select coalesce(current_setting('test_clock.now', true), '{now.isoformat()}')::timestamptz $$"
        )
    database = await connection.fetchval("select current_database()")
    await connection.execute(f"alter database {database} set search_path = test_clock, pg_catalog, public")
    for row in await connection.fetch(
        "select format('alter table %I.%I alter column %I set default now()', table_schema, table_name, column_name) "
        "from information_schema.columns "
        r"where table_schema = 'synkron' and column_default ~ '(now|clock_timestamp)\(\)'"
    ):
        await connection.execute(row[0])


async def set_clock(connection: Connection, now: datetime) -> None:
    """Set it."""
    await connection.execute("select set_config('test_clock.now', $1, false)", now.isoformat())
