"""Runs that are made, retried or cancelled, in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from synkron.service.forms import held_by

if TYPE_CHECKING:
    from synkron.operations.backfill import AskedBackfill, BackfillPlan
    from synkron.operations.backfill_plan import Planned
    from synkron.operations.runs import CancelPlan, NamedRun, RetryPlan
    from synkron.operations.trigger import Triggered, TriggerPlan


@dataclass(frozen=True, slots=True)
class TriggeredRun:
    """A run outside the schedule; ``run_id`` and ``key`` are null in a dry run. It waits for ``behind_run_id``."""

    integration_id: str
    org_id: str
    integration_type: str
    run_id: int | None
    key: str | None
    period_start: datetime | None
    period_end: datetime
    behind_run_id: int | None


@dataclass(frozen=True, slots=True)
class BackfilledOccurrence:
    """An occurrence of the range, and what becomes of it; ``run_id`` is the run that stands for it or runs again."""

    org_id: str
    integration_id: str
    integration_type: str
    scheduled_for: datetime
    period_start: datetime | None
    key: str
    fate: str
    run_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class RetriedRun:
    """A run, as it is after the change; before it in a dry run. One that is ``paused`` waits until that ends."""

    run_id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    scheduled_for: datetime
    state: str
    paused: bool


@dataclass(frozen=True, slots=True)
class CancelledRun:
    """A run, as it is after the change; before it in a dry run. ``merged`` occurrences go with it."""

    run_id: int
    key: str
    integration_id: str
    org_id: str
    integration_type: str
    scheduled_for: datetime
    state: str
    merged: int
    merged_from: datetime | None


def triggered(plan: TriggerPlan, done: Triggered | None) -> Mapping[str, object]:
    """The run that was made, or would be."""
    made = plan if done is None else done.plan
    row = made.integration
    run = TriggeredRun(
        row.integration_id,
        row.org_id,
        row.integration_type,
        None if done is None else done.run_id,
        None if done is None else done.key,
        made.period_start,
        made.at,
        made.behind,
    )
    return held_by(run)


def backfilled(
    asked: AskedBackfill, plan: BackfillPlan, done: tuple[BackfillPlan, Sequence[int]] | None, most: int | None = None
) -> Mapping[str, object]:
    """The range, what becomes of each occurrence (at ``most`` so many are listed), and the runs that were made."""
    made, run_ids = done or (plan, ())
    return {
        "from": asked.start,
        "to": asked.end,
        "counts": made.counts,
        "left_out": made.left_out,
        "paused": made.paused,
        "overlap_skip": made.skipping,
        "run_ids": run_ids,
        "occurrences": [_occurrence(one) for one in made.occurrences[:most]],
    }


def retried(plan: RetryPlan, done: RetryPlan | None) -> Mapping[str, object]:
    """The runs that were retried, or would be."""
    return {"runs": [RetriedRun(*_named(one), paused=one.id in plan.paused) for one in (done or plan).runs]}


def cancelled(plan: CancelPlan, done: CancelPlan | None) -> Mapping[str, object]:
    """The runs that were cancelled, or would be, with what goes with each."""
    made = done or plan
    merged = [made.merged.get(one.id) for one in made.runs]
    return {
        "runs": [
            CancelledRun(*_named(one), merged=also.occurrences if also else 0, merged_from=also.start if also else None)
            for one, also in zip(made.runs, merged, strict=True)
        ]
    }


def _occurrence(one: Planned) -> BackfilledOccurrence:
    row = one.integration
    whose = (row.org_id, row.integration_id, row.integration_type)
    return BackfilledOccurrence(*whose, one.scheduled_for, one.period_start, one.key, one.fate, one.run_id, one.why)


def _named(one: NamedRun) -> tuple[int, str, str, str, str, datetime, str]:
    return one.id, one.key, one.integration_id, one.org_id, one.integration_type, one.scheduled_for, one.state
