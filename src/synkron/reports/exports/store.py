"""Reads what a report of a range needs, one integration after the other.

A month may hold a million runs. PostgreSQL joins the successful ones into a row for each stretch of time. Only these
rows and those of what is not exported are read, in batches.
"""

from __future__ import annotations

from contextlib import aclosing
from itertools import groupby
from operator import itemgetter

from asyncpg import Record

from synkron.model import EVERYTHING, Scope, Steps, Window
from synkron.postgres.connection import Connection
from synkron.postgres.rows import batches, read
from synkron.postgres.statements import statements
from synkron.reports.exports.coverage import Export, Period, Recorded, export_of
from synkron.reports.exports.figures import ExportReport
from synkron.reports.exports.pending import Frame, Key, read_pending
from synkron.runtime import by_turns
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries

SQL = statements("reports/exports/store")
BATCH = 1000
KEY = itemgetter(*Recorded._fields[:3])


async def read_exports(
    connection: Connection, settings: Settings, window: Window, scope: Scope = EVERYTHING
) -> ExportReport:
    """What was exported of the periods that end in the window, up to now; only of the scope, if given.

    Raises SourceTableMissing, ServiceRoleRequired and LedgerMissing.
    """
    source = SourceQueries(settings.source)
    async with source.in_words(), connection.transaction(isolation="repeatable_read", readonly=True):
        await source.secure(connection)
        await connection.execute(SQL["room"])
        row = await connection.fetchrow(SQL["frame"])
        assert row is not None  # noqa: S101 (a select without a table)
        frame = read(Frame, row)
        window = Window(window.start, max(window.start, min(window.end, frame.now)))
        pending = await read_pending(connection, source, settings, window, frame, scope)
        exports: list[Export] = []
        asked = (window.start, window.end, *scope)
        async with aclosing(batches(connection, SQL["recorded"], *asked, size=BATCH)) as found:
            async for batch in found:
                exports += await by_turns(_exports(batch, pending, window))
        exports += [export_of(key, (), periods, window) for key, periods in pending.items()]
        return ExportReport(window, frame.now, frame.watermark, frame.recorded_since, exports)


def _exports(rows: list[Record], pending: dict[Key, list[Period]], window: Window) -> Steps[list[Export]]:
    """The exports of the integrations in the rows, whose pending periods are used up."""
    exports = []
    for key, of_one in groupby(rows, KEY):
        recorded = [Recorded._make(row) for row in of_one]
        exports.append(export_of(key, recorded, pending.pop(key, ()), window))
        yield
    return exports
