"""What is planted in a ledger behind its back: found by a verification, or refused by the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import pytest

from synkron.postgres.clock import database_clock
from synkron.postgres.embedded import EmbeddedServer
from synkron.reports.verify.evidence import FindingKind
from synkron.reports.verify.store import Report, verify
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database, migrated
from tests.support.fleet import add_integration
from tests.support.rolled_back import SharedConnection, rolled_back

HOUR = timedelta(hours=1)
SETTINGS = Settings(
    types={
        "xledger": TypeSettings(catch_up=CatchUp.ALL),
        "dynamics": TypeSettings(catch_up=CatchUp.LATEST),
        "bufdir": TypeSettings(catch_up=CatchUp.SKIP, catch_up_window=HOUR),
    }
)
# A scheduler that ticked twice a minute in the hour before.
TICKED = """
    insert into synkron.ticks (
        at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid, recorded_at
    )
    select
        ends - interval '30 seconds', ends - interval '1 minute', ends, 'service', 'test', 0, 0, 0, 0,
        ends - interval '29 seconds'
    from generate_series($1::timestamptz - interval '1 hour', $1, '30 seconds') ends
"""
# Every run has been delivered by one attempt.
DELIVERED = """
    with ended as (
        update synkron.runs set state = 'succeeded', attempt = 1, started_at = claimed_at + interval '1 second',
            finished_at = claimed_at + interval '3 seconds'
        where action = 'run'
        returning id, scheduled_for, started_at, finished_at
    )
    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome)
    select id, scheduled_for, 1, 'w', started_at, finished_at, 'succeeded' from ended
"""
# Numbers: a run and its like of another integration, the first run of an hourly one, the catch-up run of one that
# merges, something that expired, and a tick in the middle.
VICTIMS = """
    select
        (select id from synkron.runs where integration_id = $1 order by scheduled_for offset 5 limit 1) as run,
        (select id from synkron.runs where integration_id = $2 order by scheduled_for offset 5 limit 1) as other,
        (select id from synkron.runs where integration_id = $3 order by scheduled_for limit 1) as hourly,
        (select min(id) from synkron.runs where integration_id = $4 and action = 'run') as cover,
        (select id from synkron.runs where action = 'expire' order by scheduled_for offset 2 limit 1) as expired,
        (select id from synkron.ticks order by id offset 60 limit 1) as tick
"""
# As the owner of the database could, with its triggers off.
PLANTING = "set local session_replication_role = replica; "
PLANTED = "; set local session_replication_role = origin; set local role synkron"


@dataclass(frozen=True)
class Decided:
    """Three hours that were decided late and delivered: from when to when, and the numbers above."""

    since: datetime
    until: datetime
    numbers: Mapping[str, int]


@pytest.fixture(scope="module")
async def database(server: EmbeddedServer) -> AsyncIterator[Database]:
    """One for the module: what a test plants is rolled back."""
    async for made in migrated(server):
        yield made


@pytest.fixture(scope="module")
async def decided(database: Database) -> Decided:
    connection = await asyncpg.connect(database.url)
    since = await connection.fetchval("select date_trunc('minute', now()) - interval '3 hours'")
    await connection.execute(TICKED, since)
    await connection.execute("insert into synkron.watermark (at) values ($1)", since)
    one, other = [await add_integration(connection, "*/10 * * * *") for _ in range(2)]
    hourly = await add_integration(connection, "0 * * * *")
    merging = await add_integration(connection, "*/10 * * * *", "dynamics")
    await add_integration(connection, "*/10 * * * *", "bufdir")
    await tick(connection, SETTINGS, scheduler="test")
    await connection.execute(DELIVERED)
    numbers = await connection.fetchrow(VICTIMS, one, other, hourly, merging)
    assert numbers is not None
    until = await database_clock(connection)
    await connection.close()
    return Decided(since, until, dict(numbers))


@pytest.fixture(scope="module")
async def kept_connection(database: Database) -> AsyncIterator[Connection]:
    """A superuser's, who may plant."""
    opened = await asyncpg.connect(database.superuser_url, connection_class=SharedConnection)
    yield opened
    await opened.close()


connection = rolled_back


async def verified(connection: Connection, decided: Decided) -> Report:
    return await verify(connection, SETTINGS, decided.since - HOUR, decided.until)


