"""The facts that the checks are about, as they are in the database."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from synkron.ledger.ticks import read_newest_tick
from synkron.model import EVERYTHING, Integration
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.runtime import sleep
from synkron.service.doctor.ledger import Jobs, LedgerGrants, Ticks
from synkron.service.doctor.server import Server
from synkron.service.doctor.tables import RowCount, SecuredTable
from synkron.settings.load import Settings
from synkron.source.check import check
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

FILE = "service/doctor/store"
SQL = statements(FILE)
# How many rows are judged before others have their turn.
AT_ONCE = 500


async def read_server(connection: Connection) -> Server:
    """The server, this session and its role."""
    [row] = await connection.fetch(SQL["server"])
    return read(Server, row)


async def read_pg_net(connection: Connection) -> str | None:
    """The version of pg_net that is installed in this database."""
    found: str | None = await connection.fetchval(SQL["pg_net"])
    return found


async def read_row_security(connection: Connection, source: SourceQueries) -> tuple[str | None, list[SecuredTable]]:
    """Why this session may not read the two tables, None if it may; and those to which row security applies."""
    sql = source.sql(FILE)
    rows = await connection.fetch(sql["row_security"])
    return await connection.fetchval(sql["refusal"]), [read(SecuredTable, row) for row in rows]


async def read_indexes(connection: Connection, source: SourceQueries) -> dict[str, bool]:
    """The indexes that the due read uses, and whether each can be used."""
    rows = await connection.fetch(source.sql(FILE)["indexes"], source.tables.organizations.timezone)
    return {row["name"]: row["is_usable"] for row in rows}


async def count_rows(connection: Connection, settings: Settings, until: float) -> RowCount:
    """Every row, judged as by ``synkron check``; only the first ones if the event loop's time reaches ``until``."""
    today = (await database_clock(connection)).date()
    source, count = SourceQueries(settings.source), RowCount()
    batch: list[Integration] = []
    async with source.reading(connection):
        async for row in connection.cursor(source.sql("source/reader")["rows"], *EVERYTHING, prefetch=AT_ONCE):
            batch.append(integration_of(row))
            if len(batch) == AT_ONCE:
                count.add(batch, check(batch, settings.types, today=today))
                batch = []
                await sleep(0)
                count.is_cut = asyncio.get_running_loop().time() >= until
                if count.is_cut:
                    break
    count.add(batch, check(batch, settings.types, today=today))
    return count


async def read_ledger_grants(connection: Connection) -> LedgerGrants:
    """What the role lacks in the schema ``synkron``."""
    [row] = await connection.fetch(SQL["ledger_grants"])
    return read(LedgerGrants, row)


async def read_ticks(connection: Connection) -> Ticks:
    """The newest tick that moved the watermark, and up to when everything is decided."""
    [row] = await connection.fetch(SQL["watermark"])
    return read(Ticks, row, last=await read_newest_tick(connection))


async def read_jobs(connection: Connection) -> list[Jobs]:
    """The jobs, counted by type."""
    return [read(Jobs, row) for row in await connection.fetch(SQL["jobs"])]


async def read_called(connection: Connection, since: datetime) -> set[str]:
    """The types whose target was called since then."""
    return {row["integration_type"] for row in await connection.fetch(SQL["called"], since)}


async def longest_window(connection: Connection) -> timedelta | None:
    """The longest catch-up window of an override; None if no override has one."""
    found: timedelta | None = await connection.fetchval(SQL["longest_window"])
    return found
