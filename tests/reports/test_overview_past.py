"""The past in figures, beside counts of Python's own over the same runs."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from synkron.cron import parse
from synkron.errors import Refused
from synkron.model import EVERYTHING, Scope
from synkron.postgres.clock import database_clock
from synkron.reports.overview.heat import heat
from synkron.reports.overview.past import BOUNDS, drift_over_time, endpoint_history
from synkron.service.overview.refresh import refresh
from synkron.settings.load import Settings
from synkron.vendors.health import Verdict
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.late_runs import add_run, make_room

pytestmark = pytest.mark.each_server

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OSLO = ZoneInfo("Europe/Oslo")
CHANGE = utc("2026-10-25T01:00:00")  # 03:00 is 02:00 again in Oslo
Ran = tuple[datetime, str, timedelta | None]


async def some_runs(connection: Connection, around: datetime) -> list[Ran]:
    """Runs of two organizations within a day and a half of a moment; some never started, some were asked for."""
    draw = random.Random(5)  # noqa: S311 (the same runs each time)
    await make_room(connection, around + 2 * 24 * HOUR)
    found: list[Ran] = []
    for _ in range(300):
        moment = around + MINUTE * draw.randrange(-36 * 60, 36 * 60)
        org_id = draw.choice("ab")
        late = None if draw.random() < 0.2 else timedelta(milliseconds=draw.choice([0, 80, 100, 700, 4000, 301_000]))
        source = draw.choice(["schedule", "schedule", "catch_up", "manual"])
        await add_run(
            connection,
            moment,
            org_id=org_id,
            source=source,
            state="claimed" if late is None else "succeeded",
            started_at=None if late is None else moment + late,
            finished_at=None if late is None else moment + late + MINUTE,
        )
        if source != "manual":
            found.append((moment, org_id, late))
    return found


async def test_drift_over_time(connection: Connection) -> None:
    ran = await some_runs(connection, CHANGE)
    for scope in [EVERYTHING, Scope("a"), Scope("nobody")]:
        start, end, step = CHANGE - 24 * HOUR, CHANGE + 20 * HOUR, 2 * HOUR
        found = await drift_over_time(connection, scope, start, end, step)
        started = [
            (at, late)
            for at, org_id, late in ran
            if late is not None and start <= at < end and scope.org_id in (None, org_id)
        ]
        by_step: dict[datetime, list[timedelta]] = defaultdict(list)
        for at, late in started:
            by_step[start + (at - start) // step * step].append(late)
        assert [one.at for one in found.steps] == sorted(by_step), scope
        for one in found.steps:
            lates = sorted(by_step[one.at])
            assert (one.late.runs, one.late.p50, one.late.most) == (
                len(lates),
                lates[(len(lates) - 1) // 2],
                lates[-1],
            ), scope
        counted = Counter(max(n for n, bound in enumerate(BOUNDS) if bound <= late) for _, late in started)
        assert found.histogram == [counted[n] for n in range(len(BOUNDS))], scope
        assert sum(one.runs for one in found.clocks.values()) == len(started), scope


async def test_drift_by_clock_and_the_gaps_of_the_ticks(connection: Connection) -> None:
    await make_room(connection, CHANGE)
    ticks = (
        "insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) "
    )
    for number, (minutes, source) in enumerate(
        [(0, "service"), (1, "service"), (6, "once"), (7, "pg_cron"), (20, "once")]
    ):
        at = CHANGE + minutes * MINUTE
        await connection.execute(
            ticks + "values ($1, $2, $3, $4, 's', 0, 0, 0, 0)", at, at - MINUTE, at + MINUTE, source
        )
        run = await add_run(
            connection, at, org_id="a", state="succeeded", started_at=at + number * MINUTE, finished_at=at + HOUR
        )
        await connection.execute(
            "update synkron.runs set tick_id = (select max(id) from synkron.ticks) where id = $1", run
        )
    found = await drift_over_time(connection, EVERYTHING, CHANGE + MINUTE / 2, CHANGE + HOUR, HOUR)
    assert {clock: (one.runs, one.most) for clock, one in found.clocks.items()} == {
        "service": (1, MINUTE),
        "once": (2, 4 * MINUTE),
        "pg_cron": (1, 3 * MINUTE),
    }
    spans = [(one.began - CHANGE, one.ended and one.ended - CHANGE) for one in found.gaps]
    assert spans == [(MINUTE, 6 * MINUTE), (7 * MINUTE, 20 * MINUTE), (20 * MINUTE, None)]


async def test_nothing_ran(connection: Connection) -> None:
    found = await drift_over_time(connection, EVERYTHING, CHANGE, CHANGE + HOUR, HOUR)
    assert (list(found.steps), sum(found.histogram), found.clocks, list(found.gaps)) == ([], 0, {}, [])
    assert await heat(connection, EVERYTHING, CHANGE - HOUR, CHANGE, UTC) == []
    assert await endpoint_history(connection) == {}


@pytest.mark.parametrize("step", [timedelta(seconds=59), timedelta(), -HOUR])
async def test_a_step_that_is_not_allowed(connection: Connection, step: timedelta) -> None:
    with pytest.raises(Refused, match=r"^step: "):
        await drift_over_time(connection, EVERYTHING, CHANGE, CHANGE + HOUR, step)
    with pytest.raises(Refused, match=r"^step: "):
        await drift_over_time(connection, EVERYTHING, CHANGE, CHANGE + 1501 * MINUTE, MINUTE)


async def test_heat_over_a_change_of_clocks(connection: Connection) -> None:
    """The hour that comes twice is one cell of twice the length."""
    ran = await some_runs(connection, CHANGE)
    await connection.execute("insert into synkron.watermark (at) values ($1)", CHANGE + 30 * HOUR)
    start, end = CHANGE - 24 * HOUR, CHANGE + 20 * HOUR
    found = await heat(connection, EVERYTHING, start, end, OSLO)
    expected: Counter[tuple[object, int]] = Counter()
    actual: Counter[tuple[object, int]] = Counter()
    for at, _, late in ran:
        if start <= at < end:
            local = at.astimezone(OSLO)
            expected[local.date(), local.hour] += 1
            actual[local.date(), local.hour] += late is not None
    assert {(one.day, one.hour): one.expected for one in found} == dict(expected)
    assert {(one.day, one.hour): one.actual for one in found} == {key: actual[key] for key in expected}


async def test_heat_of_what_comes(connection: Connection) -> None:
    """After the watermark, the present schedules are what is expected; rows that can't run are not."""
    now = await database_clock(connection)
    org_id = await add_organization(connection, zone="Asia/Kathmandu")
    schedules = ["*/20 * * * *", "5 4 * * *", "99 * * * *", None]
    for schedule in schedules:
        await add_integration(connection, schedule, org_id=org_id)
    await add_integration(connection, "7 * * * *", "unknown", org_id=org_id)
    await add_integration(connection, "7 * * * *", enabled=False)
    await refresh(connection, Settings())
    watermark = now.replace(second=0, microsecond=0) - 3 * HOUR
    await connection.execute("insert into synkron.watermark (at) values ($1)", watermark)
    zone, end = ZoneInfo("Asia/Kathmandu"), now + 50 * HOUR
    counted: Counter[tuple[object, int]] = Counter()
    for schedule in schedules[:2]:
        assert schedule is not None
        for at in parse(schedule).occurrences(watermark, end, zone):
            counted[at.astimezone(zone).date(), at.astimezone(zone).hour] += at < end
    for scope in (EVERYTHING, Scope(org_id)):
        found = await heat(connection, scope, now - 24 * HOUR, end, zone)
        assert {(one.day, one.hour): one.expected for one in found} == {key: n for key, n in counted.items() if n}
        assert all(one.actual == 0 for one in found)
    with pytest.raises(Refused, match=r"^end: "):
        await heat(connection, EVERYTHING, now, now, zone)
    with pytest.raises(Refused, match=r"^end: "):
        await heat(connection, EVERYTHING, now, now + timedelta(days=33), zone)


