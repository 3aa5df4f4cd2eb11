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


async def skip_all(connection: Executor, skips: Sequence[Skip], queue_manager_id: UUID | None) -> list[bool]:
    """Close many runs and enqueue the runs that come next, in one statement.

    Returns whether each was closed; one that was not has finished, or is under way elsewhere.
    """
    runs, reasons, jobs = zip(*skips, strict=True)
    rows = await connection.fetch(SQL["skip"], runs, reasons, jobs, queue_manager_id)
    skipped = {row["id"] for row in rows}
    return [one.run_id in skipped for one in skips]
