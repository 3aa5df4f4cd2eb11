"""Each moment of a month: what was decided and why, and what follows from the row as it is now."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from synkron.cron import parse, parse_zone
from synkron.errors import NotFound
from synkron.model import Source, State
from synkron.postgres.clock import database_clock
from synkron.reports.overview.calendar import Decided, Moment, calendar
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.late_runs import add_run, make_room

pytestmark = pytest.mark.each_server

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
OSLO = parse_zone("Europe/Oslo")
WORDS = {
    ("merge", "merged into the next"): Decided.MERGED,
    ("skip", "missed: the policy skips"): Decided.SKIPPED,
    ("run", "superseded: the schedule was edited"): Decided.SUPERSEDED,
    ("run", "cancelled by kari"): Decided.CANCELLED,
    ("run", "its vendor was away"): Decided.SKIPPED,
    ("expire", "missed: too old"): Decided.EXPIRED,
}


def short(one: Moment) -> tuple[datetime, Decided]:
    return one.at, one.decided


async def test_each_decision_of_a_month_with_a_change_of_clocks(connection: Connection) -> None:
    """October in Oslo is from 22:00 UTC of the last of September to 23:00 UTC of its own last day."""
    org_id = await add_organization(connection, zone="Europe/Oslo")
    one = await add_integration(connection, "30 2 * * *", org_id=org_id, enabled=False)
    start, end = utc("2026-09-30T22:00:00"), utc("2026-10-31T23:00:00")
    await make_room(connection, end + DAY)
    moments = parse("30 2 * * *").occurrences(start, end, OSLO)
    assert (len(moments), moments[24]) == (31, utc("2026-10-25T00:30:00"))
    expected = []
    for (action, reason), moment in zip(WORDS, moments, strict=False):
        run = await add_run(
            connection, moment, org_id=org_id, integration_id=one, action=action, state="skipped", finished_at=moment
        )
        await connection.execute("update synkron.runs set reason = $2 where id = $1", run, reason)
        expected.append((moment, WORDS[action, reason]))
    done = moments[24]
    run = await add_run(
        connection, done, org_id=org_id, integration_id=one, state="succeeded", started_at=done, finished_at=done + HOUR
    )
    for moment, outcome in zip(moments[25:27], ("cancelled", "final"), strict=True):
        failed = await add_run(
            connection,
            moment,
            org_id=org_id,
            integration_id=one,
            state="failed",
            started_at=moment,
            finished_at=moment + HOUR,
            error="cancelled by kari: no",
        )
        await connection.execute(
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome) "
            "values ($1, $2, 1, 'w', now(), $3)",
            *(failed, moment, outcome),
        )
    asked = await add_run(connection, done + MINUTE / 4, org_id=org_id, integration_id=one, source="manual")
    for outside in (start - DAY, end):
        await add_run(connection, outside, org_id=org_id, integration_id=one)
    found = await calendar(connection, Settings(), one, date(2026, 10, 17))
    assert (found.start, found.end, found.zone) == (start, end, OSLO)
    assert [short(moment) for moment in found.moments] == [
        *expected,
        (done, Decided.RUN),
        (done + MINUTE / 4, Decided.RUN),
        (moments[25], Decided.CANCELLED),
        (moments[26], Decided.RUN),
    ]
    ran, by_hand, cancelled, failed_one = found.moments[-4:]
    assert (ran.run_id, ran.state, ran.source, ran.started_at) == (run, State.SUCCEEDED, Source.SCHEDULE, done)
    assert (ran.finished_at, ran.reason) == (done + HOUR, "as planned")
    assert (by_hand.run_id, by_hand.source, by_hand.state) == (asked, Source.MANUAL, State.CLAIMED)
    assert (cancelled.state, cancelled.reason) == (State.FAILED, "cancelled by kari: no")
    assert (failed_one.state, failed_one.reason) == (State.FAILED, "as planned")


async def test_a_row_that_stands_for_many(connection: Connection) -> None:
    """It is of each of the moments that its schedule had, but for those with a row of their own."""
    one = await add_integration(connection, "0 * * * *", enabled=False)
    begun, last = utc("2026-10-30T20:00:00"), utc("2026-11-01T05:00:00")
    await make_room(connection, last + DAY)
    expired = await add_run(
        connection, last, org_id="o", integration_id=one, action="expire", state="skipped", finished_at=last
    )
    await connection.execute(
        "update synkron.runs set period_start = $2, occurrences = 33, cron_schedule = '0 * * * *', reason = 'too old' "
        "where id = $1",
        expired,
        begun,
    )
    own = await add_run(connection, utc("2026-10-31T12:00:00"), org_id="o", integration_id=one)
    october = await calendar(connection, Settings(), one, date(2026, 10, 1))
    hours = [begun + HOUR * n for n in range(1, 28)]
    assert [moment.at for moment in october.moments] == hours
    assert {moment.run_id for moment in october.moments if moment.at != utc("2026-10-31T12:00:00")} == {expired}
    assert october.moments[15].run_id == own
    november = await calendar(connection, Settings(), one, date(2026, 11, 30))
    assert [short(moment) for moment in november.moments] == [
        (utc("2026-11-01T00:00:00") + HOUR * n, Decided.EXPIRED) for n in range(6)
    ]


@pytest.mark.parametrize("pause", [False, True])
async def test_what_follows_from_the_row(connection: Connection, pause: bool) -> None:
    """Decided up to the watermark, not since; and what comes, during a pause too."""
    now = await database_clock(connection)
    one = await add_integration(connection, "*/15 * * * *")
    watermark = now - 3 * HOUR
    await connection.execute("insert into synkron.watermark (at) values ($1)", watermark)
    if pause:
        await connection.execute(
            "insert into synkron.pauses (integration_id, reason, author, starts_at, until) "
            "values ($1, 'maintenance', 'kari', now() - interval '1 day', now() + interval '90 minutes')",
            one,
        )
        await connection.execute(
            "insert into synkron.held (integration_id, since) values ($1, $2)", one, now - 5 * HOUR
        )
    for month in sorted({(at.year, at.month) for at in (now - 6 * HOUR, now, now + 2 * HOUR)}):
        found = await calendar(connection, Settings(), one, date(*month, 1))
        begin = max(found.start - MINUTE / 60, now - 5 * HOUR if pause else watermark)
        due = [at for at in parse("*/15 * * * *").occurrences(begin, found.end, UTC) if at < found.end]
        before = Decided.HELD if pause else Decided.UNDECIDED
        assert [short(at) for at in found.moments] == [(at, Decided.COMING if at > now else before) for at in due]
        for at in found.moments:
            said = "paused by kari: maintenance" if pause and at.at < now + 1.5 * HOUR else None
            is_late = at.at <= now and not pause
            assert at.reason == (said or ("no scheduler has ticked since" if is_late else ""))
            assert (at.run_id, at.source, at.state) == (None, None, None)


async def test_nothing_comes_of_a_row_that_can_t_run(connection: Connection) -> None:
    for schedule, kind in (("99 * * * *", "xledger"), ("* * * * *", "unknown"), (None, "xledger")):
        one = await add_integration(connection, schedule, kind)
        today = (await database_clock(connection)).date()
        assert list((await calendar(connection, Settings(), one, today)).moments) == []


@pytest.mark.parametrize("name", ["", "nobody", "' or 1=1", "00000000-0000-0000-0000-000000000000"])
async def test_an_integration_that_is_not_known(connection: Connection, name: str) -> None:
    with pytest.raises(NotFound, match="There is no integration"):
        await calendar(connection, Settings(), name, date(2026, 10, 1))


async def test_a_row_that_is_gone_has_a_past(connection: Connection) -> None:
    moment = utc("2026-12-31T23:00:00")
    await make_room(connection, moment)
    await add_run(connection, moment, org_id="o", integration_id="gone")
    found = await calendar(connection, Settings(), "gone", date(2026, 12, 5))
    assert (found.start, found.end, found.zone) == (utc("2026-12-01T00:00:00"), utc("2027-01-01T00:00:00"), UTC)
    assert [short(one) for one in found.moments] == [(moment, Decided.RUN)]
