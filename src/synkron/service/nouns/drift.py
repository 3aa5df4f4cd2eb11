"""Where time is lost, in JSON. The form is documented in docs/commands.md, and stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.ledger.drift import LateRun, Stage, lost_in, stages
from synkron.ledger.drift import lateness as late_by
from synkron.model import Source
from synkron.reports.drift import DriftReport, Percentiles, TypeDrift
from synkron.service.forms import milliseconds


@dataclass(frozen=True, slots=True)
class PercentileFacts:
    """How long it took so many runs: the median, the 95th and 99th percentile, and the maximum."""

    runs: int
    p50: timedelta
    p95: timedelta
    p99: timedelta
    max: timedelta


@dataclass(frozen=True, slots=True)
class TypeDriftFacts:
    """The drift of a type; a stage that is not on record is null."""

    integration_type: str
    runs: int
    late: int
    waiting: int
    waiting_late: int
    start: PercentileFacts | None
    stages: Mapping[str, PercentileFacts | None]
    warm: int
    cold: int
    warm_share: float | None


@dataclass(frozen=True, slots=True)
class WorstRun:
    """One of the runs that started, or are, latest."""

    run_id: int
    integration_id: str
    org_id: str
    integration_type: str
    source: Source
    scheduled_for: datetime
    execute_after: datetime
    claimed_at: datetime
    enqueued_at: datetime | None
    started_at: datetime | None
    answered_at: datetime | None
    late: timedelta | None
    lost_in: Stage | None
    stages_ms: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """The drift of a span of time, by type, and the runs that started latest."""

    since: datetime
    until: datetime
    late_after: timedelta
    types: Sequence[TypeDriftFacts]
    worst: Sequence[WorstRun]


def drift_facts(found: DriftReport) -> DriftFacts:
    """The drift for programs."""
    types = [_type(one) for one in found.types]
    return DriftFacts(found.since, found.until, found.late_after, types, [_worst(one) for one in found.worst])


def _type(one: TypeDrift) -> TypeDriftFacts:
    known = one.warm + one.cold
    return TypeDriftFacts(
        integration_type=one.integration_type,
        runs=one.runs,
        late=one.late,
        waiting=one.waiting,
        waiting_late=one.waiting_late,
        start=_percentiles(one.start),
        stages={stage.value: _percentiles(one.stages.get(stage)) for stage in Stage},
        warm=one.warm,
        cold=one.cold,
        warm_share=round(one.warm / known, 4) if known else None,
    )


def _percentiles(found: Percentiles | None) -> PercentileFacts | None:
    return None if found is None else PercentileFacts(found.runs, found.p50, found.p95, found.p99, found.most)


def _worst(run: LateRun) -> WorstRun:
    moments = run.moments
    took = stages(moments)
    # Where its turn has not come, it waits for that until now.
    has_no_job = not run.has_started and moments.enqueued_at == moments.started_at
    return WorstRun(
        run_id=run.run_id,
        integration_id=run.integration_id,
        org_id=run.org_id,
        integration_type=run.integration_type,
        source=moments.source,
        scheduled_for=moments.scheduled_for,
        execute_after=moments.execute_after,
        claimed_at=moments.claimed_at,
        enqueued_at=None if has_no_job else moments.enqueued_at,
        started_at=moments.started_at if run.has_started else None,
        answered_at=None if moments.duration is None else moments.started_at + moments.duration,
        late=late_by(moments),
        lost_in=lost_in(moments),
        stages_ms={stage.value: milliseconds(took.get(stage)) for stage in Stage},
    )
