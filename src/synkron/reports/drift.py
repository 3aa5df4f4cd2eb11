"""Reads where time is lost between a run's scheduled moment and its target's response, for ``synkron drift``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.ledger.drift import LateRun, Stage
from synkron.ledger.history import late_run_of
from synkron.model import EVERYTHING, Scope
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements

SQL = statements("reports/drift")
SHARES = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The median, the 95th and 99th percentile, and the maximum, of this many runs."""

    runs: int
    p50: timedelta
    p95: timedelta
    p99: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class TypeDrift:
    """The drift of a type: how many runs started, and how many of these started late.

    ``waiting`` runs could have started and have not; ``waiting_late`` of them are late. ``start`` is how late the
    started ones were. A stage without records is missing from ``stages``. ``warm`` and ``cold`` count the first
    attempts that found their target so, as far as that is known.
    """

    integration_type: str
    runs: int
    late: int
    waiting: int
    waiting_late: int
    start: Percentiles | None
    stages: Mapping[Stage, Percentiles]
    warm: int
    cold: int


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The drift of the runs whose moment is in the time span, by type, and the runs that started latest."""

    since: datetime
    until: datetime
    late_after: timedelta
    types: Sequence[TypeDrift]
    worst: Sequence[LateRun]


# requirement R17.4
async def read_drift(
    connection: Connection,
    since: datetime,
    now: datetime,
    late_after: timedelta,
    scope: Scope = EVERYTHING,
    *,
    most: int,
) -> DriftReport:
    """The drift of the runs scheduled from ``since`` to ``now``, by type, with the ``most`` worst runs."""
    asked = (since, now, *scope)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        stages = await connection.fetch(SQL["stages"], *asked, late_after, SHARES)
        not_started = await connection.fetch(SQL["waiting"], *asked, late_after)
        worst = await connection.fetch(SQL["worst"], *asked, most)
    started = {row["integration_type"]: row for row in stages}
    waiting = {row["integration_type"]: row for row in not_started}
    types = [_type(name, started.get(name), waiting.get(name)) for name in sorted({*started, *waiting})]
    return DriftReport(since, now, late_after, types, [late_run_of(row, now) for row in worst])


def _type(name: str, started: Record | None, waiting: Record | None) -> TypeDrift:
    return TypeDrift(
        integration_type=name,
        runs=started["runs"] if started else 0,
        late=started["late"] if started else 0,
        waiting=waiting["waiting"] if waiting else 0,
        waiting_late=waiting["late"] if waiting else 0,
        start=_percentiles(started["runs"], started["start"]) if started else None,
        stages=_stages(started) if started else {},
        warm=started["warm"] if started else 0,
        cold=started["cold"] if started else 0,
    )


def _stages(row: Record) -> dict[Stage, Percentiles]:
    counts = {Stage.TURN: row["told_apart"], Stage.WORKER: row["told_apart"], Stage.TARGET: row["answered"]}
    found = {stage: _percentiles(counts.get(stage, row["runs"]), row[stage.value]) for stage in Stage}
    return {stage: percentiles for stage, percentiles in found.items() if percentiles is not None}


def _percentiles(runs: int, found: Sequence[timedelta] | None) -> Percentiles | None:
    return Percentiles(runs, *found) if runs and found is not None else None
