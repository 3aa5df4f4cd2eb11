"""What comes on the ruler: each step counted by judging every row by itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from synkron.errors import Refused
from synkron.model import EVERYTHING, Scope, Window
from synkron.postgres.clock import database_clock
from synkron.reports.overview.coming import coming_fires
from synkron.reports.overview.timeline import Timeline, timeline
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings
from synkron.settings.sections import TypeSettings, WarmUpSettings
from synkron.source.due import all_occurrences
from synkron.source.reader import read_all
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization
from tests.support.late_runs import add_run, make_room
from tests.support.overview_cast import cast_of

pytestmark = pytest.mark.each_server

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)


async def expected_of(connection: Connection, scope: Scope, found: Timeline) -> Counter[tuple[str, int]]:
    rows = [row for row in await read_all(connection, Settings().source, scope) if row.is_enabled and row.cron_schedule]
    due, _ = all_occurrences(rows, Window(found.start - MICROSECOND, found.end - MICROSECOND), Settings().types)
    return Counter(
        (one.integration.integration_type, (moment - found.start) // found.step)
        for one in due
        for moment in one.moments
    )


async def test_each_step(connection: Connection) -> None:
    now = await database_clock(connection)
    cast = await cast_of(connection, now)
    await refresh(connection, Settings())
    for hours, step in [(1, MINUTE), (24, 15 * MINUTE), (7 * 24, HOUR)]:
        for scope in (
            EVERYTHING,
            Scope(cast[0].org_id),
            Scope(None, "xledger"),
            Scope(None, None, cast[1].integration_id),
        ):
            found = await timeline(connection, Settings(), scope, now, now + hours * HOUR)
            assert (found.step, found.start >= now, found.start - now < MINUTE) == (step, True, True), hours
            counted = {
                (lane.integration_type, n): fires for lane in found.lanes for n, fires in enumerate(lane.fires) if fires
            }
            assert counted == await expected_of(connection, scope, found), scope
            for lane in found.lanes:
                assert [mark.fires for mark in lane.herds] == sorted(
                    (mark.fires for mark in lane.herds), reverse=True
                ), hours
                assert all(found.start <= mark.at < found.end and mark.fires > 1 for mark in lane.herds), hours


async def test_caught_up_runs_are_marked(connection: Connection) -> None:
    now = await database_clock(connection)
    await make_room(connection, now)
    hour = now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    for minutes in (0, 3, 3, 70):
        await add_run(
            connection, hour - minutes * MINUTE, org_id="o", source="catch_up", next_attempt_at=now + minutes * MINUTE
        )
    await add_run(connection, hour, org_id="o")
    found = await timeline(connection, Settings(), EVERYTHING, now, now + HOUR)
    [lane] = found.lanes
    assert (sum(lane.caught_up), sum(lane.fires)) == (3, 0)
    assert max(lane.caught_up) >= 2
    assert (await timeline(connection, Settings(), Scope("p"), now, now + HOUR)).lanes == []


async def test_warm_ups_are_ahead_of_what_meets_a_cold_target(connection: Connection) -> None:
    now = await database_clock(connection)
    for schedule in ("*/30 * * * *", "1-59/30 * * * *"):
        await add_integration(connection, schedule)
    await add_integration(connection, "* * * * *", "dynamics")
    settings = Settings(
        types={
            "xledger": TypeSettings(target="https://example.com/x", warm_up=WarmUpSettings(keep_warm=2 * MINUTE)),
            "dynamics": TypeSettings(target="https://example.com/d", warm_up=WarmUpSettings(enabled=False)),
        }
    )
    await refresh(connection, settings)
    found = await timeline(connection, settings, EVERYTHING, now, now + 2 * HOUR)
    by_type = {lane.integration_type: lane for lane in found.lanes}
    assert list(by_type["dynamics"].warm_ups) == []
    marks = by_type["xledger"].warm_ups
    assert {(mark + MINUTE / 2).minute % 30 for mark in marks[1:]} == {0}
    assert len(marks) in (4, 5)


async def test_an_answer_is_remembered_for_a_minute(connection: Connection) -> None:
    now = await database_clock(connection)
    org_id = await add_organization(connection)
    await add_integration(connection, "* * * * *", org_id=org_id)
    await refresh(connection, Settings())
    window = Window(*(whole(now) + hours * HOUR for hours in (0, 1)))
    first = await coming_fires(connection, EVERYTHING, window)
    await add_integration(connection, "* * * * *", org_id=org_id)
    await refresh(connection, Settings())
    assert await coming_fires(connection, EVERYTHING, window) is first
    assert await coming_fires(connection, Scope(org_id), window) == {"xledger": [2] * 60}


@pytest.mark.parametrize("length", [timedelta(), -HOUR, timedelta(days=9)])
async def test_a_span_that_is_not_allowed(connection: Connection, length: timedelta) -> None:
    now = await database_clock(connection)
    with pytest.raises(Refused, match=r"^end: "):
        await timeline(connection, Settings(), EVERYTHING, now, now + length)


def whole(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + MINUTE
