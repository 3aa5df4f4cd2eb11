"""Reads what a verification needs, one integration after the other, and stores its figures.

A million integrations and their decisions are read joined, ordered by the integrations' ids: only a batch of rows, or
those of one integration, are in memory at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter

from asyncpg import Record

from synkron.ledger import installation
from synkron.model import EVERYTHING, Scope, Window
from synkron.postgres.connection import Connection
from synkron.postgres.rows import batches, read
from synkron.reports.verify.basis import LATE, Basis
from synkron.reports.verify.evidence import Finding, FindingKind, LiveRow, RecordedDecision, Undelivered
from synkron.reports.verify.examine import Examined, UnsureFinding, examine
from synkron.reports.verify.invalid_rows import InvalidRowIncident, InvalidRows
from synkron.reports.verify.ticks import TickHistory, TickRow
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries

# How many rows are read at once. Checking them blocks the event loop, in which the same process ticks.
BATCH = 1000
DAY = timedelta(hours=24)
# The positions of the columns: the integration's id, whether its row is odd, the current row, and the ledger's row.
ID, IS_ODD = 0, 1
OF_ROW = slice(2, 2 + len(LiveRow._fields))
OF_RUN = slice(OF_ROW.stop, None)


@dataclass
class Report:
    """What was verified, and what was found. ``window`` is the part of the requested time that had been decided.

    ``findings`` are the first of those that ``found`` counts. ``watermark`` is None if no scheduler has ever ticked.
    ``gaps`` counts the stretches of time that no run covers; ``gap`` is their total length.
    """

    window: Window
    now: datetime
    watermark: datetime | None
    ticks: int = 0
    integrations: int = 0
    occurrences: int = 0
    unprovable: int = 0
    could_not_run: int = 0
    failed: int = 0
    invalid: int = 0
    gaps: int = 0
    gap: timedelta = timedelta()
    undelivered: Counter[Undelivered] = field(default_factory=Counter)
    found: Counter[FindingKind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, examined: Examined, most: int) -> None:
        """Add the result for one integration."""
        self.integrations += 1
        self.occurrences += examined.occurrences
        self.unprovable += examined.unprovable
        self.could_not_run += examined.could_not_run
        self.failed += examined.failed
        self.invalid += examined.invalid
        if examined.undelivered:
            self.undelivered.update(examined.undelivered)
        for gap in examined.gaps:
            self.gaps += 1
            self.gap += gap.end - gap.start
        if examined.findings:
            self.note(sorted(examined.findings, key=lambda finding: finding.at), most)

    def note(self, findings: Sequence[Finding], most: int) -> None:
        """Count findings, and keep the first ``most``."""
        self.found.update(finding.kind for finding in findings)
        self.findings += findings[: max(0, most - len(self.findings))]


# requirement R17.3
async def verify(
    connection: Connection,
    settings: Settings,
    since: datetime,
    until: datetime | None = None,
    *,
    scope: Scope = EVERYTHING,
    late_after: timedelta = LATE,
    is_strict: bool = False,
    most: int = 50,
) -> Report:
    """Verify the moments after ``since``, up to ``until`` or to where everything has been decided.

    Moments from before this ledger was copied from another are not verified here. ``is_strict`` reports what was not
    delivered as findings. Keeps the first ``most`` findings. Raises SourceTableMissing, ServiceRoleRequired and
    LedgerMissing.
    """
    source = SourceQueries(settings.source)
    sql = source.sql("reports/verify/store")
    async with source.in_words(), connection.transaction(isolation="repeatable_read", readonly=True):
        await source.secure(connection)
        await connection.execute(sql["room"])
        frame = await connection.fetchrow(sql["frame"], since)
        assert frame is not None  # noqa: S101 (a select without a table)
        now, watermark = frame["now"], frame["watermark"]
        since = max(since, frame["copied_at"] or since)
        end = max(since, min(until or now, now, watermark or since))
        rows = await connection.fetch(sql["ticks"], since, end)
        ticks = TickHistory(
            [read(TickRow, row, window=Window(row["window_start"], row["window_end"])) for row in rows],
            frame["copied_at"],
        )
        start = since if frame["ticked_before"] else max(since, ticks.first or end)
        report = Report(Window(start, end), now, watermark, ticks=len(ticks))
        report.note(ticks.faults(report.window), most)
        basis = Basis(
            report.window,
            ticks,
            now,
            settings.types,
            await installation.read_ids(connection),
            next_transaction=frame["next_transaction"],
            has_zones=bool(settings.source.organizations.timezone),
            late_after=late_after,
            is_strict=is_strict,
            invalid_rows=InvalidRows(
                [InvalidRowIncident(*row) for row in await connection.fetch(sql["invalid_rows"], start, end)]
            ),
        )
        if scope == EVERYTHING:
            report.note([_orphan(row) for row in await connection.fetch(sql["orphans"], start, end)], most)
        asked = (start, end, *scope, late_after)
        async with aclosing(batches(connection, sql["integrations"], *asked, size=BATCH)) as found:
            async for batch in found:
                doubts: list[UnsureFinding] = []
                for _, rows_of_one in groupby(batch, itemgetter(ID)):
                    examined = _examined(list(rows_of_one), basis)
                    report.add(examined, most)
                    doubts += examined.doubts
                report.note(await _confirmed(connection, sql["continues"], doubts), most)
        return report


async def keep_verification(connection: Connection, settings: Settings, now: datetime) -> Report | None:
    """Verify the last 24 hours and store the figures, once an hour for all schedulers; None if it is not due.

    It is not due before the first tick. It takes as long as reading a day's decisions, so it needs its own connection.
    """
    source = SourceQueries(settings.source)
    sql = source.sql("reports/verify/store")
    async with source.in_words(), connection.transaction(isolation="repeatable_read"):
        if not await connection.fetchval(sql["take_hour"], now):
            return None
        report = await verify(connection, settings, now - DAY, most=0)
        if report.watermark is None:
            return None
        await connection.execute(
            sql["keep"],
            now,
            report.window.start,
            report.window.end,
            report.occurrences - report.unprovable,
            report.found[FindingKind.MISSED],
            report.found[FindingKind.DOUBLED],
            report.found[FindingKind.LATE],
            report.found[FindingKind.UNEXPLAINED],
            now - settings.retention,
            report.undelivered.total(),
            report.gaps,
        )
        return report


def _examined(rows: list[Record], basis: Basis) -> Examined:
    """The result for one integration. Odd rows, which come last, have no moments."""
    odd = sum(row[IS_ODD] for row in rows) if rows[-1][IS_ODD] else 0
    if odd == len(rows):
        return Examined(0, invalid=odd)
    first = rows[0]
    row = None if first[OF_ROW.start] is None else LiveRow._make(first[OF_ROW])
    recorded = [RecordedDecision._make(one[OF_RUN]) for one in rows if one[OF_RUN.start] is not None]
    examined = examine(row, recorded, basis)
    return examined._replace(invalid=examined.invalid + odd) if odd else examined


async def _confirmed(connection: Connection, statement: str, doubts: Sequence[UnsureFinding]) -> list[Finding]:
    """Findings for the doubts that the decision before them does not settle."""
    if not doubts:
        return []
    rows = await connection.fetch(
        statement, [doubt.of.id for doubt in doubts], [doubt.of.scheduled_for for doubt in doubts]
    )
    return [
        doubt.of.finding(FindingKind.UNEXPLAINED, doubt.message)
        for doubt, row in zip(doubts, rows, strict=True)
        if not row["continues"]
    ]


def _orphan(row: Record) -> Finding:
    message = (
        f"attempt {row['attempt']} of run {row['run_id']}, by {row['worker']}: there is no such run for this moment"
    )
    return Finding(FindingKind.UNEXPLAINED, row["scheduled_for"], message, run_id=row["run_id"])
