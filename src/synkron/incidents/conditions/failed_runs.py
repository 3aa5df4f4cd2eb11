"""Runs that failed for good, and the findings of verification. Pure: rows in, conditions out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import MOST_APART, Names, moment, organization, touched
from synkron.text import several

# How many runs a command names.
NAMED = 5


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A dead letter: a run that failed after its last attempt, and no later run of its integration has succeeded."""

    run_id: int
    org_id: str
    integration_type: str
    scheduled_for: datetime
    finished_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of the newest verification."""

    at: datetime
    since: datetime
    until: datetime
    expected: int
    missed: int
    doubled: int
    unexplained: int


def failed(runs: Sequence[FailedRun], names: Names, at: datetime, *, is_cut: bool = False) -> list[Condition]:
    """One condition for each organization and type; a single one for a type if very many organizations are affected.

    ``at`` is when the runs were read.
    """
    by_type: dict[str, dict[str, list[FailedRun]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        by_type[run.integration_type][run.org_id].append(run)
    found = []
    for _, by_organization in sorted(by_type.items()):
        if len(by_organization) > MOST_APART:
            everybody = [run for group in by_organization.values() for run in group]
            found.append(_of_type(everybody, names, is_cut=is_cut))
        else:
            found += [_of_one(group, names, at) for _, group in sorted(by_organization.items())]
    return found


def verified(found: Verified | None) -> list[Condition]:
    """A condition if the newest verification has findings that no operator's action explains."""
    if found is None or not (found.missed or found.doubled or found.unexplained):
        return []
    counts = f"{found.missed:,} missed, {found.doubled:,} doubled, {found.unexplained:,} unexplained"
    return [
        Condition(
            kind=IncidentKind.VERIFICATION_FAILED,
            subject="verification",
            title=f"Verification failed: {counts}",
            detail=(
                f"The verification at {moment(found.at)} checked {several(found.expected, 'occurrence')} from "
                f"{moment(found.since)} to {moment(found.until)}."
            ),
            remedy="`synkron verify --since 24h` lists each finding; `synkron why` explains one.",
            since=found.at,
            touches={"missed": found.missed, "doubled": found.doubled, "unexplained": found.unexplained},
        )
    ]


def _of_one(runs: Sequence[FailedRun], names: Names, at: datetime) -> Condition:
    newest, failures = _newest(runs), several(len(runs), "run")
    numbers = " ".join(str(run.run_id) for run in sorted(runs, key=lambda run: run.scheduled_for)[:NAMED])
    rest = (
        f" The others: `synkron runs --state failed --org {newest.org_id} --type {newest.integration_type}`."
        if len(runs) > NAMED
        else ""
    )
    return Condition(
        kind=IncidentKind.RUN_FAILED,
        subject=f"{newest.org_id} {newest.integration_type}",
        title=f"{newest.integration_type} of {organization(newest.org_id, names)}: {failures} failed for good",
        # The text stays as it is until the incident closes: it says by when it was so.
        detail=f"{_told(newest)} No later run of its integration had succeeded by {moment(at)}.",
        remedy=f"When the cause is fixed: `synkron runs retry {numbers}` (the keys stay the same).{rest}",
        since=min(run.finished_at for run in runs),
        org_id=newest.org_id,
        integration_type=newest.integration_type,
        touches=touched([newest.org_id], runs=len(runs), newest_run=newest.run_id),
    )


def _of_type(runs: Sequence[FailedRun], names: Names, *, is_cut: bool) -> Condition:
    newest = _newest(runs)
    kind = newest.integration_type
    organizations = several(len({run.org_id for run in runs}), "organization", at_least=is_cut)
    failures = several(len(runs), "run", at_least=is_cut)
    return Condition(
        kind=IncidentKind.RUN_FAILED,
        subject=f"type {kind}",
        title=f"{kind}: {failures} of {organizations} failed for good",
        detail=f"The newest failure is that of {organization(newest.org_id, names)}. {_told(newest)}",
        remedy=(
            f"`synkron runs --state failed --type {kind}` lists them. When the cause is fixed: "
            f"`synkron runs retry {newest.run_id}` and the other numbers (the keys stay the same)."
        ),
        since=min(run.finished_at for run in runs),
        integration_type=kind,
        touches=touched((run.org_id for run in runs), runs=len(runs), newest_run=newest.run_id),
    )


def _newest(runs: Sequence[FailedRun]) -> FailedRun:
    return max(runs, key=lambda run: (run.finished_at, run.run_id))


def _told(run: FailedRun) -> str:
    return (
        f"Run {run.run_id} of {moment(run.scheduled_for)} failed at {moment(run.finished_at)}: {run.error.rstrip('.')}."
    )
