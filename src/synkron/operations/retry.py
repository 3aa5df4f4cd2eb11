"""Retry: another chance for runs that have failed for good, with the same key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from synkron import ledger
from synkron.database import Connection
from synkron.due import misplaced
from synkron.errors import Refused
from synkron.model import State
from synkron.operations.audit import record
from synkron.operations.named_runs import NamedRun, lock_runs, named_runs, subject_of
from synkron.operations.scope import Scope, read_rows
from synkron.operations.transaction import changing, looking
from synkron.operations.trigger import pause_of
from synkron.settings import Settings
from synkron.sql import statements

WANTED = "Only a run that has failed for good can be retried."


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The runs that would be retried; those of ``paused`` wait until the pause ends."""

    runs: Sequence[NamedRun]
    paused: Collection[int]


async def plan_retry(connection: Connection, settings: Settings, ids: Collection[int]) -> RetryPlan:
    """What retrying these would do. Raises NotFound and Refused as ``retry`` does."""
    async with looking(connection, settings):
        return await _plan(connection, settings, ids)


async def retry(connection: Connection, settings: Settings, ids: Collection[int], author: str) -> RetryPlan:
    """Give the failed runs another chance, all or none; each has all its attempts again, and its key.

    Raises NotFound; Refused where one has not failed, or its integration would not let it run.
    """
    async with changing(connection, settings) as now:
        await lock_runs(connection, ids)
        plan = await _plan(connection, settings, ids)
        numbers = [one.id for one in plan.runs]
        sql = statements("operations_runs")
        await ledger.give_turn(connection, await connection.fetch(sql["retry"], numbers, [now] * len(numbers), None))
        await record(
            connection,
            author=author,
            action="retry",
            subject=subject_of(plan.runs),
            before={"runs": [one.facts for one in plan.runs]},
            after={"runs": [{"run": one.id, "state": State.CLAIMED} for one in plan.runs]},
        )
    return RetryPlan([replace(one, state=State.CLAIMED) for one in plan.runs], plan.paused)


async def _plan(connection: Connection, settings: Settings, ids: Collection[int]) -> RetryPlan:
    runs = await named_runs(connection, ids, [State.FAILED], WANTED)
    paused = [one.id for one in runs if await _is_paused(connection, settings, one)]
    return RetryPlan(runs, paused)


async def _is_paused(connection: Connection, settings: Settings, run: NamedRun) -> bool:
    """Whether the run would wait for the end of a pause. Raises Refused where it would be skipped at its turn."""
    rows = await read_rows(connection, settings.source, Scope(integration_id=run.integration_id))
    if not rows:
        raise Refused(f"Run {run.id} can't be retried: its integration {run.integration_id} was deleted.")
    [row] = rows
    if not row.is_enabled:
        raise Refused(f"Run {run.id} can't be retried: its integration {run.integration_id} is disabled.")
    if (row.org_id, row.integration_type) != (run.org_id, run.integration_type):
        raise Refused(
            f"Run {run.id} can't be retried: its integration {run.integration_id} is another organization's or of "
            "another type now."
        )
    if invalid := misplaced(row, settings.types):
        raise Refused(f"Run {run.id} can't be retried: {invalid.reason}.")
    return await pause_of(connection, row) is not None