async def test_nothing_is_found_where_nothing_was_planted(connection: Connection, decided: Decided) -> None:
    report = await verified(connection, decided)
    assert (report.findings, report.found) == ([], {})
    assert report.occurrences > 3 * 18


RUN, ATTEMPT, TICK = "update synkron.runs set ", "update synkron.attempts set ", "update synkron.ticks set "
OF_RUN, OF_ATTEMPT, OF_TICK = " where id = {run}", " where run_id = {run}", " where id = {tick}"
LATER = {name: f"{name} = {name} + interval '1 hour'" for name in ("at", "window_start", "window_end", "recorded_at")}
# A second delivery of what stands in the row with the number that follows.
BACKFILLED = (
    "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_start, "
    "period_end, execute_after, next_attempt_at, action, reason, cron_schedule, state) "
    "select key, integration_id, org_id, integration_type, 'backfill', scheduled_for, period_start, period_end, "
    "execute_after, next_attempt_at, 'run', 'backfilled by kari', cron_schedule, 'claimed' "
    "from synkron.runs where id = "
)
EARLIER = {name: text.replace("+", "-") for name, text in LATER.items()}
WINDOW = ("at", "window_start", "window_end")
UNEXPLAINED, DOUBLED, MISSED = FindingKind.UNEXPLAINED, FindingKind.DOUBLED, FindingKind.MISSED


def moved(by: Mapping[str, str], *columns: str) -> str:
    return TICK + ", ".join(by[column] for column in columns) + OF_TICK


