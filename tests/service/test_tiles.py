"""The figures at the top of the overview: the same as the status, and as counting the cast."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from synkron.cron import parse, parse_zone
from synkron.incidents.conditions.store import read_failed, read_late
from synkron.model import EVERYTHING, Scope, Window
from synkron.postgres.clock import database_clock
from synkron.reports.overview.coming import SQL, Due, count_due
from synkron.scheduler.holds import SQL as HOLDS
from synkron.service.overview.refresh import refresh
from synkron.service.status.store import read_status
from synkron.service.status.tiles import Tiles, tiles
from synkron.service.status.verdict import Held
from synkron.settings.load import Settings
from synkron.source.upcoming import Upcoming
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.late_runs import add_run, make_room
from tests.support.overview_cast import Member, cast_of

pytestmark = pytest.mark.each_server

HOUR = timedelta(hours=1)


def is_of(one: Member, scope: Scope) -> bool:
    own = (one.org_id, one.kind, one.integration_id)
    return all(asked in (None, value) for asked, value in zip(scope, own, strict=True))


def sized(read: tuple[Sequence[object], bool]) -> tuple[int, bool]:
    rows, are_cut = read
    return len(rows), are_cut


def moments(cast: list[Member], at: datetime) -> list[tuple[Member, datetime]]:
    return [
        (one, moment)
        for one in cast
        if one.schedule is not None and one.is_live and not one.is_invalid
        for moment in parse(one.schedule).occurrences(at, at + HOUR, parse_zone(one.zone))
    ]


def due(cast: list[Member], found: Tiles) -> tuple[int, int]:
    """How many moments come, and how many more are paused, of a cast whose pauses have no end."""
    are_paused = [one.is_paused for one, _ in moments(cast, found.at)]
    return are_paused.count(False), are_paused.count(True)


async def test_they_are_the_figures_of_the_status(connection: Connection) -> None:
    now = await database_clock(connection)
    cast = await cast_of(connection, now)
    one = cast[0]
    await add_run(connection, now.replace(second=0, microsecond=0) - HOUR, org_id=one.org_id, integration_id="gone")
    await refresh(connection, Settings())
    found = await tiles(connection, Settings())
    status = await read_status(connection, Settings(), 5)
    assert (found.late, found.failing) == (status.late, status.failing)
    assert found.failing == sum(one.failing_at is not None for one in cast)
    assert found.late == 1
    assert (found.runs, found.pauses, found.held) == (status.runs, status.pauses, status.held)
    assert (found.pauses, found.held.paused) == (3, sum(one.is_held for one in cast))
    assert found.runs.running == sum(one.is_running for one in cast)
    assert (found.due, found.paused) == due(cast, found)
    assert min(found.due, found.paused) > 10
    assert (found.last_tick, found.verification, found.incidents) == (None, None, 0)
    assert (found.late_are_cut, found.failing_are_cut) == (False, False)


async def test_what_a_pause_holds_is_not_due(connection: Connection) -> None:
    """Up to its end, whatever it is of; of several pauses, up to the last end. Others begin as these are read."""
    now = await database_clock(connection)
    cast = await cast_of(connection, now)
    one, other = cast[2], cast[8]
    await refresh(connection, Settings())
    pauses: list[tuple[str | None, str | None, str | None, int | None]] = [
        (None, None, cast[0].integration_id, None),
        (cast[1].org_id, None, None, None),
        (cast[2].org_id, "dynamics", None, None),
    ]
    for added in [
        (None, "xledger", None, 20),
        (one.org_id, None, None, 40),
        (one.org_id, None, None, 10),
        (None, None, other.integration_id, 31),
        (other.org_id, other.kind, None, 16),
        (None, None, None, 6),
        (None, "bufdir", None, None),
        (None, None, None, None),
    ]:
        pauses.append(added)
        *whom, minutes = added
        await connection.execute(
            "insert into synkron.pauses (org_id, integration_type, integration_id, reason, author, until) "
            "values ($1, $2, $3, 'r', 'kari', now() + $4 * interval '1 minute')",
            *whom,
            minutes,
        )
        found, status = await tiles(connection, Settings()), await read_status(connection, Settings(), 5)
        ends = await connection.fetch("select until from synkron.pauses where ended_at is null order by id")
        lasting = [(Scope(*pause[:3]), end["until"]) for pause, end in zip(pauses, ends, strict=True)]

        def is_paused(
            whom: Member, moment: datetime, lasting: Sequence[tuple[Scope, datetime | None]] = lasting
        ) -> bool:
            return any(is_of(whom, scope) and (until is None or moment < until) for scope, until in lasting)

        for scope in (EVERYTHING, Scope(one.org_id), Scope(None, "xledger"), Scope(other.org_id, other.kind)):
            part = await tiles(connection, Settings(), scope)
            come = [is_paused(*come) for come in moments([each for each in cast if is_of(each, scope)], part.at)]
            assert (part.due, part.paused) == (come.count(False), come.count(True)), (added, scope)
        assert (status.due, status.paused) == (found.due, found.paused), added
        assert len(status.coming) == min(5, status.due)
        assert all(not is_paused(by_id(cast, each), each.scheduled_for) for each in status.coming)
    assert (found.due, found.paused > 20) == (0, True)


def by_id(cast: list[Member], coming: Upcoming) -> Member:
    return next(one for one in cast if one.integration_id == coming.integration.integration_id)


async def test_what_is_held_is_told_apart_by_its_reason(connection: Connection) -> None:
    org_id = await add_organization(connection, "Fjord")
    ids = [await add_integration(connection, "0 2 * * *", org_id=org_id) for _ in range(6)]
    reasons = ["pause", "pause", "pause", "type", "type", "organization"]
    await connection.executemany(
        "insert into synkron.held (integration_id, since, reason) values ($1, now(), $2)",
        zip(ids, reasons, strict=True),
    )
    await refresh(connection, Settings())
    for scope, expected in (
        (EVERYTHING, Held(3, 2, 1)),
        (Scope(org_id), Held(3, 2, 1)),
        (Scope(None, None, ids[3]), Held(0, 1, 0)),
        (Scope("nobody"), Held(0, 0, 0)),
    ):
        assert (await tiles(connection, Settings(), scope)).held == expected, scope
    assert (await read_status(connection, Settings(), 5)).held == Held(3, 2, 1)


async def test_of_a_scope(connection: Connection) -> None:
    now = await database_clock(connection)
    cast = await cast_of(connection, now)
    await connection.execute(
        "insert into synkron.incidents (kind, subject, org_id, integration_type, title, detail, remedy, since, "
        "opened_at, seen_at, closed_at) "
        "select 'run_failed', 's' || n, $1, 'dynamics', 't', 'd', 'r', now(), now(), now(), "
        "case when n > 2 then now() end from generate_series(1, 5) n",
        cast[2].org_id,
    )
    await refresh(connection, Settings())
    scopes = [Scope(one.org_id, one.kind, one.integration_id) for one in cast[:20]]
    scopes += [Scope(one.org_id) for one in cast[:9]] + [Scope(None, one.kind) for one in cast[:12:3]]
    for scope in [*scopes, Scope("nobody"), EVERYTHING]:
        members = [one for one in cast if is_of(one, scope)]
        found = await tiles(connection, Settings(), scope)
        assert (found.due, found.paused) == due(members, found), scope
        assert found.failing == sum(one.failing_at is not None for one in members), scope
        # What is counted is what is read.
        assert (found.late, found.late_are_cut) == sized(await read_late(connection, found.at, Settings(), scope)), (
            scope
        )
        assert (found.failing, found.failing_are_cut) == sized(await read_failed(connection, found.at, scope)), scope
        assert found.runs.running == sum(one.is_running for one in members), scope
        assert found.held.paused == sum(one.is_held for one in members), scope
        covers = [
            any(one is cast[0] for one in members),
            any(one.org_id == cast[1].org_id for one in members),
            any(one.org_id == cast[2].org_id and one.kind == "dynamics" for one in members),
        ]
        assert found.pauses == sum(covers), scope
    assert (await tiles(connection, Settings(), Scope(cast[2].org_id))).incidents == 2
    assert (await tiles(connection, Settings(), Scope(cast[1].org_id))).incidents == 0
    with_type = [one for one in cast if one.org_id == cast[2].org_id and one.kind == "dynamics"]
    assert (await tiles(connection, Settings(), Scope(None, None, with_type[0].integration_id))).incidents == 2


async def test_no_more_is_counted_than_a_page_has_time_for(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the newest failures have succeeded since, there may be older ones that have not."""
    now = (await database_clock(connection)).replace(second=0, microsecond=0)
    await make_room(connection, now)
    for ago, integration_id, state in [(5, "old", "failed"), (4, "new", "failed"), (3, "new", "succeeded")]:
        finished = now - ago * HOUR + timedelta(seconds=9)
        await add_run(
            connection,
            now - ago * HOUR,
            org_id="o",
            integration_id=integration_id,
            state=state,
            started_at=finished,
            finished_at=finished,
            error="HTTP 500" if state == "failed" else None,
        )
    for most, counted in [(1, (0, True)), (2, (1, True)), (3, (1, False))]:
        monkeypatch.setattr("synkron.service.status.tiles.MOST_FAILED", most)
        found = await tiles(connection, Settings())
        assert (found.failing, found.failing_are_cut) == counted


