"""Rows of the ledger for tests of what is late: each written as it would stand, at any moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.conftest import Connection

MINUTE = timedelta(minutes=1)


async def make_room(connection: Connection, around: datetime) -> None:
    """Have partitions for the months around a moment."""
    await connection.execute(
        "select synkron.keep_partitions($1, $2, '-infinity')", around - 40 * 24 * 60 * MINUTE, around + 60 * MINUTE
    )


ADD_RUN = """
    insert into synkron.runs (
        key, integration_id, org_id, integration_type, source, scheduled_for, period_end, execute_after,
        next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, failures, claimed_at, started_at,
        finished_at, error
    )
    values (
        gen_random_uuid(), coalesce($1, gen_random_uuid()::text), $2, $3, $4, $5, $5, $6, $7, $8, 'as planned',
        '* * * * *', 1, $9, $10, 0, $11, $12, $13, $14
    )
    returning id
"""


async def add_run(connection: Connection, scheduled_for: datetime, **values: Any) -> int:
    """A row of the ledger, of these values."""
    number: int = await connection.fetchval(ADD_RUN, *run_of(scheduled_for, **values))
    return number


def run_of(
    scheduled_for: datetime,
    *,
    org_id: str,
    integration_id: str | None = None,
    kind: str = "xledger",
    source: str = "schedule",
    action: str = "run",
    state: str = "claimed",
    execute_after: datetime | None = None,
    claimed_at: datetime | None = None,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    next_attempt_at: datetime | None = None,
    error: str | None = None,
) -> tuple[object, ...]:
    """Its values: claimed half a minute before its moment, allowed to start at it, unless told otherwise."""
    allowed = execute_after or scheduled_for
    return (
        integration_id,
        org_id,
        kind,
        source,
        scheduled_for,
        allowed,
        next_attempt_at or allowed,
        action,
        state,
        0 if started_at is None else 1,
        claimed_at or scheduled_for - MINUTE / 2,
        started_at,
        finished_at,
        error,
    )


async def add_job(connection: Connection, run_id: int, created: datetime) -> None:
    """A job that waits for a worker."""
    await connection.execute(
        "insert into synkron.queue (priority, entrypoint, payload, execute_after, created, status) "
        "values (0, 'xledger', convert_to($1::bigint::text, 'UTF8'), $2, $2, 'queued')",
        run_id,
        created,
    )


async def add_attempt(
    connection: Connection,
    run_id: int,
    *,
    enqueued_at: datetime | None = None,
    finished_at: datetime | None = None,
    duration: timedelta | None = None,
    outcome: str = "succeeded",
    warmth: str | None = None,
    known_by: str | None = None,
    cost: timedelta | None = None,
) -> None:
    """The first attempt of a run that has started."""
    await connection.execute(
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
        "enqueued_at, duration, warmth, warmth_known_by, cold_start_cost) "
        "select id, scheduled_for, 1, 'w', started_at, $2, case when $2::timestamptz is not null then $3 end, "
        "$4, $5, $6, $7, $8 from synkron.runs where id = $1",
        run_id,
        finished_at,
        outcome,
        enqueued_at,
        duration,
        warmth,
        known_by,
        cost,
    )
