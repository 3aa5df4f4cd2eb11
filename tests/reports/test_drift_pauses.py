"""Runs that a pause made late are in no figure of drift; those that were late besides are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from synkron.model import EVERYTHING
from synkron.reports.drift import read_drift
from synkron.reports.overview.page import page
from synkron.reports.overview.past import drift_over_time
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization
from tests.support.late_runs import MINUTE, add_run, make_room

SETTINGS = Settings(types={"xledger": {}})
HOUR = timedelta(hours=1)
LATE = 20 * MINUTE


@pytest.mark.parametrize(
    ("source", "ended_before", "is_counted"),
    [
        pytest.param("schedule", MINUTE / 6, False, id="it started when the pause ended"),
        pytest.param("schedule", 4 * MINUTE, False, id="in time after it"),
        pytest.param("schedule", 10 * MINUTE, True, id="it waited on, without a pause"),
        pytest.param("schedule", HOUR, True, id="the pause was over before its moment"),
        pytest.param("catch_up", 10 * MINUTE, False, id="its moment was in the pause; it was caught up in time"),
        pytest.param("catch_up", HOUR, True, id="caught up for another reason"),
    ],
)
async def test_what_a_pause_made_late_is_in_no_figure(
    connection: Connection, source: str, ended_before: timedelta, is_counted: bool
) -> None:
    now: datetime = (await connection.fetchval("select now()")).astimezone(UTC).replace(second=0, microsecond=0)
    await make_room(connection, now)
    org_id = await add_organization(connection)
    one = await add_integration(connection, "0 * * * *", org_id=org_id)
    moment = now - HOUR
    at = moment + LATE
    allowed = at if source == "catch_up" else moment

    async def ran(scheduled_for: datetime, started_at: datetime, execute_after: datetime, source: str) -> int:
        return await add_run(
            connection,
            scheduled_for,
            org_id=org_id,
            integration_id=one,
            source=source,
            execute_after=execute_after,
            started_at=started_at,
            finished_at=now,
            state="succeeded",
        )

    on_time = await ran(moment - HOUR, moment - HOUR, moment - HOUR, "schedule")
    held = await ran(moment, at, allowed, source)
    await connection.execute(
        "insert into synkron.pauses (org_id, reason, author, starts_at, until) values ($1, 'moving', 'kari', $2, $3)",
        org_id,
        moment - 2 * HOUR,
        at - ended_before,
    )
    await refresh(connection, SETTINGS)
    found = await read_drift(connection, now - 3 * HOUR, now, 5 * MINUTE, most=9)
    assert [(of_type.runs, of_type.late) for of_type in found.types] == [(1 + is_counted, int(is_counted))]
    assert {run.run_id for run in found.worst} == {on_time, *([held] if is_counted else [])}
    history = await drift_over_time(connection, EVERYTHING, now - 3 * HOUR, now, HOUR)
    assert sum(history.histogram) == 1 + is_counted
    [row] = (await page(connection, SETTINGS)).rows
    assert row.drift_p95 == (LATE if is_counted else timedelta())