async def test_endpoints_by_quarter(connection: Connection) -> None:
    now = await database_clock(connection)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    findings = ["healthy", "degraded", "unreachable", "unauthorized", "throttled", "healthy"]
    add = "insert into synkron.samples (endpoint, at, source, finding, reason, contacts, latency) values "
    for number, finding in enumerate(findings):
        at = quarter - number * 10 * MINUTE
        latency = timedelta(milliseconds=100 * number) if number else None
        await connection.execute(add + "('e', $1, 'run', $2, '', $3, $4)", at, finding, number + 1, latency)
    await connection.execute(add + "('f', $1, 'probe', 'healthy', '', 1, null)", quarter - 24 * HOUR + 14 * MINUTE)
    found = await endpoint_history(connection)
    assert list(found) == ["e"]
    by_quarter: dict[datetime, Counter[str]] = defaultdict(Counter)
    for number, finding in enumerate(findings):
        at = quarter - number * 10 * MINUTE
        by_quarter[at.replace(minute=at.minute // 15 * 15)][finding] += number + 1
    assert [one.at for one in found["e"]] == sorted(by_quarter)
    for one in found["e"]:
        assert {verdict.value: n for verdict, n in one.findings.items() if n} == by_quarter[one.at]
        assert Verdict.UNKNOWN not in one.findings
    assert (found["e"][-1].latency_p50, found["e"][-1].latency_most) == (None, None)
    assert list(await endpoint_history(connection, 25)) == ["e", "f"]