async def test_what_is_due_is_counted_once_for_a_copy_and_a_minute(connection: Connection) -> None:
    """And again for another window, and as soon as the copy or the pauses are others; these are never read."""
    asked: list[str] = []
    connection.add_query_logger(lambda query: asked.append(query.query))
    at = utc("2026-10-25T01:00:30")
    for number, windows in enumerate([(0, 20, 40, 60), (0, 0)], 1):
        await add_integration(connection, "*/15 * * * *")
        await refresh(connection, Settings())
        asked.clear()
        for seconds in windows:
            start = at + timedelta(seconds=seconds)
            found = await count_due(connection, Window(start, start + 400 * 24 * HOUR))
            assert found == Due(number * 400 * 24 * 4, 0)
        assert asked.count(SQL["groups"]) == len({start_of // 60 for start_of in (30 + one for one in windows)})
    await connection.execute("insert into synkron.pauses (starts_at, reason, author) values ($1, 'r', 'kari')", at)
    for _ in range(2):
        assert await count_due(connection, Window(at, at + 400 * 24 * HOUR)) == Due(0, 2 * 400 * 24 * 4)
    assert asked.count(SQL["groups"]) == 2
    assert HOLDS["pauses"] not in asked


async def test_what_is_due_is_counted_again_for_other_pauses(connection: Connection) -> None:
    """Though they are as many as before, the newest is the same, and so is the first end."""
    ids = [await add_integration(connection, schedule) for schedule in ("0 * * * *", "0,30 * * * *", "*/15 * * * *")]
    await refresh(connection, Settings())
    at = (await database_clock(connection)).replace(minute=0, second=30, microsecond=0) + 2 * HOUR
    begun, ends = timedelta(seconds=10), (2 * HOUR, 2 * HOUR, HOUR / 12)
    await connection.executemany(
        "insert into synkron.pauses (integration_id, starts_at, until, reason, author) values ($1, $2, $3, 'r', 'k')",
        [(one, at + begun * (one == ids[1]), at + end) for one, end in zip(ids, ends, strict=True)],
    )
    assert await count_due(connection, Window(at, at + HOUR)) == Due(6, 1)
    await connection.execute(
        "update synkron.pauses set ended_at = now(), ended_by = 'kari' where integration_id = $1", ids[0]
    )
    assert await count_due(connection, Window(at + begun, at + begun + HOUR)) == Due(5, 2)


async def test_the_newest_verification_is_told_for_the_whole_fleet_alone(connection: Connection) -> None:
    await connection.execute(
        "insert into synkron.verifications (since, until, expected, missed, doubled, late, unexplained) "
        "values (now() - interval '1 day', now(), 7, 1, 2, 0, 3)"
    )
    found = await tiles(connection, Settings())
    assert found.verification is not None
    assert (found.verification.missed, found.verification.doubled, found.due) == (1, 2, 0)
    assert (await tiles(connection, Settings(), Scope("o"))).verification is None
