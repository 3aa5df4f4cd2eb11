"""A claimed run follows its row to the type and organization that the row has now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.scheduler.decide import moved
from synkron.source.queries import SourceQueries

SQL = statements("scheduler/moves")


class Following(NamedTuple):
    """A run, its row's type and organization, the note for its reason, and the job that a worker has, if any."""

    run_id: int
    integration_type: str
    org_id: str
    note: str
    job_id: int | None = None


async def follow_all(connection: Executor, asked: Sequence[Following], mark: UUID | None = None) -> list[bool]:
    """Let the runs follow, each with a job of its new type; returns whether each did. Losing a race is normal.

    ``mark`` is the worker's id in the queue, as in ``attempts.start``.
    """
    rows = await connection.fetch(SQL["follow"], *map(list, zip(*asked, strict=True)), mark)
    followed = {row["id"] for row in rows}
    return [one.run_id in followed for one in asked]


async def follow_left_behind(connection: Connection, source: SourceQueries, types: Collection[str]) -> int:
    """Let the runs follow that no worker would take now; returns how many.

    Their type is not in ``types``, or they are paused or deferred. They would block the runs behind them, although
    their row is not affected.
    """
    if not await connection.fetchval(SQL["any_kept"], list(types)):
        return 0
    left_behind = await source.fit(connection, source.sql("scheduler/moves")["left_behind"])
    rows = await connection.fetch(left_behind, list(types))
    asked = [
        Following(
            row["id"],
            row["live_type"],
            row["live_org"],
            moved(row["integration_type"], row["live_type"], row["org_id"], row["live_org"]),
        )
        for row in rows
    ]
    return sum(await follow_all(connection, asked)) if asked else 0
