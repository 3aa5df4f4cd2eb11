"""The hand-over to the real pg_cron and back: schedulers killed, nothing missed, nothing doubled, nothing late."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from synkron.ledger.migrate import create_source_tables, migrate
from synkron.postgres.embedded import EmbeddedServer
from synkron.reports.verify.store import verify
from synkron.settings.load import Settings, SourceTables
from tests.conftest import Connection, in_memory
from tests.end_to_end.processes import process
from tests.end_to_end.receiver import receiving
from tests.support.commands import Ended, synkron
from tests.support.databases import Database
from tests.support.distribution import distribution_database, has_extension
from tests.support.fleet import Condition, add_integration, watching

NAME = "second_clock"
INTEGRATIONS = 20
PATIENCE = 150.0
MINUTE = timedelta(minutes=1)
Called = Callable[..., Awaitable[Ended]]

pytestmark = pytest.mark.skipif(
    not has_extension("pg_cron") and not os.environ.get("CI"),
    reason="pg_cron is not installed (on Debian: apt-get install postgresql-15-cron)",
)


@pytest.fixture
def server_with_pg_cron() -> Iterator[EmbeddedServer]:
    """For one test: pg_cron stops for good when its database is dropped."""
    with (
        TemporaryDirectory(prefix="synkron-tests-", dir=in_memory()) as folder,
        distribution_database(
            Path(folder),
            shared_preload_libraries="pg_cron",
            cron__use_background_workers="on",
            cron__database_name=NAME,
        ) as running,
    ):
        yield running


@pytest.fixture
async def database(server_with_pg_cron: EmbeddedServer) -> Database:
    """The one database in which the server's pg_cron works."""
    there = server_with_pg_cron
    administrator = await asyncpg.connect(there.url("postgres", "postgres"))
    await administrator.execute(f"create database {NAME} owner synkron")
    made = Database(NAME, there.url(NAME), there.url(NAME, "postgres"))
    owner = await asyncpg.connect(made.url)
    await migrate(owner)
    await create_source_tables(owner, SourceTables())
    await owner.close()
    await administrator.close()
    return made


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.superuser_url)
    yield opened
    await opened.close()


@pytest.fixture
def called(database: Database, tmp_path: Path, untouched_logging: None) -> Called:
    """Runs a command, as the superuser if nobody else is named: pg_cron's tables are its own."""
    del untouched_logging

    async def run(*arguments: str, url: str = database.superuser_url) -> Ended:
        return await synkron(url, *arguments, folder=tmp_path)

    return run


def holds(condition: str, *arguments: object) -> Condition:
    async def holds(connection: Connection) -> bool:
        return bool(await connection.fetchval(condition, *arguments))

    return holds


