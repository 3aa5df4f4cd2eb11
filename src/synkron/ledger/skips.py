"""Claimed runs that must not be delivered any more: they are skipped, and their time goes to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements

SQL = statements("ledger/skips")


class Skip(NamedTuple):
    """A run that must not be delivered, the reason, and the job that found it."""

    run_id: int
    reason: str
    job_id: int


async def skip(
    connection: Executor, run_id: int, reason: str, job_id: int, queue_manager_id: UUID | None = None
) -> bool:
    """Close a run that must not be delivered; False if it has finished, or is under way elsewhere."""
    (skipped,) = await skip_all(connection, [Skip(run_id, reason, job_id)], queue_manager_id)
    return skipped


async def skip_all(connection: Executor, skips: Sequence[Skip], queue_manager_id: UUID | None) -> list[bool]:
    """Close many runs and enqueue the runs that come next, in one statement. Returns whether each was closed."""
    runs, reasons, jobs = zip(*skips, strict=True)
    rows = await connection.fetch(SQL["skip"], runs, reasons, jobs, queue_manager_id)
    skipped = {row["id"] for row in rows}
    return [one.run_id in skipped for one in skips]
