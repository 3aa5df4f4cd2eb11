"""The ledger: what was decided, what ran, and what came of it. Every change is one conditional statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.database import Connection, Executor
from synkron.model import Decision, Outcome, Run, Source, State, Window, idempotency_key
from synkron.queue import queue_on
from synkron.sql import statements

SQL = statements("ledger")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim wrote: the runs that will be delivered, and how many decisions were recorded as skipped."""

    run_ids: tuple[int, ...]
    skipped: int


async def clock(connection: Executor) -> datetime:
    """The database's clock: inside a transaction, the moment at which it began."""
    now: datetime = await connection.fetchval(SQL["clock"])
    return now


async def lock_watermark(connection: Connection) -> datetime:
    """The watermark, locked until the caller's transaction ends, so that ticks come one after the other."""
    await connection.execute(SQL["first_watermark"])
    watermark: datetime = await connection.fetchval(SQL["watermark"])
    return watermark


async def claim(connection: Connection, decisions: Sequence[Decision], *, tick_id: int, clock: datetime) -> Claimed:
    """Write the decisions that nobody made before and enqueue their runs, in the caller's transaction.

    ``clock`` is that transaction's own time, from which the queue counts.
    """
    rows = await connection.fetch(SQL["claim"], tick_id, *zip(*map(_row, decisions), strict=True)) if decisions else []
    runs = [row for row in rows if row["state"] == State.CLAIMED]
    await _enqueue(connection, runs, [row["scheduled_for"] - clock for row in runs])
    return Claimed(tuple(row["id"] for row in runs), len(rows) - len(runs))


async def move_watermark(connection: Connection, to: datetime) -> None:
    """Everything up to ``to`` is decided. The watermark never moves back."""
    await connection.execute(SQL["move_watermark"], to)


async def recover(connection: Connection) -> int:
    """Give every unfinished run that lost its job a new one; answers how many."""
    adrift = await connection.fetch(SQL["adrift"])
    await _enqueue(connection, adrift, [timedelta()] * len(adrift))
    return len(adrift)


async def open_tick(
    connection: Connection, at: datetime, window: Window, *, source: str, scheduler: str, due: int, invalid: int
) -> int:
    """Write the tick's own row; answers its number."""
    number: int = await connection.fetchval(
        SQL["record_tick"], at, window.start, window.end, source, scheduler, due, invalid
    )
    return number


async def close_tick(connection: Connection, tick_id: int, claimed: Claimed) -> None:
    """Complete the tick's row with what it claimed."""
    await connection.execute(SQL["complete_tick"], tick_id, len(claimed.run_ids), claimed.skipped)


async def keep_partitions(connection: Executor, first: datetime, now: datetime, retention: timedelta) -> None:
    """Have the partitions from ``first`` to a month ahead, and drop those that ended before ``retention``."""
    oldest = now - retention
    await connection.execute(SQL["keep_partitions"], max(first, oldest), now + timedelta(days=31), oldest)


async def forget(connection: Executor, now: datetime, retention: timedelta) -> None:
    """Delete what the queue and the ticks left behind, beyond ``retention``."""
    await connection.execute(SQL["forget"], now, now - retention)


async def start(connection: Executor, run_id: int, worker: str, job_id: int) -> Run | None:
    """Start the run's next attempt; None when it has finished, is not due, or must wait for another run (G4).

    One that waits for another gets a new job when that one ends.
    """
    row = await connection.fetchrow(SQL["start"], run_id, worker, job_id)
    return None if row is None else run_of(row)


async def finish(connection: Executor, run: Run, outcome: Outcome, state: State, wait: timedelta) -> bool:
    """End the attempt with the run's next state; False when the run was taken over in the meantime."""
    return await _finish(connection, run, state, wait, outcome.kind.value, outcome.http_status, outcome.error)


async def hand_back(connection: Executor, run: Run) -> bool:
    """End an attempt that this worker can't see through. It is no failure; the run waits for another worker."""
    error = "handed back: the worker was stopped"
    return await _finish(connection, run, State.CLAIMED, timedelta(), "handed_back", None, error)


async def skip(connection: Executor, run_id: int, reason: str, job_id: int) -> bool:
    """Close a run that must not be delivered; False when it has finished, or is under way elsewhere."""
    return await _give_turn(connection, await connection.fetch(SQL["skip"], run_id, reason, job_id))


def run_of(row: Record) -> Run:
    """The run that a row of the ledger holds."""
    return Run(
        id=row["id"],
        key=row["key"],
        integration_id=row["integration_id"],
        org_id=row["org_id"],
        integration_type=row["integration_type"],
        source=Source(row["source"]),
        scheduled_for=row["scheduled_for"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        attempt=row["attempt"],
        failures=row["failures"],
        drift=row["drift"],
    )


async def _finish(
    connection: Executor,
    run: Run,
    state: State,
    wait: timedelta,
    outcome: str,
    http_status: int | None,
    error: str | None,
) -> bool:
    rows = await connection.fetch(SQL["finish"], run.id, run.attempt, state.value, wait, outcome, http_status, error)
    return await _give_turn(connection, rows)


async def _give_turn(connection: Executor, rows: Sequence[Record]) -> bool:
    """Enqueue the run whose turn it is. Should this process be lost right here, ``recover`` does it."""
    turns = [row for row in rows if row["id"] is not None]
    await _enqueue(connection, turns, [row["wait"] for row in turns])
    return bool(rows)


async def _enqueue(connection: Executor, runs: Sequence[Record], waits: Sequence[timedelta]) -> None:
    """A job for each run, which the queue starts after the wait. A job too many is harmless: ``start`` fences."""
    if runs:
        await queue_on(connection).enqueue(
            [run["integration_type"] for run in runs],
            [str(run["id"]).encode() for run in runs],
            [0] * len(runs),
            [max(wait, timedelta()) for wait in waits],
        )


def _row(decision: Decision) -> tuple[object, ...]:
    occurrence = decision.occurrence
    integration = occurrence.integration
    return (
        idempotency_key(integration.integration_id, occurrence.scheduled_for),
        integration.integration_id,
        integration.org_id,
        integration.integration_type,
        decision.source.value,
        occurrence.scheduled_for,
        decision.period_start,
        decision.action.value,
        decision.reason,
        decision.occurrences,
        integration.cron_schedule,
        None if integration.timezone is None else str(integration.timezone),
    )
