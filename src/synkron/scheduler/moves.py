"""A claimed run follows its row to the type and organization that the row has now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.source.queries import SourceQueries

SQL = statements("scheduler/moves")


class Move(NamedTuple):
    """A run, its row's type and organization, the note for its reason, and the job that a worker has, if any."""

    run_id: int
    integration_type: str
    org_id: str
    note: str
    job_id: int | None = None


async def move_all(connection: Executor, asked: Sequence[Move], queue_manager_id: UUID | None = None) -> list[bool]:
    """Let the runs follow, each with a job of its new type; returns whether each did. Losing a race is normal.

    ``queue_manager_id`` is the worker's id in the queue, as in ``attempts.start_all``.
    """
    rows = await connection.fetch(SQL["follow"], *map(list, zip(*asked, strict=True)), queue_manager_id)
    followed = {row["id"] for row in rows}
    return [one.run_id in followed for one in asked]


async def move_left_behind(connection: Connection, source: SourceQueries, types: Collection[str]) -> int:
    """Let the runs follow that no worker would take now; returns how many.

    Their type is not in ``types``, or they are paused or deferred. They would block the runs behind them, although
    their row is not affected.
    """
    if not await connection.fetchval(SQL["any_kept"], list(types)):
        return 0
    rows = await connection.fetch(source.sql("scheduler/moves")["left_behind"], list(types))
    asked = [
        Move(
            row["id"],
            row["live_type"],
            row["live_org"],
            moved_note(row["integration_type"], row["live_type"], row["org_id"], row["live_org"]),
        )
        for row in rows
    ]
    return sum(await move_all(connection, asked)) if asked else 0


def moved_note(was_type: str, is_type: str, was_of: str, is_of: str) -> str:
    """What is added to the reason of a run that followed its row to another type or organization."""
    kind = f"; its row's type was changed from {was_type} to {is_type}" if was_type != is_type else ""
    organization = f"; its row was moved from organization {was_of} to {is_of}" if was_of != is_of else ""
    return kind + organization
