"""Reads the application's two tables: the rows that are due, all rows, and single rows as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from asyncpg import Record

from synkron.model import EVERYTHING, Integration, InvalidIntegration, Occurrences, Scope, Steps, Window
from synkron.postgres.connection import Connection
from synkron.runtime import by_turns, log
from synkron.source.due import AllOccurrences, occurrences_in_steps
from synkron.source.parsed_texts import KNOWN
from synkron.source.queries import SourceQueries

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables


@dataclass(frozen=True, slots=True)
class WindowRead:
    """What is due in a window, and the invalid rows."""

    due: list[Occurrences]
    invalid: list[InvalidIntegration]


async def check_source(connection: Connection, source: SourceTables) -> None:
    """Raise SourceTableMissing or ServiceRoleRequired if the due read would, without reading any row."""
    queries = SourceQueries(source)
    async with queries.reading(connection):
        await plan_due(connection, queries)


async def plan_due(connection: Connection, source: SourceQueries) -> None:
    """Raise SourceTableMissing or ServiceRoleRequired if PostgreSQL can't plan the due read."""
    async with source.in_words():
        await connection.fetch("explain " + source.sql("source/reader")["due"], [], [], [])


# requirement R5, R10
async def read_window(
    connection: Connection, window: Window, source: SourceQueries, types: Collection[str]
) -> WindowRead:
    """What is due in the window: one statement, in the caller's secured transaction.

    A new process first reads the distinct expressions and zones. Without that, every expression would be new and the
    due read would return every row, which takes a hundred times as long.
    """
    sql = source.sql("source/reader")
    if KNOWN.is_empty:
        _learn(await connection.fetch(sql["learn"]))
    rows = await connection.fetch(
        sql["due"],
        KNOWN.expressions_to_read(window),
        KNOWN.expressions(),
        KNOWN.zones(),
    )
    return WindowRead(*await by_turns(_judged(rows, window, types)))


def _judged(rows: Iterable[Record], window: Window, types: Collection[str]) -> Steps[AllOccurrences]:
    # A row comes twice if its expression and zone are both new, or if its organization's id is on two rows.
    distinct: dict[str | Integration, Integration] = {}
    for row in rows:
        one = integration_of(row)
        distinct[one.integration_id if one.has_own_id else one] = one
        yield
    return (yield from occurrences_in_steps(distinct.values(), window, types))


def _learn(rows: Iterable[Record]) -> None:
    for row in rows:
        if row["expression"] is None:
            KNOWN.zone(zone_of(row))
        else:
            KNOWN.expression(row["expression"])


async def read_all(connection: Connection, source: SourceTables, scope: Scope = EVERYTHING) -> list[Integration]:
    """Every row of the scope, enabled or not, by organization."""
    queries = SourceQueries(source)
    async with queries.reading(connection):
        rows = await connection.fetch(queries.sql("source/reader")["rows"], *scope)
    return await by_turns(_integrations(rows))


def _integrations(rows: Iterable[Record]) -> Steps[list[Integration]]:
    found = []
    for row in rows:
        found.append(integration_of(row))
        yield
    return found


async def read_names(connection: Connection, source: SourceTables) -> dict[str, str]:
    """The name of every organization, by its id."""
    queries = SourceQueries(source)
    async with queries.reading(connection):
        rows = await connection.fetch(queries.sql("source/reader")["names"], None)
    return {row["org_id"]: row["name"] for row in rows}


async def read_zones(
    connection: Connection, source: SourceTables, org_id: str | None, integration_id: str | None
) -> list[str | Decimal | None]:
    """The zone of an organization, or of that of an integration: one, if it exists and its id is on one row."""
    queries = SourceQueries(source)
    async with queries.reading(connection):
        rows = await connection.fetch(queries.sql("source/reader")["zones"], org_id, integration_id)
    return [zone_of(row) for row in rows]


# requirement R3
def warn_invalid(row: InvalidIntegration) -> None:
    """Log the one warning about an invalid row."""
    log.warning(
        "integration left out",
        org_id=row.org_id,
        integration_id=row.integration_id,
        integration_type=row.integration_type,
        reason=row.reason,
        **({} if row.error is None else {"exc_info": row.error}),
    )


def integration_of(row: Record, prefix: str = "") -> Integration:
    """The integration in a result row, whose columns for it have names with the prefix."""
    return Integration(
        integration_id=row[prefix + "integration_id"],
        org_id=row[prefix + "org_id"],
        integration_type=row[prefix + "integration_type"],
        is_enabled=row[prefix + "is_enabled"],
        cron_schedule=row[prefix + "cron_schedule"],
        organization_exists=row[prefix + "organization_exists"],
        timezone=zone_of(row, prefix),
        updated_at=row[prefix + "updated_at"],
        oddity=row[prefix + "oddity"] or row[prefix + "doubled"],
    )


def zone_of(row: Record, prefix: str = "") -> str | Decimal | None:
    """The zone in a result row: text, or a number of minutes."""
    zone: str | None = row[prefix + "timezone"]
    return Decimal(zone) if zone is not None and row[prefix + "zone_is_number"] else zone
