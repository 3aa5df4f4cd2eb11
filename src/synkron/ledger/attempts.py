"""Attempts at runs: each is started and ended by one conditional statement. Losing a race is a normal result.

Statements that every run needs take many runs at once, so that the requests of concurrent runs are combined
(``postgres.batch``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from synkron.ledger.claims import run_of
from synkron.ledger.queue import enqueue
from synkron.model import CallTiming, Outcome, OutcomeKind, Run, State
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.runtime import log

SQL = statements("ledger/attempts")
NOW = timedelta()


class AttemptEnd(NamedTuple):
    """How an attempt ends: the run's next state, the wait before its next attempt, and the outcome of this one."""

    run: Run
    state: State
    wait: timedelta
    outcome: str
    http_status: int | None = None
    error: str | None = None
    timing: CallTiming | None = None


class Acceptance(NamedTuple):
    """A run whose target answered 202, and how long it has to report the outcome."""

    run: Run
    outcome: Outcome
    within: timedelta
    timing: CallTiming | None = None


async def start_all(
    connection: Executor, asked: Sequence[tuple[int, int]], worker: str, queue_manager_id: UUID | None, fresh: timedelta
) -> list[Run | None]:
    """Start the next attempts of many runs, each with its job, in one statement. The results are in their order.

    None if a run has finished, is not due, or must wait for another run (G4): it gets a new job when that one ends. A
    job with another ``queue_manager_id`` does not belong to this worker any more. The heartbeats of the jobs are
    renewed, unless they are younger than ``fresh``.
    """
    runs, jobs = [run for run, _ in asked], [job for _, job in asked]
    rows = await connection.fetch(SQL["start"], runs, worker, jobs, queue_manager_id, fresh)
    started = {(row["id"], row["job_id"]): run_of(row) for row in rows}
    return [started.get(one) for one in asked]


async def finish(connection: Executor, run: Run, outcome: Outcome, state: State, wait: timedelta) -> bool:
    """End the attempt with the run's next state; False if the run was taken over in the meantime."""
    (finished,) = await finish_all(connection, [ending(run, outcome, state, wait)])
    return finished


async def hand_back(connection: Executor, run: Run, why: str = "the worker was stopped") -> bool:
    """End an attempt that this worker can't complete. It is not a failure; the run waits for another worker."""
    (finished,) = await finish_all(connection, [back(run, f"handed back: {why}")])
    return finished


def back(run: Run, why: str, wait: timedelta = NOW) -> AttemptEnd:
    """The end of an attempt that does not count. The next may begin after the wait."""
    return AttemptEnd(run, State.CLAIMED, wait, "handed_back", error=why)


def ending(run: Run, outcome: Outcome, state: State, wait: timedelta, timing: CallTiming | None = None) -> AttemptEnd:
    """The end of an attempt with this outcome."""
    return AttemptEnd(run, state, wait, outcome.kind.value, outcome.http_status, outcome.error, timing)


async def finish_all(connection: Executor, endings: Sequence[AttemptEnd]) -> list[bool]:
    """End many attempts and enqueue the runs that come next, in one statement. Returns whether each was ended."""
    ends = (
        (run.id, run.attempt, state.value, wait, outcome, http_status, error, *_columns(timing))
        for run, state, wait, outcome, http_status, error, timing in endings
    )
    rows = await connection.fetch(SQL["finish"], *zip(*ends, strict=True))
    finished = {row["id"] for row in rows}
    return [one.run.id in finished for one in endings]


async def accept_all(connection: Executor, accepted: Sequence[Acceptance]) -> list[bool]:
    """Record that targets accepted runs and will report the outcomes, in one statement. The results are in their order.

    False if the run was taken over or ended.
    """
    columns = (
        (run.id, run.attempt, within, outcome.http_status, outcome.error, *_columns(timing))
        for run, outcome, within, timing in accepted
    )
    rows = await connection.fetch(SQL["accept"], *zip(*columns, strict=True))
    found = {row["run_id"] for row in rows}
    return [one.run.id in found for one in accepted]


async def cancelled(connection: Executor, runs: Sequence[Run]) -> set[int]:
    """The numbers of the runs whose present attempt an operator has cancelled."""
    rows = await connection.fetch(
        SQL["cancelled"],
        [run.id for run in runs],
        [run.attempt for run in runs],
        [run.scheduled_for for run in runs],
    )
    return {row["run_id"] for row in rows}


async def defer(
    connection: Executor, run_id: int, reason: str, at_most: timedelta, endpoint: str, down: Collection[str]
) -> bool:
    """Let the run wait for its vendor; False if it is under way, has waited ``at_most``, or the vendor is back.

    ``down`` are the verdicts for which it waits.
    """
    deferred = await connection.fetch(SQL["defer"], run_id, reason, at_most, endpoint, list(down))
    return bool(await enqueue(connection, deferred))


async def release(connection: Connection, integration_type: str, apart: timedelta) -> int:
    """Release up to 1,000 runs that waited for the type's vendor, one after the other. Returns how many."""
    async with connection.transaction():
        await connection.execute(SQL["release_alone"])
        return await enqueue(connection, await connection.fetch(SQL["release"], integration_type, apart))


async def expire(connection: Connection) -> int:
    """Fail the accepted runs that were not completed in time. Returns how many."""
    async with connection.transaction():
        rows = await connection.fetch(SQL["overdue"])
        for row in rows:
            error = f"timed out: no completion by {row['completes_by']:%Y-%m-%dT%H:%M:%SZ}"
            await finish(connection, run_of(row), Outcome(OutcomeKind.FINAL, error=error), State.FAILED, timedelta())
            log.warning("run failed", run_id=row["id"], org_id=row["org_id"], attempt=row["attempt"], error=error)
    return len(rows)


def _columns(timing: CallTiming | None) -> tuple[object, ...]:
    return (None,) * 4 if timing is None else (timing.duration, timing.warmth, timing.known_by, timing.cost)