# requirement R17.6
@pytest.mark.waits(minutes=3)
async def test_pg_cron_takes_over_and_hands_back(
    database: Database, connection: Connection, called: Called, tmp_path: Path
) -> None:
    """The scheduler is killed; pg_cron claims the next minutes on time; a new scheduler goes on from there."""
    for _ in range(INTEGRATIONS):
        await add_integration(connection, "* * * * *")
    done = await called("pg-cron", "install", "--yes")
    assert done.returncode == 0, done.stderr
    async with receiving() as receiver, watching(database, patience=PATIENCE) as until:
        settings = f'heartbeat = "3s"\n[types.xledger]\ntarget = "{receiver.url}"\nconcurrency = 50\n'
        async with process(database, tmp_path, "worker", settings):
            async with process(database, tmp_path, "scheduler", settings) as scheduler:
                await until(holds("select count(*) > 0 from synkron.plans"))
                await until(holds("select count(*) > 0 from synkron.runs where state = 'succeeded'"))
                await scheduler.kill()
            killed: datetime = await connection.fetchval("select now()")
            taken_over = """
                select count(*) >= $1 from synkron.runs
                join synkron.ticks t on t.id = tick_id
                where t.source = 'pg_cron' and state = 'succeeded'
            """
            await until(holds(taken_over, INTEGRATIONS))
            status = json.loads((await called("pg-cron", "status", "--json")).stdout)
            assert (status["clock"]["claims"], status["claimed_by_pg_cron"] >= INTEGRATIONS) == (True, True)
            async with process(database, tmp_path, "scheduler", settings) as scheduler:
                ticked = """
                    select count(*) >= $2 from synkron.runs r join synkron.ticks t on t.id = r.tick_id
                    where t.source = 'service' and t.at > $1 and r.state = 'succeeded'
                """
                await until(holds(ticked, killed, INTEGRATIONS))
                assert scheduler.complaints() == []
    report = await verify(connection, Settings(), killed - 5 * MINUTE)
    assert [str(one) for one in report.findings] == []
    runs = await connection.fetch("""
        select r.integration_id, r.scheduled_for, r.period_start, t.source, r.start_delay
        from synkron.runs r join synkron.ticks t on t.id = r.tick_id
        where r.started_at is not null order by r.integration_id, r.scheduled_for
    """)
    assert len({(run["integration_id"], run["scheduled_for"]) for run in runs}) == len(runs)
    moments = sorted({run["scheduled_for"] for run in runs})
    assert len(runs) == INTEGRATIONS * len(moments)
    assert moments == [moments[0] + MINUTE * number for number in range(len(moments))]
    assert all(run["period_start"] == run["scheduled_for"] - MINUTE for run in runs)
    late = sorted(run["start_delay"] for run in runs if run["source"] == "pg_cron")
    # A second, on a machine with nothing else to do. A claim that missed its turn comes half a minute late.
    assert late[len(late) * 95 // 100] < timedelta(seconds=10)


@pytest.mark.waits(minutes=2.5)
async def test_a_drill_shows_the_hand_over(
    database: Database, connection: Connection, called: Called, tmp_path: Path
) -> None:
    """The schedulers rest for two minutes, by word of the command; afterwards everything is removed again."""
    await add_integration(connection, "* * * * *")
    refused = await called("pg-cron", "drill")
    assert refused.returncode == 6
    assert "synkron pg-cron install" in refused.stderr
    for mode in ("wake", "claim"):
        assert (await called("pg-cron", "install", "--mode", mode, "--yes")).returncode == 0
    refused = await called("pg-cron", "drill")
    assert refused.returncode == 6
    assert "Nothing is planned" in refused.stderr
    settings = ""
    async with process(database, tmp_path, "scheduler", settings), watching(database, patience=PATIENCE) as until:
        await until(holds("select count(*) > 0 from synkron.plans"))
        done = await called("pg-cron", "drill", "--minutes", "2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    moments = json.loads(done.stdout)["moments"]
    assert [one["unclaimed"] for one in moments] == [0] * len(moments)
    ended = await connection.fetch("select command, status, return_message from cron.job_run_details")
    assert sum(one["claimed_by_pg_cron"] for one in moments) >= 1, (moments, list(map(dict, ended)))
    jobs = await connection.fetch("select jobname from cron.job order by 1")
    assert [row["jobname"] for row in jobs] == ["synkron claim", "synkron wake"]
    assert (await called("pg-cron", "remove", "--yes")).returncode == 0
    assert await connection.fetchval("select count(*) from cron.job") == 0
    assert await connection.fetchval("select to_regproc('synkron.claim_planned') is null")


async def test_the_doctor_mends_a_job_that_is_off_or_gone(
    database: Database, connection: Connection, called: Called
) -> None:
    """Mode call can't be installed here; a dry run says so as well."""

    async def doctor(url: str = database.superuser_url) -> tuple[str, list[str]]:
        checks = json.loads((await called("doctor", "--json", url=url)).stdout)["checks"]
        [found] = [one for one in checks if one["check"] == "pg_cron"]
        return found["level"], found["commands"]

    call = ("pg-cron", "install", "--mode", "call", "--url", "https://synkron.example.com/v1/tick")
    refused = [await called(*call, option) for option in ("--dry-run", "--yes")]
    assert [(one.returncode, "There is no pg_net, which sends" in one.stderr) for one in refused] == [(6, True)] * 2
    assert (await called("pg-cron", "install", "--yes")).returncode == 0
    assert await doctor() == ("ok", [])
    await connection.execute("select cron.alter_job(jobid, active => false) from cron.job")
    level, [command] = await doctor()
    assert level == "failed"
    await connection.execute(command)
    assert await doctor() == ("ok", [])
    await connection.execute("select cron.unschedule(jobname) from cron.job")
    level, [command] = await doctor()
    assert level == "failed"
    assert (await called(*command.split()[1:], "--yes")).returncode == 0
    assert await doctor() == ("ok", [])
    assert await doctor(database.url) == ("skipped", [])
    status = await called("pg-cron", "status", "--json", url=database.url)
    assert json.loads(status.stdout)["jobs"] == []
    ungranted = await called("pg-cron", "install", "--yes", url=database.url)
    assert ungranted.returncode == 6
    assert "grant usage on schema cron to ROLE" in ungranted.stderr
