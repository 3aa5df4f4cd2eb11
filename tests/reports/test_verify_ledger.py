"""What a verification finds in a real ledger, and what PostgreSQL's transactions prove."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
import pytest

from synkron.incidents.conditions.store import read_conditions
from synkron.incidents.store import reconcile
from synkron.model import Scope, Window
from synkron.operations.runs import cancel
from synkron.reports.exports.coverage import Reason
from synkron.reports.exports.store import read_exports
from synkron.reports.verify.evidence import FindingKind, Undelivered
from synkron.reports.verify.store import Report, keep_verification, verify
from synkron.reports.verify.ticks import full_transaction
from synkron.scheduler.tick import tick
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import OrganizationsTable, Settings, SourceTables, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, watching
from tests.support.turns import start

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# Each missed moment gets a run of its own.
ALL = Settings(types={"xledger": TypeSettings(catch_up=CatchUp.ALL)})


async def decide_hours(
    connection: Connection, hours: int = 3, settings: Settings = ALL, ago: timedelta = timedelta()
) -> datetime:
    """A tick, so long ago, that decides some hours; answers where they begin.

    It is as of five minutes before or after a tenth minute, so that nothing of these schedules is on time.
    """
    at: datetime = await connection.fetchval(
        "select date_bin('10 minutes', now() - $1::interval, 'epoch'::timestamptz) - interval '5 minutes'", ago
    )
    since = at - HOUR * hours
    await connection.execute("insert into synkron.watermark (at) values ($1)", since)
    await tick(connection, settings, scheduler="test", source="once", at=at)
    await connection.execute(
        "update synkron.runs set claimed_at = now(), execute_after = greatest(scheduled_for, now()) "
        "where state = 'claimed'"
    )
    return since


async def verified(connection: Connection, since: datetime, settings: Settings = ALL, *, hours: int = 3) -> Report:
    return await verify(connection, settings, since, since + HOUR * hours)


def kinds(report: Report) -> dict[str, int]:
    return {kind.value: count for kind, count in report.found.items()}


async def test_a_ledger_in_order(connection: Connection) -> None:
    for schedule in ("*/10 * * * *", "0 * * * *", "99 * * * *"):
        await add_integration(connection, schedule)
    await add_integration(connection, "* * * * *", enabled=False)
    report = await verified(connection, await decide_hours(connection))
    assert (kinds(report), report.invalid, report.unprovable, report.ticks) == ({}, 1, 0, 1)
    assert (report.integrations, report.occurrences) == (3, 18 + 3)


async def test_exactly_what_was_not_decided_is_missed(connection: Connection) -> None:
    one = await add_integration(connection, "*/10 * * * *")
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    gone = await connection.fetchval(
        "delete from synkron.runs where id = (select id from synkron.runs where integration_id = $1 "
        "order by scheduled_for offset 5 limit 1) returning scheduled_for",
        one,
    )
    report = await verified(connection, since)
    assert [(found.kind, found.integration_id, found.at) for found in report.findings] == [
        (FindingKind.MISSED, one, gone)
    ]


@pytest.mark.parametrize(
    "edited", ["organization_integrations set integration_type = 'xledger'", "organizations set name = 'Vik'"]
)
async def test_of_a_row_that_was_written_after_the_tick_nothing_is_proven(connection: Connection, edited: str) -> None:
    """It may have been disabled, or in another zone. What the same schedule decided before tells that it is strange."""
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute("delete from synkron.runs")
    await connection.execute(f"update {edited}")
    report = await verified(connection, since)
    assert (kinds(report), report.unprovable) == ({}, 18)


async def test_an_undecided_moment_between_decided_ones_is_unexplained(connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute(
        "delete from synkron.runs where id in (select id from synkron.runs order by scheduled_for offset 5 limit 2)"
    )
    await connection.execute("update organization_integrations set integration_type = 'xledger'")
    report = await verified(connection, since)
    assert kinds(report) == {"unexplained": 2}
    assert "disabled or edited for a while" in report.findings[0].message


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (
            "organization_integrations set cron_schedule = '99 * * * *'",
            "organization_integrations set cron_schedule = '*/10 * * * *'",
        ),
        ("organizations set timezone = 'Europe/Atlantis'", "organizations set timezone = null"),
    ],
)
async def test_the_minutes_of_a_row_that_was_broken_and_then_mended_are_explained_by_its_incident(
    connection: Connection, broken: str, mended: str
) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection, 1, ago=HOUR)
    at = since + 2 * HOUR
    await connection.execute(f"update {broken}")
    ticked = await tick(connection, ALL, scheduler="test", source="once", at=at)
    conditions = await read_conditions(connection, ALL, [], ticked.invalid, at)
    await reconcile(connection, conditions, ALL, at)
    await connection.execute(f"update {mended}")
    report = await verified(connection, since, hours=2)
    assert (kinds(report), report.could_not_run, report.occurrences) == ({}, 6, 6)
    await connection.execute("update synkron.ticks set invalid = 0")
    report = await verified(connection, since, hours=2)
    assert (kinds(report), report.could_not_run, report.occurrences) == ({"unexplained": 6}, 0, 12)


async def test_an_integration_that_was_added_after_the_tick(connection: Connection) -> None:
    since = await decide_hours(connection)
    await add_integration(connection, "*/10 * * * *")
    report = await verified(connection, since)
    assert (kinds(report), report.unprovable) == ({}, 18)


async def test_a_row_whose_transaction_was_open_at_the_tick_is_not_proven(
    database: Database, connection: Connection
) -> None:
    """Neither one that it wrote itself nor one that a subtransaction of it wrote, which the snapshot does not list."""
    organization = await add_organization(connection)
    other = await asyncpg.connect(database.url)
    for nested in (False, True):
        await connection.execute("delete from synkron.watermark; delete from synkron.ticks")
        async with other.transaction():
            await other.execute("select pg_current_xact_id()")
            if nested:
                async with other.transaction():
                    await add_integration(other, "*/10 * * * *", org_id=organization)
            else:
                await add_integration(other, "*/10 * * * *", org_id=organization)
            await connection.fetchval("select pg_current_xact_id()")
            since = await decide_hours(connection)
        report = await verified(connection, since)
        assert kinds(report) == {}
        assert report.unprovable == 18
    await other.close()


@pytest.mark.own_database
async def test_the_number_of_a_rows_transaction_is_worked_out(connection: Connection) -> None:
    await connection.execute("create table rows (id integer)")
    async with connection.transaction():
        expected = await connection.fetchval("select pg_current_xact_id()::text::bigint")
        await connection.execute("insert into rows values (1)")
    following = await connection.fetchval("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    written = await connection.fetchval("select xmin::text::bigint from rows")
    assert full_transaction(written, following) == expected < following


@pytest.mark.own_database
async def test_rows_behind_a_view_prove_nothing_and_are_verified_all_the_same(connection: Connection) -> None:
    await connection.execute(
        "alter table public.organization_integrations rename to kept; "
        "create view public.organization_integrations as select * from public.kept"
    )
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    assert (await verified(connection, since)).occurrences == 18
    await connection.execute("delete from synkron.runs")
    assert (await verified(connection, since)).unprovable == 18


@pytest.mark.own_database
@pytest.mark.parametrize(
    ("odd", "invalid"),
    [
        ("insert into organization_integrations select null, org_id, 'xledger', true, '0 * * * *' from kept", 1),
        ("insert into organization_integrations select 'a', null, 'xledger', true, '0 * * * *'", 1),
        ("insert into organization_integrations select 'a', org_id, null, true, '0 * * * *' from kept", 1),
        ("insert into organization_integrations select repeat('a', 8000), org_id, 'x', true, '0 * * * *' from kept", 1),
        ("insert into organization_integrations select 'a', org_id, 'xledger', true, repeat('a', 8000) from kept", 1),
        ("insert into organization_integrations select 'a', repeat('o', 8000), 'xledger', true, '0 * * * *'", 1),
        ("insert into organization_integrations select 'a', '(null)', 'xledger', true, '0 * * * *'", 1),
        ("insert into organization_integrations select 'a', id, 'xledger', true, '0 * * * *' from two", 2),
        ("insert into organization_integrations select id, org_id, 'xledger', true, '0 * * * *' from kept", 2),
        ("insert into organizations select org_id, 'again', null from kept", 1),
    ],
)
async def test_rows_that_can_not_be_worked_with(connection: Connection, odd: str, invalid: int) -> None:
    """In tables without keys; what the ledger has of a row that became one is verified all the same."""
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute(
        "create table public.i as select id::text, org_id::text, integration_type, is_enabled, cron_schedule "
        "from organization_integrations; "
        "create table public.o as select id::text, name, timezone from organizations; "
        "drop table organization_integrations, organizations; "
        "alter table public.i rename to organization_integrations; alter table public.o rename to organizations; "
        "create table kept as select id, org_id from organization_integrations; "
        "create view two as select org_id as id from kept union all select org_id from kept"
    )
    await connection.execute(odd)
    report = await verified(connection, since)
    assert (kinds(report), report.invalid, report.occurrences) == ({}, invalid, 18)


@pytest.mark.own_database
async def test_organizations_without_a_zone(connection: Connection) -> None:
    source = SourceTables(organizations=OrganizationsTable(timezone=""))
    settings = Settings(source=source, types=ALL.types)
    await connection.execute("alter table organizations drop column timezone")
    await connection.execute("insert into organizations (name) values ('Fjord')")
    org_id = await connection.fetchval("select id::text from organizations")
    await add_integration(connection, "*/10 * * * *", org_id=org_id)
    since = await decide_hours(connection, settings=settings)
    await connection.execute("delete from synkron.runs; update organizations set name = 'Vik'")
    assert kinds(await verified(connection, since, settings)) == {"missed": 18}


async def test_what_a_pause_holds_is_no_finding(connection: Connection) -> None:
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at) values ('closing', 'kari', now() - interval '1 day')"
    )
    await add_integration(connection, "*/10 * * * *")
    report = await verified(connection, await decide_hours(connection))
    assert (kinds(report), report.undelivered, report.unprovable) == ({}, {Undelivered.HELD: 18}, 0)


async def test_what_was_merged_into_a_run_that_was_cancelled(connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection, settings=Settings())
    [cover] = await connection.fetch("select id from synkron.runs where action = 'run'")
    assert (await verified(connection, since)).undelivered == {}
    await cancel(connection, [cover["id"]], "kari", "wrong period")
    report = await verified(connection, since)
    assert (kinds(report), report.undelivered) == ({}, {Undelivered.MERGED: 17, Undelivered.CANCELLED: 1})
    assert (report.gaps, report.gap) == (1, HOUR * 3 - 5 * MINUTE)


async def test_a_run_that_was_cancelled_under_way_is_told_of_alike(connection: Connection) -> None:
    """By what `verify` counts, and by what `report` says."""
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    first = await connection.fetchval("select id from synkron.runs order by scheduled_for limit 1")
    assert await start(connection, first, "w", 1) is not None
    await cancel(connection, [first], "kari", "wrong period")
    for reason, failed, undelivered in (
        (Reason.CANCELLED, 0, {Undelivered.CANCELLED: 1}),
        (Reason.FAILED, 1, {}),
    ):
        report = await verified(connection, since)
        assert (kinds(report), report.failed, report.undelivered) == ({}, failed, undelivered)
        [export] = (await read_exports(connection, ALL, Window(since, since + 3 * HOUR))).exports
        assert export.missing == {reason: 1, Reason.OPEN: 17}
        await connection.execute("update synkron.attempts set outcome = 'final'")


async def test_more_expired_moments_than_rows(connection: Connection) -> None:
    """A summary stands for all its moments."""
    settings = Settings(types={"xledger": TypeSettings(catch_up_window=HOUR)})
    await add_integration(connection, "* * * * *")
    since = await decide_hours(connection, 20, settings)
    report = await verified(connection, since, settings, hours=20)
    assert await connection.fetchval("select max(occurrences) from synkron.runs") > 1000
    assert (kinds(report), report.unprovable) == ({}, 0)
    assert report.occurrences == 1200


async def test_a_hole_between_two_ticks(connection: Connection) -> None:
    since = await decide_hours(connection)
    await connection.execute(
        "insert into synkron.ticks "
        "(id, at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) overriding system value "
        "select 0, window_start - interval '1 hour 30 seconds', window_start - interval '2 hours', "
        "window_start - interval '1 hour', source, scheduler, 0, 0, 0, 0 from synkron.ticks"
    )
    report = await verified(connection, since - HOUR * 2, hours=5)
    assert [(found.kind, found.at, found.integration_id) for found in report.findings] == [
        (FindingKind.UNEXPLAINED, since - HOUR, None)
    ]


async def test_what_was_before_the_first_tick_is_not_verified(connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    report = await verified(connection, since - HOUR * 100, hours=103)
    assert (report.window.start, kinds(report), report.unprovable) == (since, {}, 0)


async def test_before_anybody_ticked_there_is_nothing_to_verify(connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    report = await verified(connection, await connection.fetchval("select now() - interval '1 day'"))
    assert (report.watermark, report.occurrences, kinds(report)) == (None, 0, {})


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        ("update synkron.runs set tick_id = 99999", "its tick is not on record"),
        ("update synkron.runs set cron_schedule = '1 * * * *'", "does not fire then"),
        ("update synkron.runs set cron_schedule = 'soon'", "can't be read"),
        ("update synkron.runs set timezone = '+00:05'", "does not fire then"),
        ("update synkron.runs set period_start = period_start - interval '3 minutes'", "does not begin at a moment"),
        (
            "update synkron.runs set source = 'schedule', period_start = period_start - interval '10 minutes'",
            "previous moment",
        ),
    ],
)
async def test_a_decision_that_does_not_fit_itself(connection: Connection, spoiled: str, says: str) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute(f"{spoiled} where id = (select min(id) + 4 from synkron.runs)")
    report = await verified(connection, since)
    assert says in " / ".join(found.message for found in report.findings if found.kind is FindingKind.UNEXPLAINED)


async def test_a_run_that_succeeded_twice(connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute(
        "update synkron.runs set state = 'succeeded', attempt = 2, started_at = now(), finished_at = now() "
        "where id = (select min(id) from synkron.runs)"
    )
    for attempt, outcome in ((1, "succeeded"), (2, "succeeded")):
        await connection.execute(
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome) "
            "select id, scheduled_for, $1, 'w', now(), $2 from synkron.runs order by id limit 1",
            attempt,
            outcome,
        )
    report = await verified(connection, since)
    assert [(found.kind, found.message) for found in report.findings] == [
        (FindingKind.DOUBLED, "2 of its attempts succeeded")
    ]


async def test_late_is_what_started_late_and_no_pause_explains_it(connection: Connection) -> None:
    await add_integration(connection, "0 * * * *")
    since = await decide_hours(connection)
    await connection.execute(
        "update synkron.runs set claimed_at = scheduled_for, execute_after = scheduled_for, "
        "next_attempt_at = scheduled_for where state = 'claimed'"
    )
    report = await verified(connection, since)
    oldest = await connection.fetchval("select min(scheduled_for) from synkron.runs where state = 'claimed'")
    assert [(found.kind, found.at) for found in report.findings] == [(FindingKind.LATE, oldest)]
    await connection.execute(
        "insert into synkron.pauses (reason, author, starts_at, ended_at, ended_by) "
        "values ('closing', 'kari', now() - interval '4 hours', now() - interval '1 minute', 'kari')"
    )
    assert kinds(await verified(connection, since)) == {}


async def test_what_a_slow_run_from_before_kept_waiting_is_not_late(connection: Connection) -> None:
    await add_integration(connection, "0 * * * *")
    since = await decide_hours(connection)
    await connection.execute(
        "update synkron.runs set claimed_at = scheduled_for, execute_after = scheduled_for, state = 'succeeded', "
        "attempt = 1, started_at = now(), finished_at = now(); "
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome) "
        "select id, scheduled_for, 1, 'w', started_at, finished_at, 'succeeded' from synkron.runs"
    )
    assert kinds(await verified(connection, since + HOUR, hours=2)) == {}
    await connection.execute("delete from synkron.runs where scheduled_for <= $1", since + HOUR)
    assert kinds(await verified(connection, since + HOUR, hours=2)) == {"late": 1}


async def test_the_findings_of_an_integration_come_in_the_order_of_time(connection: Connection) -> None:
    await add_integration(connection, "0 * * * *")
    since = await decide_hours(connection)
    await connection.execute("delete from synkron.runs where scheduled_for <= $1", since + HOUR * 2)
    await connection.execute("update synkron.runs set tick_id = 99999")
    report = await verified(connection, since)
    assert [found.kind for found in report.findings] == [
        FindingKind.MISSED,
        FindingKind.MISSED,
        FindingKind.UNEXPLAINED,
    ]


async def test_a_tick_that_was_forgotten_with_those_of_its_age_is_no_finding(connection: Connection) -> None:
    await add_integration(connection, "0 * * * *")
    since = await decide_hours(connection)
    await connection.execute("update synkron.runs set tick_id = 0 where id = (select min(id) from synkron.runs)")
    assert kinds(await verified(connection, since)) == {}


async def test_one_organization_or_type_alone(connection: Connection) -> None:
    org_id = await add_organization(connection)
    await add_integration(connection, "0 * * * *", org_id=org_id)
    await add_integration(connection, "0 * * * *", "dynamics", org_id=org_id)
    await add_integration(connection, "0 * * * *")
    since = await decide_hours(connection)
    counted = [
        (await verify(connection, ALL, since, scope=scope)).integrations
        for scope in (Scope(), Scope(org_id), Scope(None, "dynamics"), Scope(org_id, "xledger"), Scope("nobody"))
    ]
    assert counted == [3, 2, 1, 1, 0]


async def test_nothing_is_kept_before_anybody_ticked(connection: Connection) -> None:
    assert await keep_verification(connection, ALL, await connection.fetchval("select now()")) is None
    assert await connection.fetchval("select count(*) from synkron.verifications") == 0


@pytest.mark.own_database
async def test_a_scheduler_keeps_the_figures(database: Database, connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    await decide_hours(connection)
    await connection.execute(
        "create function told() returns trigger language plpgsql as "
        "$$ begin notify synkron_queue; return null; end $$; "
        "create trigger told after insert on synkron.verifications execute function told()"
    )
    stop = asyncio.Event()
    async with watching(database) as until:
        serving = asyncio.create_task(serve(database.url, ALL, [Role.SCHEDULER], stop, {}))
        await until(_kept)
        stop.set()
        await serving


async def _kept(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) = 1 from synkron.verifications where expected > 0"))


async def test_the_figures_are_kept_once_an_hour(database: Database, connection: Connection) -> None:
    await add_integration(connection, "*/10 * * * *")
    since = await decide_hours(connection)
    await connection.execute("delete from synkron.runs where scheduled_for < $1", since + HOUR)
    now = await connection.fetchval("select now()")
    other = await asyncpg.connect(database.url)
    async with other.transaction():
        await other.execute("select pg_advisory_xact_lock(hashtext('synkron.keep_verification'))")
        assert await keep_verification(connection, ALL, now) is None
    await other.close()
    kept = await keep_verification(connection, ALL, now)
    assert kept is not None
    assert await keep_verification(connection, ALL, now + 59 * MINUTE) is None
    row = await connection.fetchrow("select * from synkron.verifications")
    assert row is not None
    assert (row["at"], row["missed"], row["doubled"]) == (now, 6, 0)
    assert row["expected"] in (18, 19)  # a moment may have come in the meantime
    assert await keep_verification(connection, ALL, now + HOUR) is not None
