"""The totals that the demo shows."""

from __future__ import annotations

from datetime import timedelta

from synkron.ledger import history, retention
from synkron.postgres.clock import database_clock
from tests.conftest import Connection

HOUR = timedelta(hours=1)


async def test_totals_count_what_was_decided_since(connection: Connection) -> None:
    """Ten started 10 to 100 ms late; one was caught up, one was due before, one was decided before."""
    since = await database_clock(connection)
    moment = since.replace(second=0, microsecond=0) + 2 * HOUR
    await retention.keep_partitions(connection, since - 10 * HOUR, since, timedelta(days=400))
    for number in range(1, 11):
        await _run(connection, f"on time {number}", moment, since, drift=timedelta(milliseconds=10 * number))
    await _run(connection, "caught up", moment - HOUR, since, drift=HOUR, source="catch_up")
    await _run(connection, "due before", moment - 3 * HOUR, since, drift=HOUR, state="failed")
    await _run(connection, "decided before", moment - HOUR, since - HOUR, drift=HOUR)
    await _run(connection, "skipped", moment, since, state="skipped")
    await _run(connection, "waiting", moment, since, state="claimed")
    assert await history.totals(connection, since) == history.Totals(
        claimed=14,
        running=0,
        succeeded=11,
        failed=1,
        skipped=1,
        caught_up=2,
        caught_up_moments=2,
        drift_p50=timedelta(milliseconds=50),
        drift_p95=timedelta(milliseconds=100),
    )


async def _run(
    connection: Connection,
    name: str,
    moment: object,
    claimed_at: object,
    *,
    drift: timedelta | None = None,
    source: str = "schedule",
    state: str = "succeeded",
) -> None:
    await connection.execute(
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_end, "
        "execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, claimed_at, "
        "started_at, finished_at, error) "
        "values ($1, $1, 'fjord', 'xledger', $2, $3, $3, $3, $3, 'run', 'because', '* * * * *', 1, $4, "
        "case when $5::interval is null then 0 else 1 end, $6, $3::timestamptz + $5::interval, "
        "case when $4 <> 'claimed' then now() end, case when $4 = 'failed' then 'HTTP 500' end)",
        name,
        source,
        moment,
        state,
        drift,
        claimed_at,
    )
