"""What a scheduler plans and pg_cron claims: only what is plain, once, and the next tick decides the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron import tick
from synkron.errors import Refused
from synkron.ledger.installation import copied
from synkron.model import Integration, Occurrences, Scope
from synkron.operations import pauses
from synkron.operations.pg_cron import read_clock
from synkron.operations.pg_cron_drill import drill
from synkron.postgres.statements import statements
from synkron.reports.verify.store import verify
from synkron.scheduler.plans import plan_ahead, read_planning_clock
from synkron.scheduler.undecided import undecided
from synkron.settings.load import Settings, SourceTables
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.rolled_back import rolled_back

connection = rolled_back

MINUTE = timedelta(minutes=1)
SETTINGS = Settings()
EVERY_MINUTE = "* * * * *"
START = utc("2026-03-02T02:00:00")


async def install(connection: Connection, *, eager: bool = False) -> None:
    """What `synkron pg-cron install` makes, without pg_cron. If it is ``eager``, it claims though a scheduler ticks."""
    queries = SourceQueries(SourceTables())
    text = queries.sql("operations/pg_cron")["claim_function"]
    waits = "if decided_until >= date_trunc('minute', clock_timestamp()) then"
    assert waits in text
    await connection.execute(text.replace(waits, "if false then") if eager else text)
    await connection.execute(statements("operations/pg_cron")["set"], False, None, True, 15 * MINUTE)


async def plan(connection: Connection, *, anew: bool = False) -> int:
    now: datetime = await connection.fetchval("select now()")
    return await plan_ahead(connection, SETTINGS, await read_planning_clock(connection), now, anew=anew)


async def call_pg_cron(connection: Connection) -> int:
    claimed: int = await connection.fetchval("select synkron.claim_planned()")
    return claimed


async def claimed_of(connection: Connection, integration_id: str) -> list[str]:
    """Its decisions: who claimed each."""
    rows = await connection.fetch(
        "select t.source from synkron.runs r join synkron.ticks t on t.id = r.tick_id where integration_id = $1 "
        "order by scheduled_for",
        integration_id,
    )
    return [row["source"] for row in rows]


async def test_a_drill_is_as_long_as_the_plan_at_most(connection: Connection) -> None:
    """Beyond it nothing is left to claim, and the report would not know what was due. Another mode keeps the plan."""
    await install(connection)

    async def refused(length: timedelta) -> str:
        with pytest.raises(Refused) as told:
            await drill(connection, length, lambda _: None)
        return str(told.value)

    assert "Nothing is planned" in await refused(MINUTE)
    await plan(connection)
    assert "`synkron pg-cron install --ahead 17m`" in await refused(16 * MINUTE)
    set_up = statements("operations/pg_cron")["set"]
    for ahead in (20 * MINUTE, None):
        await connection.execute(set_up, True, None, False, ahead)
    clock = await read_clock(connection)
    assert clock is not None
    assert (clock.modes, clock.ahead) == (("wake", "claim"), 20 * MINUTE)


# requirement R17.6
@pytest.mark.each_server
async def test_what_is_planned_is_claimed_once(connection: Connection) -> None:
    """The same key, period and start as a scheduler would give it; a second call finds nothing to do."""
    mine = await add_integration(connection, EVERY_MINUTE)
    await add_integration(connection, EVERY_MINUTE, enabled=False)
    await install(connection)
    assert await plan(connection) in (15, 16)
    first = await call_pg_cron(connection)
    assert first in (1, 2)
    assert await call_pg_cron(connection) in (0, 1)
    made = await connection.fetch("select * from synkron.runs order by scheduled_for")
    assert await claimed_of(connection, mine) == ["pg_cron"] * len(made)
    assert await connection.fetchval("select count(*) from synkron.queue") == len(made)
    for run in made:
        assert run["period_end"] - run["period_start"] == MINUTE
        assert (run["state"], run["source"], run["execute_after"]) == ("claimed", "schedule", run["scheduled_for"])


@pytest.mark.each_server
async def test_while_a_scheduler_ticks_pg_cron_claims_nothing(connection: Connection) -> None:
    await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    await plan(connection)
    await tick(connection, SETTINGS, scheduler="test")
    assert await call_pg_cron(connection) == 0
    await connection.execute("delete from synkron.watermark")
    await connection.execute(
        "insert into synkron.watermark (at) values (date_trunc('minute', now()) - interval '1 ms')"
    )
    assert await call_pg_cron(connection) >= 1


Edit: TypeAlias = Callable[[str, str], str]
# What is done to a planned row, by its id and its organization's: then only a scheduler may decide it.
EDITS: dict[str, Edit] = {
    "its schedule": lambda row, _: (
        f"update organization_integrations set cron_schedule = '*/1 * * * *' where id = '{row}'"
    ),
    "its type": lambda row, _: f"update organization_integrations set integration_type = 'bufdir' where id = '{row}'",
    "its zone": lambda _, org: f"update organizations set timezone = 'Europe/Oslo' where id = '{org}'",
    "disabled": lambda row, _: f"update organization_integrations set is_enabled = false where id = '{row}'",
    "enabled is null": lambda row, _: (
        "alter table organization_integrations alter is_enabled drop not null;"
        f"update organization_integrations set is_enabled = null where id = '{row}'"
    ),
    "deleted": lambda row, _: f"delete from organization_integrations where id = '{row}'",
    "its organization is gone": lambda _, org: (
        "alter table organization_integrations drop constraint organization_integrations_org_id_fkey;"
        f"delete from organizations where id = '{org}'"
    ),
    "its id twice": lambda row, _: (
        "alter table organization_integrations drop constraint organization_integrations_pkey;"
        f"insert into organization_integrations select * from organization_integrations where id = '{row}'"
    ),
    "on hold": lambda row, _: f"insert into synkron.held (integration_id, since) values ('{row}', now())",
    "its period does not go on from its last one": lambda row, org: (
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_start,"
        " period_end, execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, finished_at)"
        f" select 'k', '{row}', '{org}', 'xledger', 'schedule', m, m - interval '1 day', m, m, m, 'run', 'on time',"
        " '0 0 * * *', 0, 'skipped', now() from (select date_trunc('minute', now()) - interval '5 minutes' as m) _"
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_what_is_not_plain_is_left_to_a_scheduler(connection: Connection, edit: Edit) -> None:
    """And everybody else's runs are claimed."""
    org_id = await add_organization(connection)
    edited = await add_integration(connection, EVERY_MINUTE, org_id=org_id)
    other = await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    await connection.execute(
        "select synkron.keep_partitions(now() - interval '1 hour', now(), now() - interval '1 day')"
    )
    await plan(connection)
    await connection.execute(edit(edited, org_id))
    assert await call_pg_cron(connection) >= 1
    assert set(await claimed_of(connection, other)) == {"pg_cron"}
    assert await claimed_of(connection, edited) == []