@pytest.mark.parametrize(
    ("statement", "kind", "says"),
    [
        pytest.param(RUN + "key = 'anything'" + OF_RUN, UNEXPLAINED, "its key", id="any key"),
        pytest.param(RUN + "key = gen_random_uuid()" + OF_RUN, UNEXPLAINED, "its key", id="a key that looks like one"),
        pytest.param(
            RUN + "key = (select key from synkron.runs where id = {other})" + OF_RUN,
            UNEXPLAINED,
            "its key",
            id="another integration's key",
        ),
        pytest.param(
            RUN + "key = (select key from synkron.runs where id = {run} + 1)" + OF_RUN,
            UNEXPLAINED,
            "its key",
            id="another moment's key",
        ),
        pytest.param(
            "delete from synkron.attempts" + OF_ATTEMPT, UNEXPLAINED, "the ledger has 0 attempts", id="no attempt"
        ),
        *(
            pytest.param(
                ATTEMPT + f"outcome = '{outcome}'" + OF_ATTEMPT,
                UNEXPLAINED,
                f"recorded as succeeded, but its last attempt as {outcome}",
                id=f"its only attempt is {outcome}",
            )
            for outcome in ("lost", "retryable", "final", "handed_back", "cancelled")
        ),
        pytest.param(
            ATTEMPT + "outcome = null, finished_at = null" + OF_ATTEMPT,
            UNEXPLAINED,
            "its last attempt as open",
            id="its only attempt has no end",
        ),
        pytest.param(
            RUN + "state = 'skipped'" + OF_RUN, UNEXPLAINED, "recorded as skipped, but its last", id="turned to skipped"
        ),
        pytest.param(
            RUN + "state = 'skipped', attempt = 0, started_at = null" + OF_RUN,
            UNEXPLAINED,
            "it counts 0 attempts, but the ledger has 1 attempt",
            id="turned to skipped, without a trace in its row",
        ),
        pytest.param(
            RUN + "state = 'failed', error = 'HTTP 500'" + OF_RUN, UNEXPLAINED, "as failed, but", id="turned to failed"
        ),
        pytest.param(
            RUN + "state = 'claimed', finished_at = null" + OF_RUN, UNEXPLAINED, "as claimed", id="turned to claimed"
        ),
        pytest.param(
            RUN + "state = 'running', finished_at = null" + OF_RUN, UNEXPLAINED, "as running", id="turned to running"
        ),
        pytest.param(
            RUN + "attempt = 3" + OF_RUN, UNEXPLAINED, "it counts 3 attempts", id="attempts that were not made"
        ),
        pytest.param(
            ATTEMPT + "attempt = 7" + OF_ATTEMPT, UNEXPLAINED, "it counts 1 attempt", id="another attempt's number"
        ),
        pytest.param(
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome) "
            "select id, scheduled_for, 2, 'w', now(), 'succeeded' from synkron.runs where id = {run}; "
            + RUN
            + "attempt = 2"
            + OF_RUN,
            DOUBLED,
            "2 of its attempts succeeded",
            id="it succeeded twice",
        ),
        pytest.param(
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome) "
            "select id, scheduled_for, 2, 'w', clock_timestamp(), 'final' from synkron.runs where id = {run}; "
            + RUN
            + "attempt = 2, state = 'failed', error = 'x'"
            + OF_RUN,
            UNEXPLAINED,
            "another attempt followed attempt 1, which is recorded as succeeded",
            id="it failed after it had succeeded",
        ),
        pytest.param(
            ATTEMPT + "run_id = {other}, attempt = 2" + OF_ATTEMPT,
            UNEXPLAINED,
            "the ledger has 0 attempts",
            id="its attempt is another run's",
        ),
        pytest.param(
            ATTEMPT + "run_id = 999999" + OF_ATTEMPT, UNEXPLAINED, "there is no such run", id="its attempt is no run's"
        ),
        pytest.param(
            ATTEMPT + "started_at = started_at - interval '1 hour'" + OF_ATTEMPT,
            UNEXPLAINED,
            "it was attempted before it was claimed",
            id="attempted before the claim",
        ),
        pytest.param(
            ATTEMPT
            + "started_at = started_at - interval '1 hour'"
            + OF_ATTEMPT
            + "; "
            + RUN
            + "started_at = started_at - interval '1 hour'"
            + OF_RUN,
            UNEXPLAINED,
            "it was attempted before it was claimed",
            id="started before the claim",
        ),
        pytest.param(
            ATTEMPT + "finished_at = started_at - interval '1 second'" + OF_ATTEMPT,
            UNEXPLAINED,
            "an attempt ended before it began",
            id="an attempt that ended before it began",
        ),
        pytest.param(
            RUN + "finished_at = started_at - interval '1 hour'" + OF_RUN,
            UNEXPLAINED,
            "it did not end when its last attempt did",
            id="ended before it started",
        ),
        pytest.param(
            RUN + "started_at = started_at + interval '1 hour'" + OF_RUN,
            UNEXPLAINED,
            "it did not start when its first attempt did",
            id="started an hour later",
        ),
        pytest.param(moved(LATER, "at"), UNEXPLAINED, "tick ", id="a tick's moment an hour later"),
        pytest.param(moved(EARLIER, "at"), UNEXPLAINED, "tick ", id="a tick's moment an hour earlier"),
        pytest.param(moved(LATER, *WINDOW), UNEXPLAINED, "tick ", id="a tick an hour later"),
        pytest.param(moved(EARLIER, *WINDOW), UNEXPLAINED, "tick ", id="a tick an hour earlier"),
        pytest.param(moved(LATER, *LATER), UNEXPLAINED, "no tick's window", id="a tick an hour later, and its record"),
        pytest.param(
            moved(EARLIER, *LATER), UNEXPLAINED, "clock was set to", id="a tick an hour earlier, and its record"
        ),
        pytest.param(moved(LATER, "window_end"), UNEXPLAINED, "tick ", id="a tick's window an hour too long"),
        pytest.param(
            moved(EARLIER, "window_start"), UNEXPLAINED, "does not follow", id="a tick's window that overlaps"
        ),
        pytest.param(
            TICK + "window_start = window_start + interval '10 seconds'" + OF_TICK,
            UNEXPLAINED,
            "does not follow",
            id="a tick's window ten seconds too short",
        ),
        pytest.param(
            "delete from synkron.ticks where id between {tick} and {tick} + 2",
            UNEXPLAINED,
            "no tick's",
            id="ticks gone",
        ),
        pytest.param(
            "delete from synkron.ticks where id = (select max(id) from synkron.ticks)",
            UNEXPLAINED,
            "its tick is not on record",
            id="the run's tick is gone",
        ),
        pytest.param(RUN + "tick_id = {tick}" + OF_RUN, UNEXPLAINED, "its tick was at", id="another tick's run"),
        pytest.param(
            RUN + "claimed_at = claimed_at - interval '1 hour'" + OF_RUN,
            UNEXPLAINED,
            "its tick was at",
            id="claimed an hour earlier",
        ),
        *(
            pytest.param(RUN + f"source = '{source}'" + OF_RUN, UNEXPLAINED, f"as {source}", id=f"source {source}")
            for source in ("schedule", "backfill", "manual")
        ),
        pytest.param(
            RUN + "scheduled_for = scheduled_for - interval '1 hour', period_end = scheduled_for - interval '1 hour', "
            "period_start = period_start - interval '1 hour' where id = {hourly}",
            UNEXPLAINED,
            "its key",
            id="a run an hour earlier",
        ),
        pytest.param(
            RUN + "period_start = period_start - interval '10 minutes'" + OF_RUN,
            DOUBLED,
            "overlaps",
            id="a period that begins earlier",
        ),
        pytest.param(
            RUN + "period_start = scheduled_for - interval '1 minute'" + OF_RUN,
            UNEXPLAINED,
            "its period does not begin",
            id="a period that begins later",
        ),
        pytest.param(
            RUN + "period_start = scheduled_for - interval '20 minutes' where id = {cover}",
            MISSED,
            "no run's period covers it",
            id="a period that holds less than was merged into it",
        ),
        pytest.param(RUN + "org_id = 'nobody'" + OF_RUN, UNEXPLAINED, "has organization", id="another organization"),
        pytest.param(
            RUN + "integration_type = 'bufdir'" + OF_RUN, UNEXPLAINED, "has type xledger, not bufdir", id="another type"
        ),
        pytest.param(
            RUN + "cron_schedule = '0,10,20,30,40,50 * * * *'" + OF_RUN,
            UNEXPLAINED,
            "has schedule */10 * * * *, not 0,10",
            id="another schedule that fires then",
        ),
        pytest.param(RUN + "timezone = 'Europe/Oslo'" + OF_RUN, UNEXPLAINED, "has zone None", id="another zone"),
        pytest.param(
            RUN + "occurrences = 12 where id = {expired}",
            UNEXPLAINED,
            "it stands for 12 moments",
            id="more occurrences",
        ),
        pytest.param("delete from synkron.runs" + OF_RUN.replace("{run}", "{other}"), MISSED, "nothing was", id="gone"),
        pytest.param(
            BACKFILLED + "(select min(id) + 2 from synkron.runs where action = 'merge')",
            DOUBLED,
            "overlaps",
            id="a backfill of what a catch-up run has covered",
        ),
    ],
)
async def test_what_is_planted_is_found(
    connection: Connection,
    decided: Decided,
    statement: str,
    kind: FindingKind,
    says: str,
) -> None:
    await connection.execute(PLANTING + statement.format(**decided.numbers) + PLANTED)
    report = await verified(connection, decided)
    assert says in " / ".join(found.message for found in report.findings if found.kind is kind)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (RUN + "key = 'anything'" + OF_RUN, "a run keeps its key"),
        (RUN + "integration_id = 'another'" + OF_RUN, "a run keeps its key, its integration"),
        (
            RUN + "scheduled_for = scheduled_for - interval '1 hour', period_end = scheduled_for - interval '1 hour', "
            "period_start = period_start - interval '1 hour' where id = {hourly}",
            "its moment",
        ),
        (RUN + "state = 'skipped'" + OF_RUN, "a run that succeeded stays so"),
        (RUN + "state = 'failed', error = 'HTTP 500'" + OF_RUN, "a run that succeeded stays so"),
        (RUN + "state = 'claimed', finished_at = null" + OF_RUN, "a run that succeeded stays so"),
        (RUN + "occurrences = 12" + OF_RUN, "runs_many_only_when_expired"),
        (moved(LATER, "at"), "a tick keeps its moment"),
        (moved(EARLIER, *WINDOW), "a tick keeps its moment and its window"),
        (
            BACKFILLED + "{run}",
            "duplicate key",
        ),
    ],
)
async def test_what_the_database_refuses(connection: Connection, decided: Decided, statement: str, says: str) -> None:
    """Also to its owner, and in every month's partition."""
    for role in ("synkron", "postgres"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=says):
            async with connection.transaction():
                await connection.execute(f"set local role {role}; " + statement.format(**decided.numbers))
