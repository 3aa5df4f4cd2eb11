"""Questions to the ledger, for the commands and the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.ledger.drift import LateRun, Moments, Stage, stages
from synkron.model import EVERYTHING, Scope, Source
from synkron.postgres.connection import Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements

SQL = statements("ledger/history")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One row of the ledger: a decided occurrence and its result. Instants are in UTC.

    ``pause_id`` is the pause that holds it, while it waits.
    """

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
    pause_id: int | None = None

    @property
    def is_for_target(self) -> bool:
        """Whether it was sent to its target, or will be. The others are decisions that nothing is sent for."""
        return self.attempt > 0 or self.finished_at is None


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """One attempt of a run. It has no outcome while it is under way.

    ``enqueued_at`` is when its job was enqueued; ``duration`` is how long its target took to answer, if recorded.
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
    """The number of occurrences by result, and the drift of those that were due afterwards: median, 95th percentile.

    ``caught_up`` runs stand for ``caught_up_moments`` from before. They are late: the drift leaves them out.
    """

    claimed: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    caught_up: int
    caught_up_moments: int
    drift_p50: timedelta | None
    drift_p95: timedelta | None


async def runs(
    connection: Executor,
    scope: Scope = EVERYTHING,
    *,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[RecordedRun]:
    """The decided occurrences that match, the newest first. Without a limit, all of them.

    They are scheduled from ``since`` on, up to ``until``, and come after the run with the moment and number ``before``.
    """
    rows = await connection.fetch(SQL["runs"], *scope, state, since, limit, until, *(before or (None, None)))
    return [RecordedRun(**dict(row)) for row in rows]


async def run(connection: Executor, run_id: int) -> tuple[RecordedRun, list[RecordedAttempt]] | None:
    """One run with its attempts, or None if no run has that number."""
    row = await connection.fetchrow(SQL["run"], run_id)
    if row is None:
        return None
    attempts = await connection.fetch(SQL["attempts"], run_id)
    return RecordedRun(**dict(row)), [RecordedAttempt(**dict(attempt)) for attempt in attempts]


def stages_of(run: RecordedRun, attempts: Sequence[RecordedAttempt]) -> Mapping[Stage, timedelta]:
    """Where the time went until its first attempt was answered, as far as it is on record; none before it started."""
    if run.started_at is None or not attempts:
        return {}
    first = attempts[0]
    times = (run.scheduled_for, run.execute_after, run.claimed_at, run.started_at, first.enqueued_at)
    return stages(Moments(Source(run.source), *times, first.duration))


async def totals(connection: Executor, since: datetime) -> Totals:
    """The results of the occurrences that were decided from ``since`` on."""
    [row] = await connection.fetch(SQL["totals"], since)
    return Totals(**row)


def late_run_of(row: Record, now: datetime) -> LateRun:
    """A late run from its row. If it has not started, its moments end now; without a job, its turn has not come."""
    started_at = row.get("started_at")
    moments = read(
        Moments,
        row,
        source=Source(row["source"]),
        started_at=started_at or now,
        enqueued_at=row["enqueued_at"] if started_at else row["enqueued_at"] or now,
        duration=row.get("duration"),
    )
    return read(LateRun, row, run_id=row["id"], moments=moments, has_started=started_at is not None)
