"""Reads what a verification needs, one integration after the other, and keeps its figures.

A million integrations and their decisions are read side by side, in the order of the integrations' ids: what is in
memory at once is one integration's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.database import Connection, speaking_of
from synkron.model import Window
from synkron.reader import integration_of, secure
from synkron.settings import Settings
from synkron.sql import source_statements
from synkron.verify import (
    LATE,
    Basis,
    Examined,
    Finding,
    Kind,
    Recorded,
    Sight,
    Standing,
    TickRow,
    examine,
    full_transaction,
)

# How many rows are read at once. Going through them holds the event loop, in which the same process ticks.
PREFETCH = 500
DAY = timedelta(hours=24)


@dataclass
class Report:
    """What was verified, and what was found. ``window`` is what of the time asked for had been decided.

    ``findings`` are the first of those that ``found`` counts. ``watermark`` is None where nobody has ever ticked.
    """

    window: Window
    now: datetime
    watermark: datetime | None
    ticks: int = 0
    integrations: int = 0
    occurrences: int = 0
    held: int = 0
    unprovable: int = 0
    uncovered: int = 0
    failed: int = 0
    invalid: int = 0
    found: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, examined: Examined, most: int) -> None:
        """Count one integration in."""
        self.integrations += 1
        self.occurrences += examined.occurrences
        self.held += examined.held
        self.unprovable += examined.unprovable
        self.uncovered += examined.uncovered
        self.failed += examined.failed
        self.invalid += examined.invalid is not None
        self.note(sorted(examined.findings, key=lambda finding: finding.at), most)

    def note(self, findings: list[Finding], most: int) -> None:
        """Count findings, and keep the first ``most``."""
        self.found.update(finding.kind for finding in findings)
        self.findings += findings[: max(0, most - len(self.findings))]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom to verify: everybody, or one organization, or one type, or one type of an organization."""

    org_id: str | None = None
    integration_type: str | None = None


async def verify(
    connection: Connection,
    settings: Settings,
    since: datetime,
    until: datetime | None = None,
    *,
    scope: Scope = Scope(),
    late_after: timedelta = LATE,
    most: int = 50,
) -> Report:
    """Verify what was to be decided after ``since``, up to ``until`` or to where everything has been decided.

    What was due before this ledger was copied from another is that one's to verify. Keeps the first ``most`` findings.
    Raises SourceTableMissing, ServiceRoleRequired and LedgerMissing.
    """
    async with speaking_of(settings.source), connection.transaction(isolation="repeatable_read", readonly=True):
        return await _verify(connection, settings, since, until, scope, late_after, most)


async def keep_verification(connection: Connection, settings: Settings, now: datetime) -> Report | None:
    """Verify the last 24 hours and keep the figures, once an hour for all schedulers; None where it is not due.

    Nor is it before anybody has ticked. It takes as long as reading a day's decisions does, so it wants a connection
    of its own.
    """
    async with speaking_of(settings.source), connection.transaction(isolation="repeatable_read"):
        sql = source_statements("verify", settings.source)
        if not await connection.fetchval(sql["take_hour"], now):
            return None
        report = await _verify(connection, settings, now - DAY, None, Scope(), LATE, 0)
        if report.watermark is None:
            return None
        await connection.execute(
            sql["keep"],
            now,
            report.window.start,
            report.window.end,
            report.occurrences - report.unprovable,
            *(report.found[kind] for kind in (Kind.MISSED, Kind.DOUBLED, Kind.LATE, Kind.UNEXPLAINED)),
            now - settings.retention,
        )
        return report


async def _verify(
    connection: Connection,
    settings: Settings,
    since: datetime,
    until: datetime | None,
    scope: Scope,
    late_after: timedelta,
    most: int,
) -> Report:
    """In the caller's transaction, all of whose statements see the same."""
    sql = source_statements("verify", settings.source)
    await secure(connection, settings.source)
    frame = await connection.fetchrow(sql["frame"], since)
    assert frame is not None  # noqa: S101 (a select without a table)
    now, watermark = frame["now"], frame["watermark"]
    since = max(since, frame["copied_at"] or since)
    end = max(since, min(until or now, now, watermark or since))
    rows = await connection.fetch(sql["ticks"], since, end)
    sight = Sight(TickRow(Window(row["window_start"], row["window_end"]), row["saw_below"]) for row in rows)
    start = since if frame["ticked_before"] else max(since, sight.first or end)
    report = Report(Window(start, end), now, watermark, ticks=len(rows))
    report.note(sight.holes(report.window), most)
    basis = Basis(report.window, sight, now, settings.types, late_after=late_after)
    has_zones = bool(settings.source.organizations.timezone)
    wanted = (scope.org_id, scope.integration_type)
    async with (
        aclosing(_records(connection, sql["standing"], *wanted)) as standing,
        aclosing(_records(connection, sql["recorded"], start, end, *wanted, late_after)) as recorded,
    ):
        async for row, of_one in _side_by_side(standing, recorded):
            stands = None if row is None else _standing(row, frame["next_transaction"], has_zones=has_zones)
            report.add(examine(stands, [Recorded._make(one) for one in of_one], basis), most)
    return report


async def _records(connection: Connection, statement: str, *arguments: object) -> AsyncGenerator[Record, None]:
    async for record in connection.cursor(statement, *arguments, prefetch=PREFETCH):
        yield record


async def _side_by_side(
    standing: AsyncIterator[Record], recorded: AsyncIterator[Record]
) -> AsyncIterator[tuple[Record | None, list[Record]]]:
    """Each integration's row, if it stands, with its rows of the ledger. Both come in the order of the ids."""
    row, one = await anext(standing, None), await anext(recorded, None)
    while row is not None or one is not None:
        current = min(record["integration_id"] for record in (row, one) if record is not None)
        stands, of_one = None, []
        if row is not None and row["integration_id"] == current:
            stands, row = row, await anext(standing, None)
        while one is not None and one["integration_id"] == current:
            of_one.append(one)
            one = await anext(recorded, None)
        yield stands, of_one


def _standing(row: Record, next_transaction: int, *, has_zones: bool) -> Standing:
    """``has_zones`` is whether organizations have a zone; where they have none, nothing of theirs can change."""
    zone_written = full_transaction(row["zone_written"], next_transaction) if has_zones else 0
    written = full_transaction(row["written"], next_transaction)
    return Standing(integration_of(row), written, zone_written, row["held_since"])
