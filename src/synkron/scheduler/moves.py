"""A claimed run follows its row to the type and organization that the row has now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import source_statements
from synkron.scheduler.decide import moved
from synkron.settings.load import SourceTables
from synkron.source.reader import with_id_type


class Following(NamedTuple):
    """A run, its row's type and organization, the note for its reason, and the job that a worker has, if any."""

    run_id: int
    integration_type: str
    org_id: str
    note: str
    job_id: int | None = None


async def follow_all(
    connection: Executor, asked: Sequence[Following], source: SourceTables, mark: UUID | None = None
) -> list[bool]:
    """Let the runs follow, each with a job of its new type; returns whether each did. Losing a race is normal.

    ``mark`` is the worker's id in the queue, as in ``attempts.start``.
    """
    sql = source_statements("scheduler/moves", source)
    rows = await connection.fetch(sql["follow"], *map(list, zip(*asked, strict=True)), mark)
    followed = {row["id"] for row in rows}
    return [one.run_id in followed for one in asked]


async def follow_left_behind(connection: Connection, source: SourceTables, types: Collection[str]) -> int:
    """Let the runs follow that no worker would take now; returns how many.

    Their type is not in ``types``, or they are paused or deferred. They would block the runs behind them, although
    their row is not affected.
    """
    sql = source_statements("scheduler/moves", source)
    if not await connection.fetchval(sql["any_kept"], list(types)):
        return 0
    rows = await connection.fetch(await with_id_type(connection, sql["left_behind"], source), list(types))
    asked = [
        Following(
            row["id"],
            row["live_type"],
            row["live_org"],
            moved(row["integration_type"], row["live_type"], row["org_id"], row["live_org"]),
        )
        for row in rows
    ]
    return sum(await follow_all(connection, asked, source)) if asked else 0
