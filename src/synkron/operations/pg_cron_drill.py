"""A drill of the second clock: the schedulers rest, pg_cron claims, and the result is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import Refused
from synkron.operations.pg_cron import SQL, read_clock
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.runtime import sleep
from synkron.text import duration_text, minute

# How long the last runs have to start before the report.
SETTLE = timedelta(seconds=5)
# By how much a plan has to reach beyond the drill when it is made: the schedulers plan at each tick.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DrilledMoment:
    """A moment: who claimed its runs, how many were left, and how late they started at p95; None if none has."""

    scheduled_for: datetime
    claimed_by_pg_cron: int
    claimed_by_schedulers: int
    unclaimed: int
    p95: timedelta | None


async def drill(connection: Connection, length: timedelta, begun: Callable[[datetime], None]) -> list[DrilledMoment]:
    """Let the schedulers rest for the length. Returns the moments that were due, in order.

    ``begun`` is told until when they rest. Raises Refused if pg_cron does not claim, or less is planned.
    """
    clock = await read_clock(connection)
    if clock is None or not clock.claims:
        raise Refused(
            "pg_cron claims nothing here, so there is nothing to drill. `synkron pg-cron install` sets it up."
        )
    start = await database_clock(connection)
    if clock.planned_until is None or clock.planned_until <= start:
        raise Refused(
            "Nothing is planned, so pg_cron has nothing to claim. Start a scheduler (`synkron run --role scheduler`), "
            "and drill after its first tick."
        )
    if clock.planned_until < start + length:
        raise Refused(
            f"Runs are planned up to {minute(clock.planned_until)}, and the drill would last until "
            f"{minute(start + length)}. Give fewer --minutes, or let the schedulers plan farther: "
            f"`synkron pg-cron install --ahead {duration_text(length + MARGIN)}`."
        )
    try:
        end = await connection.fetchval(SQL["rest"], length)
        begun(end)
        await sleep((length + SETTLE).total_seconds())
    finally:
        await connection.execute(SQL["end_rest"])
    return [read(DrilledMoment, row) for row in await connection.fetch(SQL["drilled"], start, end)]
