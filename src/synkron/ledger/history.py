"""What the ledger tells, for the commands and the demo's view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.ledger.drift import LateRun, Moments
from synkron.model import Source
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements

SQL = statements("ledger/history")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One row of the ledger: a decided occurrence, and what came of it. Instants are in UTC."""

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    source: str
    scheduled_for: datetime
    period_start: datetime | None
    period_end: datetime
    execute_after: datetime
    action: str
    reason: str
    occurrences: int
    cron_schedule: str | None
    timezone: str | None
    state: str
    attempt: int
    failures: int
    claimed_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime
    drift: timedelta | None
    http_status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """One try of a run. It has no outcome while it is under way.

    ``enqueued_at`` is when its job was made, ``duration`` how long its target took to answer, where that is on record.
    """

    attempt: int
    worker: str
    enqueued_at: datetime | None
    started_at: datetime
    finished_at: datetime | None
    duration: timedelta | None
    outcome: str | None
    http_status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many occurrences came to what, and how late those that fired on time started: the median, and 95 of 100."""

    claimed: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    drift_p50: timedelta | None
    drift_p95: timedelta | None


async def runs(
    connection: Executor,
    *,
    org_id: str | None = None,
    integration_type: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[RecordedRun]:
    """The decided occurrences that match, the newest first; all of them without a limit."""
    rows = await connection.fetch(SQL["runs"], org_id, integration_type, state, since, limit)
    return [RecordedRun(**dict(row)) for row in rows]


async def run(connection: Executor, run_id: int) -> tuple[RecordedRun, list[RecordedAttempt]] | None:
    """One run with its attempts, or None when there is none of that number."""
    row = await connection.fetchrow(SQL["run"], run_id)
    if row is None:
        return None
    attempts = await connection.fetch(SQL["attempts"], run_id)
    return RecordedRun(**dict(row)), [RecordedAttempt(**dict(attempt)) for attempt in attempts]


async def totals(connection: Executor, since: datetime) -> Totals:
    """What became of what was decided from ``since`` on."""
    [row] = await connection.fetch(SQL["totals"], since)
    return Totals(**row)


def late_run_of(row: Record, now: datetime) -> LateRun:
    """A run that started; or that has not, and whose turn has not come where no job stands for it."""
    started_at = row.get("started_at")
    moments = Moments(
        Source(row["source"]),
        row["scheduled_for"],
        row["execute_after"],
        row["claimed_at"],
        started_at or now,
        row["enqueued_at"] if started_at else row["enqueued_at"] or now,
        row.get("duration"),
    )
    whose = (row["integration_id"], row["org_id"], row["integration_type"])
    return LateRun(row["id"], *whose, moments, started_at is not None)
