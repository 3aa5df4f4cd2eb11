"""The public reader: which integrations fire around an instant, read from any of the sources."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, cast

import asyncpg

from synkron.model import DueIntegration, InvalidIntegration, Occurrences, Window
from synkron.postgres.connection import Connection, Executor
from synkron.runtime import by_turns
from synkron.settings.integrations import BUILT_IN
from synkron.settings.sections import SourceTables
from synkron.source.due import occurrences_in_steps, window_around
from synkron.source.queries import SourceQueries
from synkron.source.reader import WindowRead, read_window, warn_invalid

if TYPE_CHECKING:
    from supabase import AsyncClient

    from synkron.source.data_api.client import DataApi

Source: TypeAlias = "Executor | DataApi | AsyncClient"
"""Where the two tables are: an asyncpg connection or pool, a Data API, or a Supabase client."""


@dataclass(frozen=True, slots=True)
class DueRead:
    """What fires, in the order of time; and the rows that can't run, each with its fault and the reason."""

    due: list[DueIntegration]
    invalid: list[InvalidIntegration]


# requirement R4, R8, R13
async def read_due_integrations(
    at: datetime,
    source: Source,
    *,
    tables: SourceTables | None = None,
    types: Collection[str] = frozenset(BUILT_IN),
) -> list[DueIntegration]:
    """Every integration that fires at a minute within 30 s before and after ``at``, both ends included (R4).

    ``source`` is an asyncpg connection or pool, a ``DataApi``, or a Supabase ``AsyncClient``. An invalid row is left
    out with one warning in the log (``read_schedule`` returns it instead). ``types`` are the integration types that
    exist; a row of another type is invalid.

    From PostgreSQL, the two tables are read in one statement, in a transaction of its own with row security off.
    Through a Data API, they are read in one embedded select, page after page, whole or not at all.

    Raises NaiveDatetimeError; ServiceRoleRequired if the role or key is not one that sees all rows, or a grant is
    missing; SourceTableMissing if a table or column does not exist; DataApiError if an answer is incomplete;
    DatabaseError if there is none.
    """
    found = await read_schedule(at, source, tables=tables, types=types)
    for row in found.invalid:
        warn_invalid(row)
    return found.due


async def read_schedule(
    at: datetime,
    source: Source,
    *,
    tables: SourceTables | None = None,
    types: Collection[str] = frozenset(BUILT_IN),
) -> DueRead:
    """The same, with the invalid rows as values. Nothing is logged about them."""
    read = await _read(window_around(at), source, tables or SourceTables(), types)
    due = [_due(one, moment) for one in read.due for moment in one.moments]
    return DueRead(sorted(due, key=lambda one: (one.scheduled_for, one.org_id, one.integration_id)), read.invalid)


def _due(one: Occurrences, moment: datetime) -> DueIntegration:
    row = one.integration
    return DueIntegration(row.org_id, row.integration_id, row.integration_type, moment)


async def _read(window: Window, source: Source, tables: SourceTables, types: Collection[str]) -> WindowRead:
    if isinstance(source, asyncpg.Pool):
        async with source.acquire() as connection:
            return await _read_connection(window, connection, tables, types)
    if hasattr(source, "fetch"):
        return await _read_connection(window, cast("Connection", source), tables, types)
    # Imported when it is used: a command on PostgreSQL starts without the HTTP client.
    from synkron.source.data_api.enabled import read_enabled

    rows = await read_enabled(source, tables)
    return WindowRead(*await by_turns(occurrences_in_steps(rows, window, types)))


async def _read_connection(
    window: Window, connection: Connection, tables: SourceTables, types: Collection[str]
) -> WindowRead:
    queries = SourceQueries(tables)
    async with queries.reading(connection):
        return await read_window(connection, window, queries, types)
