"""Retry and cancel: what an operator does with runs, all that are named by their numbers or none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from synkron.errors import Advice, NotFound, Refused
from synkron.ledger.queue import enqueue, queue_on
from synkron.model import Integration, Scope, State
from synkron.operations.audit import Change, record_each
from synkron.operations.scope import known_names, read_rows_by_id
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_paused
from synkron.settings.load import Settings
from synkron.source.due import misplaced

SQL = statements("operations/runs")
# How many job numbers fit into one notification, which has less than 8,000 bytes.
MOST_TOLD = 300
# The state of a run after it is retried, and after it is cancelled, by its state before.
RETRIED = {State.FAILED: State.CLAIMED}
CANCELLED = {State.CLAIMED: State.SKIPPED, State.RUNNING: State.FAILED}
RETRIABLE = "Only a run that has failed for good can be retried."
CANCELLABLE = "Only a run that is claimed or running can be cancelled."


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run as it is now."""

    id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    scheduled_for: datetime
    state: State
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The runs that would be retried; those in ``paused`` wait until their pause ends.

    ``names`` are those of their organizations, as far as they are known.
    """

    runs: Sequence[NamedRun]
    paused: Collection[int]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """How many moments were merged into a run, and the first of them."""

    occurrences: int
    start: datetime


@dataclass(frozen=True, slots=True)
class CancelPlan:
    """The runs that would be ended, and the moments merged into each, by run number; ``names`` as in ``RetryPlan``."""

    runs: Sequence[NamedRun]
    merged: Mapping[int, Merged]
    names: Mapping[str, str] = field(default_factory=dict)


async def plan_retry(
    connection: Connection, settings: Settings, ids: Collection[int], now: datetime, *, within: str | None = None
) -> RetryPlan:
    """What retrying these would do. Raises NotFound and Refused as ``retry`` does."""
    runs = await _named(connection, ids, RETRIED, RETRIABLE, within)
    rows = await read_rows_by_id(connection, settings, [one.integration_id for one in runs])
    live = {row.integration_id: row for row in rows}
    for run in runs:
        _check(run, live.get(run.integration_id), settings)
    paused = await read_paused(connection, rows, now)
    names = await known_names(connection, settings, {one.org_id for one in runs})
    return RetryPlan(runs, [one.id for one in runs if one.integration_id in paused], names)


async def retry(
    connection: Connection, settings: Settings, ids: Collection[int], author: str, *, within: str | None = None
) -> RetryPlan:
    """Run the failed runs again; returns the runs as they are then. Each keeps its key and gets all its attempts again.

    Raises NotFound; Refused if one has not failed, or its integration can't run it. ``within`` an organization, the
    runs of others are unknown.
    """
    async with write_transaction(connection) as now:
        await connection.fetch(SQL["lock"], sorted(set(ids)))
        plan = await plan_retry(connection, settings, ids, now, within=within)
        numbers = [one.id for one in plan.runs]
        await enqueue(connection, await connection.fetch(SQL["retry"], numbers, [now] * len(numbers), None))
        return replace(plan, runs=await _changed(connection, plan.runs, RETRIED, "retry", author))


async def plan_cancel(
    connection: Connection, settings: Settings, ids: Collection[int], *, within: str | None = None
) -> CancelPlan:
    """What cancelling these would do. Raises NotFound and Refused as ``cancel`` does."""
    plan = await _cancellable(connection, ids, within)
    return replace(plan, names=await known_names(connection, settings, {one.org_id for one in plan.runs}))


async def cancel(
    connection: Connection, ids: Collection[int], author: str, reason: str, *, within: str | None = None
) -> CancelPlan:
    """End these runs, and start the runs that waited behind them; returns the runs as they are then.

    A worker that is delivering one is told to stop. Raises NotFound; Refused if one has ended. ``within`` an
    organization, the runs of others are unknown.
    """
    async with write_transaction(connection):
        await connection.fetch(SQL["lock"], sorted(set(ids)))
        plan = await _cancellable(connection, ids, within)
        numbers = [one.id for one in plan.runs]
        behind = await connection.fetch(SQL["cancel"], numbers, f"cancelled by {author}: {reason}")
        jobs = [row["id"] for row in await connection.fetch(SQL["jobs"], numbers)]
        for first in range(0, len(jobs), MOST_TOLD):
            await queue_on(connection).mark_job_as_cancelled(jobs[first : first + MOST_TOLD])
        await enqueue(connection, behind)
        return replace(plan, runs=await _changed(connection, plan.runs, CANCELLED, "cancel", author, reason=reason))


async def _cancellable(connection: Connection, ids: Collection[int], within: str | None) -> CancelPlan:
    """The plan without names: cancelling needs none of the application's tables."""
    runs = await _named(connection, ids, CANCELLED, CANCELLABLE, within)
    rows = await connection.fetch(SQL["merged"], [one.id for one in runs])
    return CancelPlan(runs, {row["id"]: read(Merged, row) for row in rows})


async def _named(
    connection: Connection, ids: Collection[int], allowed: Collection[State], wanted: str, within: str | None
) -> list[NamedRun]:
    """The runs of these numbers, in their order. Raises NotFound and Refused unless all are in an allowed state."""
    rows = await connection.fetch(SQL["runs"], sorted(set(ids)))
    every = [read(NamedRun, row, state=State(row["state"])) for row in rows]
    found = [one for one in every if within in (None, one.org_id)]
    if missing := sorted(set(ids) - {one.id for one in found}):
        raise NotFound(f"There is no run {_listed(missing)}.", Advice.LIST_RUNS)
    others = [f"run {one.id} is {one.state}" for one in found if one.state not in allowed]
    if others:
        raise Refused(f"{'; '.join(others).capitalize()}. {wanted} Nothing was changed.")
    return found


def _check(run: NamedRun, row: Integration | None, settings: Settings) -> None:
    """Raises Refused if the run would be skipped."""
    why = None
    if row is None:
        why = f"its integration {run.integration_id} was deleted"
    elif not row.is_enabled:
        why = f"its integration {run.integration_id} is disabled"
    elif (row.org_id, row.integration_type) != (run.org_id, run.integration_type):
        why = f"its integration {run.integration_id} now has another organization or another type"
    elif invalid := misplaced(row, settings.types):
        why = invalid.reason
    if why is not None:
        raise Refused(f"Run {run.id} can't be retried: {why}.")


async def _changed(
    connection: Connection,
    runs: Sequence[NamedRun],
    ends: Mapping[State, State],
    action: str,
    author: str,
    **further: object,
) -> list[NamedRun]:
    """Record the change of each run in the audit. Returns them as they are now."""
    changed = [replace(one, state=ends[one.state]) for one in runs]
    changes = [
        Change(
            f"run {was.id}",
            Scope(was.org_id, was.integration_type, was.integration_id),
            {"runs": [{"run": was.id, "state": was.state, "failures": was.failures, "error": was.error}]},
            {"runs": [{"run": one.id, "state": one.state}], **further},
        )
        for was, one in zip(runs, changed, strict=True)
    ]
    await record_each(connection, author=author, action=action, changes=changes)
    return changed


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
