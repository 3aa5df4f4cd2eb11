"""A run's turn, one at a time: what a worker asks for many runs together."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from synkron.ledger import attempts, skips
from synkron.model import Outcome, OutcomeKind, Run
from synkron.postgres.connection import Executor


async def start(
    connection: Executor, run_id: int, worker: str, job_id: int, queue_manager_id: UUID | None = None
) -> Run | None:
    """Start the run's next attempt; None if it may not start."""
    (run,) = await attempts.start_all(connection, [(run_id, job_id)], worker, queue_manager_id, timedelta())
    return run


async def skip(
    connection: Executor, run_id: int, reason: str, job_id: int, queue_manager_id: UUID | None = None
) -> bool:
    """Close a run that must not be delivered; False if it has finished, or is under way elsewhere."""
    (skipped,) = await skips.skip_all(connection, [skips.Skip(run_id, reason, job_id)], queue_manager_id)
    return skipped


async def accept(connection: Executor, run: Run, within: timedelta = timedelta(hours=1)) -> bool:
    """Record that the target answered 202; False if the run was taken over or has ended."""
    accepted = attempts.Acceptance(run, Outcome(OutcomeKind.ACCEPTED, 202), within)
    (recorded,) = await attempts.accept_all(connection, [accepted])
    return recorded
