"""Reads the application's two tables: what is due, what stands there, and what stands there now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from asyncpg import PostgresError, Record

from synkron.cron.timeline import utc
from synkron.log import log
from synkron.model import DueIntegration, Integration, InvalidIntegration, Occurrences, Window
from synkron.postgres.connection import Connection, Executor, speaking_of
from synkron.postgres.statements import source_statements
from synkron.settings.integrations import BUILT_IN
from synkron.source.due import KNOWN, Judged, judging
from synkron.steps import Steps
from synkron.waiting import by_turns

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables

TOLERANCE = timedelta(seconds=30)
# How a statement fails by the type of a column: there is no such operator, the value is none of that type or out of its
# range, or the result is of another type than when the statement was prepared.
OF_A_TYPE = ("42", "22", "0A")


async def read_due_integrations(
    at: datetime,
    connection: Connection,
    *,
    source: SourceTables | None = None,
    types: Collection[str] = frozenset(BUILT_IN),
) -> list[DueIntegration]:
    """Every integration that fires at a minute within 30 s before and after ``at``, both ends included (R4).

    Reads the two tables afresh in one statement, in a transaction of its own with row security off. A row that
    can't be fired is left out with one warning. Raises NaiveDatetimeError; ServiceRoleRequired when the role would
    be shown too few rows or lacks a grant; SourceTableMissing when a table or column is not there.
    """
    from synkron.settings.load import SourceTables

    source = source or SourceTables()
    window = window_around(at)
    async with speaking_of(source), connection.transaction(readonly=True):
        await secure(connection, source)
        read = await read_window(connection, window, source, types)
    for row in read.invalid:
        warn_invalid(row)
    due = [
        DueIntegration(one.integration.org_id, one.integration.integration_id, one.integration.integration_type, moment)
        for one in read.due
        for moment in one.moments
    ]
    return sorted(due, key=lambda one: (one.scheduled_for, one.org_id, one.integration_id))


def window_around(at: datetime) -> Window:
    """The minute around ``at``. Its start is left out, so it lies a microsecond before the 30 seconds."""
    moment = utc(at)
    return Window(moment - TOLERANCE - timedelta(microseconds=1), moment + TOLERANCE)


@dataclass(frozen=True, slots=True)
class DueRead:
    """What the due read found: the integrations that are due, and the rows that can't be fired."""

    due: list[Occurrences]
    invalid: list[InvalidIntegration]


async def secure(connection: Connection, source: SourceTables) -> None:
    """Make the current transaction refuse a read that row security would shorten."""
    await connection.execute(source_statements("source/reader", source)["secure"])


async def check_source(connection: Connection, source: SourceTables) -> None:
    """Raise SourceTableMissing or ServiceRoleRequired where the due read would, without reading anything."""
    async with speaking_of(source), connection.transaction(readonly=True):
        await secure(connection, source)
        await connection.fetch("explain " + source_statements("source/reader", source)["due"], [], [], [])


async def read_window(connection: Connection, window: Window, source: SourceTables, types: Collection[str]) -> DueRead:
    """What is due in the window: one statement, in the caller's secured transaction.

    A process that knows nothing yet asks first which expressions and zones there are: to be answered every row, as
    its expression is new, takes a hundred times as long.
    """
    sql = source_statements("source/reader", source)
    if KNOWN.is_empty:
        _learn(await connection.fetch(sql["learn"]))
    rows = await connection.fetch(
        sql["due"],
        KNOWN.expressions_to_read(window),
        KNOWN.expressions(),
        KNOWN.zones(),
    )
    return DueRead(*await by_turns(_judged(rows, window, types)))


def _judged(rows: Iterable[Record], window: Window, types: Collection[str]) -> Steps[Judged]:
    # A new expression in a new zone is answered twice, and so is the row of an organization that stands twice.
    distinct: dict[str | Integration, Integration] = {}
    for row in rows:
        one = integration_of(row)
        distinct[one.integration_id if one.has_own_id else one] = one
        yield
    return (yield from judging(distinct.values(), window, types))


def _learn(rows: Iterable[Record]) -> None:
    for row in rows:
        if row["expression"] is None:
            KNOWN.zone(zone_of(row))
        else:
            KNOWN.expression(row["expression"])


async def read_all(connection: Connection, source: SourceTables) -> list[Integration]:
    """Every row, enabled or not, by organization."""
    async with speaking_of(source), connection.transaction(readonly=True):
        await secure(connection, source)
        rows = await connection.fetch(source_statements("source/reader", source)["all"])
    return [integration_of(row) for row in rows]


async def read_names(connection: Connection, source: SourceTables) -> dict[str, str]:
    """The name of every organization, by its id."""
    async with speaking_of(source), connection.transaction(readonly=True):
        await secure(connection, source)
        rows = await connection.fetch(source_statements("source/reader", source)["names"])
    return {row["org_id"]: row["name"] for row in rows}


async def with_id_type(connection: Executor, statement: str, source: SourceTables) -> str:
    """The statement with ID_TYPE made the type of the integrations' id, so that the primary key's index is used."""
    return statement.replace(
        "ID_TYPE", await connection.fetchval(source_statements("source/reader", source)["id_type"])
    )


class FittedStatement:
    """A statement that is remembered with the type of the integrations' id in it.

    The application may alter that column meanwhile. When the statement fails by what it says, the type is asked anew,
    and if it is another one, so is the statement: once.
    """

    def __init__(self, statement: str, source: SourceTables) -> None:
        self._statement = statement
        self._source = source
        self._fitted: str | None = None

    async def fit(self, connection: Executor) -> str:
        """The statement as the column is now."""
        self._fitted = await with_id_type(connection, self._statement, self._source)
        return self._fitted

    async def fetch(self, connection: Executor, *arguments: object) -> list[Record]:
        """Its rows. Not for use inside a transaction, which a failed statement ends."""
        async with speaking_of(self._source):
            fitted = self._fitted or await self.fit(connection)
            try:
                return await connection.fetch(fitted, *arguments)
            except PostgresError as error:
                if (error.sqlstate or "")[:2] not in OF_A_TYPE:
                    raise
                anew = await self.fit(connection)
                if anew == fitted:
                    raise
                return await connection.fetch(anew, *arguments)


def warn_invalid(row: InvalidIntegration) -> None:
    """The one warning that a row which can't be fired costs."""
    log.warning(
        "integration left out",
        org_id=row.org_id,
        integration_id=row.integration_id,
        integration_type=row.integration_type,
        reason=row.reason,
        **({} if row.error is None else {"exc_info": row.error}),
    )


def integration_of(row: Record, prefix: str = "") -> Integration:
    """The integration that a row of the statements holds, among other columns, under names with the prefix."""
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
    """The zone that a row holds, likewise: text, or a number of minutes."""
    zone: str | None = row[prefix + "timezone"]
    return Decimal(zone) if zone is not None and row[prefix + "zone_is_number"] else zone
