"""Reads the past in figures: how late runs started, step by step, and how the vendors' endpoints did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.errors import Refused
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS
from synkron.model import Scope
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.reports.drift import SHARES, Percentiles
from synkron.vendors.health import Verdict

SQL = statements("reports/overview/past")
QUARTER = timedelta(minutes=15)
MOST_STEPS = 1_500
# The bounds of the histogram: a run is at one of them or above, and below the next.
BOUNDS = tuple(
    timedelta(milliseconds=one) for one in (0, 100, 250, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000)
)


@dataclass(frozen=True, slots=True)
class DriftStep:
    """How late the runs started whose moment is from ``at`` up to the next step."""

    at: datetime
    late: Percentiles


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which nobody ticked; ``ended`` is None if it lasts."""

    began: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class DriftHistory:
    """How late the runs of the schedules started, those that were caught up included.

    Steps without runs are missing. ``histogram`` counts the runs at or above each of ``BOUNDS``, below the next.
    ``clocks`` has the same by what ticked: ``service``, ``once`` or ``pg_cron``. ``gaps`` are those of the ticks.
    """

    start: datetime
    end: datetime
    step: timedelta
    steps: Sequence[DriftStep]
    histogram: Sequence[int]
    clocks: Mapping[str, Percentiles]
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class EndpointCell:
    """The contacts with an endpoint in a quarter of an hour: how many had each finding, and how fast it was."""

    at: datetime
    findings: Mapping[Verdict, int]
    latency_p50: timedelta | None
    latency_most: timedelta | None


async def drift_over_time(
    connection: Connection, scope: Scope, start: datetime, end: datetime, step: timedelta
) -> DriftHistory:
    """How late the runs of the scope started whose moment is from ``start`` up to ``end``.

    Its cost grows with these runs: a million take about a second. Raises Refused for a step that is not allowed.
    """
    if step < timedelta(minutes=1) or (end - start) / step > MOST_STEPS:
        raise Refused(f"step: {step} is too short; it is a minute or more, and there are at most {MOST_STEPS:,} steps.")
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(SQL["room"])
        found: dict[str, list[Record]] = {"step": [], "clock": [], "bound": []}
        for row in await connection.fetch(SQL["drift"], start, end, step, *scope, SHARES, BOUNDS):
            found[row["kind"]].append(row)
        gaps = await connection.fetch(SQL["tick_gaps"], start, end, LONGEST_BETWEEN_TICKS)
    histogram = [0] * len(BOUNDS)
    for row in found["bound"]:
        histogram[max(row["place"] - 1, 0)] += row["runs"]
    return DriftHistory(
        start,
        end,
        step,
        [DriftStep(row["at"], _percentiles(row)) for row in found["step"]],
        histogram,
        {row["clock"]: _percentiles(row) for row in found["clock"]},
        [Gap(**row) for row in gaps],
    )


async def endpoint_history(connection: Connection, hours: int = 24) -> dict[str, list[EndpointCell]]:
    """The quarters of the last hours in which each endpoint was contacted, the oldest first. Samples last 7 days."""
    now = await database_clock(connection)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    found: dict[str, list[EndpointCell]] = {}
    for row in await connection.fetch(SQL["samples"], quarter + QUARTER - timedelta(hours=hours), QUARTER):
        findings: dict[Verdict, int] = {
            verdict: row[verdict.value] for verdict in Verdict if verdict is not Verdict.UNKNOWN
        }
        cell = EndpointCell(row["at"], findings, row["latency_p50"], row["latency_most"])
        found.setdefault(row["endpoint"], []).append(cell)
    return found


def _percentiles(row: Record) -> Percentiles:
    return Percentiles(row["runs"], *row["late"])
