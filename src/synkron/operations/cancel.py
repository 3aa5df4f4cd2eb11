"""Cancel: a run that waits is not delivered, and one that runs is ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from synkron import ledger
from synkron.database import Connection
from synkron.model import State
from synkron.operations.audit import record
from synkron.operations.named_runs import NamedRun, lock_runs, named_runs, subject_of
from synkron.operations.transaction import changing, looking
from synkron.queue import queue_on
from synkron.settings import Settings
from synkron.sql import statements

WANTED = "Only a run that is claimed or running can be cancelled."
# What a run that was in one state is in once it was cancelled.
ENDS = {State.CLAIMED: State.SKIPPED, State.RUNNING: State.FAILED}


async def plan_cancel(connection: Connection, settings: Settings, ids: Collection[int]) -> list[NamedRun]:
    """The runs as they stand. Raises NotFound and Refused as ``cancel`` does."""
    async with looking(connection, settings):
        return await named_runs(connection, ids, ENDS, WANTED)


async def cancel(
    connection: Connection, settings: Settings, ids: Collection[int], author: str, reason: str
) -> list[NamedRun]:
    """End these runs, all or none, and give the runs behind them their turn; answers them as they are then.

    A worker that has one at its target is told to break off. Raises NotFound; Refused where one has ended.
    """
    words = f"cancelled by {author}: {reason}"
    async with changing(connection, settings):
        await lock_runs(connection, ids)
        runs = await named_runs(connection, ids, ENDS, WANTED)
        await _end(connection, [one.id for one in runs], words)
        ended = [replace(one, state=ENDS[one.state]) for one in runs]
        await record(
            connection,
            author=author,
            action="cancel",
            subject=subject_of(runs),
            before={"runs": [one.facts for one in runs]},
            after={"runs": [{"run": one.id, "state": one.state} for one in ended], "reason": reason},
        )
    return ended


async def _end(connection: Connection, run_ids: Sequence[int], words: str) -> None:
    sql = statements("operations_runs")
    behind = await connection.fetch(sql["cancel"], run_ids, words)
    jobs = [row["id"] for row in await connection.fetch(sql["jobs"], run_ids)]
    if jobs:
        await queue_on(connection).mark_job_as_cancelled(jobs)
    await ledger.give_turn(connection, behind)