async def test_what_is_paused_is_left_to_a_scheduler(connection: Connection) -> None:
    paused = await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    await plan(connection)
    asked = pauses.AskedPause([Scope(integration_id=paused)], "a test", None)
    await pauses.pause(connection, SETTINGS, asked, "tests")
    assert await call_pg_cron(connection) == 0


async def test_a_copy_of_the_ledger_claims_nothing(connection: Connection) -> None:
    await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    await plan(connection)
    await connection.execute("update synkron.installations set database_oid = 1")
    assert await call_pg_cron(connection) == 0


async def test_a_scheduler_that_starts_plans_anew(connection: Connection) -> None:
    """Its settings may differ from those that were planned by; later ticks only add what is not planned yet."""
    await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    first = await plan(connection)
    assert await plan(connection) in (0, 1)
    await connection.execute("update synkron.plans set integration_type = 'another'")
    assert await plan(connection, anew=True) in (first - 1, first, first + 1)
    assert await connection.fetchval("select count(*) from synkron.plans where integration_type = 'another'") == 0


async def test_a_copy_keeps_no_plans_of_the_original(connection: Connection) -> None:
    """They have its keys."""
    await add_integration(connection, EVERY_MINUTE)
    await install(connection)
    await plan(connection)
    async with connection.transaction():
        await copied(connection, "copy")
    assert await connection.fetchval("select count(*) from synkron.plans") == 0
    assert await plan(connection) > 0


# requirement R17.2, R17.6
@pytest.mark.own_database
@pytest.mark.each_server
async def test_both_clocks_at_once_decide_everything_once(database: Database, own_connection: Connection) -> None:
    """Twenty calls of each at the same time; `verify` finds nothing missed, doubled or out of place."""
    for _ in range(20):
        await add_integration(own_connection, EVERY_MINUTE)
    await install(own_connection, eager=True)
    await plan(own_connection)
    began = await own_connection.fetchval("select now()")
    async with asyncpg.create_pool(database.url, min_size=8, max_size=8) as pool:

        async def once(number: int) -> None:
            async with pool.acquire() as one:
                if number % 2:
                    await one.fetchval("select synkron.claim_planned()")
                else:
                    await tick(one, SETTINGS, scheduler="test")

        await asyncio.gather(*(once(number) for number in range(40)))
    report = await verify(own_connection, SETTINGS, began - MINUTE)
    assert report.findings == []
    doubled = await own_connection.fetchval(
        "select count(*) from (select from synkron.runs group by integration_id, scheduled_for having count(*) > 1) _"
    )
    assert doubled == 0
    overlaps = await own_connection.fetchval("""
        select count(*) from synkron.runs a join synkron.runs b
            on a.integration_id = b.integration_id
            and a.scheduled_for < b.scheduled_for and b.period_start < a.period_end
    """)
    assert overlaps == 0


def occurrences(moments: list[datetime]) -> Occurrences:
    row = Integration("1", "7", "xledger", True, EVERY_MINUTE, True, None)
    return Occurrences(row, moments, moments[0] - MINUTE, moments[-1] + MINUTE)


# requirement R17.3
@given(st.integers(1, 12).flatmap(lambda count: st.lists(st.booleans(), min_size=count, max_size=count)))
def test_what_is_left_and_what_is_claimed_tile(claimed: list[bool]) -> None:
    """No period is covered twice, and none is left out, whatever pg_cron has claimed."""
    moments = [START + MINUTE * number for number in range(len(claimed))]
    taken = {moment for moment, is_claimed in zip(moments, claimed, strict=True) if is_claimed}
    parts = list(undecided(occurrences(moments), taken))
    periods: list[tuple[datetime | None, datetime]] = [(moment - MINUTE, moment) for moment in taken]
    for part in parts:
        periods += zip(part.starts(), part.moments, strict=True)
    assert sorted(periods, key=lambda period: period[1]) == [(moment - MINUTE, moment) for moment in moments]
    assert all(part.moments for part in parts)
