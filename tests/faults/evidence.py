"""What the database tells of an experiment, in the oracle's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tests.conftest import Connection
from tests.faults.oracle import Delivery, Edit, Evidence, Row, Tick

TICKS = "select pg_xact_commit_timestamp(xmin) as committed, window_end as decided from synkron.ticks"
ROWS = """
    select r.id, r.key, r.integration_id, r.scheduled_for, r.period_start, r.action, r.source, r.reason, r.occurrences,
        r.cron_schedule as schedule, r.state, pg_xact_commit_timestamp(r.xmin) as last_change,
        array(
            select a.outcome from synkron.attempts a
            where a.run_id = r.id and a.scheduled_for = r.scheduled_for order by a.attempt
        ) as attempts
    from synkron.runs r
"""


async def gather(
    connection: Connection, edits: Sequence[Edit], deliveries: Sequence[Delivery], first: datetime, last: datetime
) -> Evidence:
    """Everything of the experiment; judged is what was due in (first, last]."""
    ticks = [Tick(**row) for row in await connection.fetch(TICKS)]
    rows = [Row(**{**row, "attempts": tuple(row["attempts"])}) for row in await connection.fetch(ROWS)]
    return Evidence(edits, ticks, rows, deliveries, first, last)
