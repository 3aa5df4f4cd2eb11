"""Cancel: a waiting run is not delivered, and a running one is ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from synkron.ledger.queue import enqueue, queue_on
from synkron.model import State
from synkron.operations.audit import record
from synkron.operations.runs import NamedRun, lock_runs, named_runs, subject_of
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements

# How many job numbers fit into one notification, which has less than 8,000 bytes.
MOST_TOLD = 300
WANTED = "Only a run that is claimed or running can be cancelled."
# The state of a run after it is cancelled, by its state before.
ENDS = {State.CLAIMED: State.SKIPPED, State.RUNNING: State.FAILED}


@dataclass(frozen=True, slots=True)
class Merged:
    """How many moments were merged into a run, and the first of them."""

    occurrences: int
    start: datetime


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """The runs that would be ended, and the moments merged into each, by run number."""

    runs: Sequence[NamedRun]
    merged: Mapping[int, Merged]


async def plan_cancel(connection: Connection, ids: Collection[int]) -> CancelPlan:
    """What cancelling these would do. Raises NotFound and Refused as ``cancel`` does."""
    async with read_transaction(connection):
        return await _plan(connection, ids)


async def cancel(connection: Connection, ids: Collection[int], author: str, reason: str) -> CancelPlan:
    """End these runs, all or none, and start the runs that waited behind them; returns the runs as they are then.

    A worker that is delivering one is told to stop. Raises NotFound; Refused if one has ended.
    """
    words = f"cancelled by {author}: {reason}"
    async with write_transaction(connection):
        await lock_runs(connection, ids)
        plan = await _plan(connection, ids)
        await _end(connection, [one.id for one in plan.runs], words)
        ended = [replace(one, state=ENDS[one.state]) for one in plan.runs]
        await record(
            connection,
            author=author,
            action="cancel",
            subject=subject_of(plan.runs),
            before={"runs": [one.facts for one in plan.runs]},
            after={"runs": [{"run": one.id, "state": one.state} for one in ended], "reason": reason},
        )
    return CancelPlan(ended, plan.merged)


async def _plan(connection: Connection, ids: Collection[int]) -> CancelPlan:
    runs = await named_runs(connection, ids, ENDS, WANTED)
    rows = await connection.fetch(statements("operations/runs")["merged"], [one.id for one in runs])
    return CancelPlan(runs, {row["id"]: Merged(row["occurrences"], row["start"]) for row in rows})


async def _end(connection: Connection, run_ids: Sequence[int], words: str) -> None:
    sql = statements("operations/runs")
    behind = await connection.fetch(sql["cancel"], run_ids, words)
    jobs = [row["id"] for row in await connection.fetch(sql["jobs"], run_ids)]
    for first in range(0, len(jobs), MOST_TOLD):
        await queue_on(connection).mark_job_as_cancelled(jobs[first : first + MOST_TOLD])
    await enqueue(connection, behind)
