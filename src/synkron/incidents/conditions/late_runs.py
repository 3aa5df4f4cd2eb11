"""Runs that start late. Pure: late runs in, conditions out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import Names, moment, organization, touched
from synkron.ledger.drift import REASONS, LateRun, Stage, lost_in
from synkron.settings.integrations.naming import section_of
from synkron.text import several, span

# If so many organizations are late at once, the incident is about the fleet.
FLEET = 3


# requirement R17.5
def late(runs: Sequence[LateRun], names: Names, *, is_cut: bool = False) -> list[Condition]:
    """One condition for each organization and type, or one for the fleet; ``is_cut``: there are more runs."""
    if len({run.org_id for run in runs}) >= FLEET:
        return [_of_fleet(runs, names, is_cut=is_cut)]
    groups: dict[tuple[str, str], list[LateRun]] = defaultdict(list)
    for run in runs:
        groups[run.org_id, run.integration_type].append(run)
    return [_of_one(group, names, is_cut=is_cut) for _, group in sorted(groups.items())]


def _of_one(runs: Sequence[LateRun], names: Names, *, is_cut: bool) -> Condition:
    worst, stage = _worst(runs), _lost_in(runs)
    whose = f"{worst.integration_type} of {organization(worst.org_id, names)}"
    late = f"{span(worst.late)} late"
    how_late = f"started {late}" if worst.has_started else f"is {late} and has not started"
    others = f" {_counts(runs, is_cut=is_cut)}" if len(runs) > 1 else ""
    return Condition(
        kind=IncidentKind.DRIFT,
        subject=f"{worst.org_id} {worst.integration_type}",
        title=f"{whose} {how_late}{_in_stage(stage)}",
        detail=f"{_told(worst)}{others}",
        remedy=_remedy(stage, worst),
        since=min(run.since for run in runs),
        org_id=worst.org_id,
        integration_type=worst.integration_type,
        touches=_touches(runs, stage),
    )


def _of_fleet(runs: Sequence[LateRun], names: Names, *, is_cut: bool) -> Condition:
    worst, stage = _worst(runs), _lost_in(runs)
    types = Counter(run.integration_type for run in runs)
    organizations = several(len({run.org_id for run in runs}), "organization", at_least=is_cut)
    by_type = ", ".join(f"{name} {count:,}" for name, count in sorted(types.items()))
    whose = f"{worst.integration_type} of {organization(worst.org_id, names)}"
    return Condition(
        kind=IncidentKind.DRIFT,
        subject="fleet",
        title=f"Runs of {organizations} are late{_in_stage(stage)}",
        detail=f"{_counts(runs, is_cut=is_cut)} By type: {by_type}. The worst is {whose}. {_told(worst)}",
        remedy=_remedy(stage, worst),
        since=min(run.since for run in runs),
        integration_type=worst.integration_type if len(types) == 1 else None,
        touches=_touches(runs, stage),
    )


def _worst(runs: Sequence[LateRun]) -> LateRun:
    return max(runs, key=lambda run: (run.late, -run.run_id))


def _lost_in(runs: Sequence[LateRun]) -> Stage | None:
    """The stage that caused most of the delay of all these runs."""
    lost: dict[Stage | None, timedelta] = defaultdict(timedelta)
    for run in runs:
        lost[lost_in(run.moments)] += run.late
    return max(lost, key=lost.__getitem__)


def _in_stage(stage: Stage | None) -> str:
    return f" (stage {stage}): {REASONS[stage]}" if stage else ""


def _told(run: LateRun) -> str:
    at = f"Run {run.run_id} of {moment(run.moments.scheduled_for)}"
    if run.has_started:
        started = f"started at {moment(run.moments.started_at)}, {span(run.late)} late"
    else:
        started = f"is {span(run.late)} late and has not started by {moment(run.moments.started_at)}"
    stage = lost_in(run.moments)
    where = f"most of the delay was in stage {stage}" if stage else "the ledger does not record in which stage"
    return f"{at} {started}; {where}."


def _counts(runs: Sequence[LateRun], *, is_cut: bool) -> str:
    waiting = sum(not run.has_started for run in runs)
    are = f"{several(len(runs), 'run', at_least=is_cut)} started late in the last 15 minutes or should have started"
    return f"{are[0].upper()}{are[1:]}; {waiting:,} of them {'has' if waiting == 1 else 'have'} not started."


def _touches(runs: Sequence[LateRun], stage: Stage | None) -> dict[str, object]:
    return touched(
        (run.org_id for run in runs),
        runs=len(runs),
        waiting=sum(not run.has_started for run in runs),
        by_type=dict(Counter(run.integration_type for run in runs)),
        stage=None if stage is None else stage.value,
        worst_run=_worst(runs).run_id,
    )


def _remedy(stage: Stage | None, worst: LateRun) -> str:
    match stage:
        case Stage.TICK:
            return "Check that a scheduler is running: `synkron nodes` lists them, `synkron run` starts one."
        case Stage.WORKER:
            return (
                "Check that a worker is running: `synkron nodes` lists them. If all are busy, start more, or raise "
                f"`{section_of(worst.integration_type)}.concurrency`."
            )
        case Stage.TURN:
            at = f"{worst.moments.scheduled_for:%Y-%m-%dT%H:%MZ}"
            return (
                f"`synkron why --integration {worst.integration_id} --at {at}` shows what it waited for. The next tick "
                "replaces a lost job."
            )
        case _:
            return f"`synkron runs show {worst.run_id}` shows the run, and `synkron drift` where time is lost."
