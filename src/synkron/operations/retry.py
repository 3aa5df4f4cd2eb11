"""Retry: runs that failed for good run again, with the same key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from synkron.errors import Refused
from synkron.ledger.queue import enqueue
from synkron.model import Integration, State
from synkron.operations.audit import record
from synkron.operations.runs import NamedRun, lock_runs, named_runs, subject_of
from synkron.operations.scope import read_rows_by_id
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_pauses
from synkron.settings.load import Settings
from synkron.source.due import misplaced

WANTED = "Only a run that has failed for good can be retried."


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The runs that would be retried; those in ``paused`` wait until their pause ends."""

    runs: Sequence[NamedRun]
    paused: Collection[int]


async def plan_retry(connection: Connection, settings: Settings, ids: Collection[int]) -> RetryPlan:
    """What retrying these would do. Raises NotFound and Refused as ``retry`` does."""
    async with read_transaction(connection) as now:
        return await _plan(connection, settings, ids, now)


async def retry(connection: Connection, settings: Settings, ids: Collection[int], author: str) -> RetryPlan:
    """Run the failed runs again, all or none. Each keeps its key and gets all its attempts again.

    Raises NotFound; Refused if one has not failed, or its integration can't run it.
    """
    async with write_transaction(connection) as now:
        await lock_runs(connection, ids)
        plan = await _plan(connection, settings, ids, now)
        numbers = [one.id for one in plan.runs]
        sql = statements("operations/runs")
        await enqueue(connection, await connection.fetch(sql["retry"], numbers, [now] * len(numbers), None))
        await record(
            connection,
            author=author,
            action="retry",
            subject=subject_of(plan.runs),
            before={"runs": [one.facts for one in plan.runs]},
            after={"runs": [{"run": one.id, "state": State.CLAIMED} for one in plan.runs]},
        )
    return RetryPlan([replace(one, state=State.CLAIMED) for one in plan.runs], plan.paused)


async def _plan(connection: Connection, settings: Settings, ids: Collection[int], now: datetime) -> RetryPlan:
    runs = await named_runs(connection, ids, [State.FAILED], WANTED)
    rows = await read_rows_by_id(connection, settings, [one.integration_id for one in runs])
    live = {row.integration_id: row for row in rows}
    for run in runs:
        _check(run, live.get(run.integration_id), settings)
    pauses = [pause.scope for pause in await read_pauses(connection, now)]
    paused = [one.id for one in runs if any(pause.holds(live[one.integration_id]) for pause in pauses)]
    return RetryPlan(runs, paused)


def _check(run: NamedRun, row: Integration | None, settings: Settings) -> None:
    """Raises Refused if the run would be skipped."""
    if row is None:
        raise Refused(f"Run {run.id} can't be retried: its integration {run.integration_id} was deleted.")
    if not row.is_enabled:
        raise Refused(f"Run {run.id} can't be retried: its integration {run.integration_id} is disabled.")
    if (row.org_id, row.integration_type) != (run.org_id, run.integration_type):
        raise Refused(
            f"Run {run.id} can't be retried: its integration {run.integration_id} now has another organization or "
            "another type."
        )
    if invalid := misplaced(row, settings.types):
        raise Refused(f"Run {run.id} can't be retried: {invalid.reason}.")
