"""A run whose row was given another type or organization after the claim goes where the row says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from synkron.delivery.worker import Worker
from synkron.ledger import attempts, history
from synkron.ledger.history import RecordedRun
from synkron.model import Scope
from synkron.operations.pauses import AskedPause, pause
from synkron.postgres.connection import Pool
from synkron.scheduler.moves import Move, move_all, move_left_behind
from synkron.settings.load import Settings, SourceTables, TypeSettings
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import Condition, add_integration, add_organization, nothing_queued, watching
from tests.support.turns import start
from tests.support.working import BROKEN, Recorder, claim

pytestmark = pytest.mark.own_database

QUICK = TypeSettings(backoff=timedelta(milliseconds=1), attempts=3)
BOTH = Settings(types={"xledger": QUICK, "bufdir": QUICK})
ROW = "update organization_integrations set "
REPLACED = """create table gone as select id from organization_integrations; delete from organization_integrations;
    insert into organization_integrations select id, '{vik}', 'bufdir', true, '0 2 * * *' from gone"""


async def deliver(
    database: Database,
    pool: Pool,
    targets: Mapping[str, Recorder],
    settings: Settings = BOTH,
    end: Condition = nothing_queued,
) -> list[RecordedRun]:
    """Let a worker do all there is to do; answers the runs, the oldest first."""
    worker = Worker(pool, settings, targets, "w")
    # The queue says nothing of a job that is put off.
    await pool.execute("""
        create or replace function tell() returns trigger language plpgsql as
            $$ begin notify of_a_job; return null; end $$;
        create or replace trigger tell after insert or update or delete on synkron.queue execute function tell();
    """)
    async with watching(database, "of_a_job") as until:
        running = asyncio.create_task(worker.run())
        try:
            await until(end)
        finally:
            worker.stop()
            await running
    return sorted(await history.runs(pool), key=lambda run: (run.scheduled_for, run.id))


async def put_off(connection: Connection) -> bool:
    """Whether every job was looked at, and waits."""
    jobs = await connection.fetchrow(
        "select count(*) as all, count(*) filter (where execute_after > now() + interval '20 seconds') as waiting "
        "from synkron.queue"
    )
    assert jobs is not None
    return bool(jobs["all"] and jobs["all"] == jobs["waiting"])


@pytest.mark.parametrize(
    ("edit", "kind", "is_moved", "told"),
    [
        (ROW + "integration_type = 'bufdir'", "bufdir", False, "its row's type was changed from xledger to bufdir"),
        (ROW + "org_id = '{vik}'", "xledger", True, "its row was moved from organization "),
        (ROW + "org_id = '{vik}', integration_type = 'bufdir'", "bufdir", True, "from xledger to bufdir; its row was"),
        (ROW + "integration_type = 'bufdir', cron_schedule = '*/30 * * * *'", "bufdir", False, "to bufdir"),
        (REPLACED, "bufdir", True, "from xledger to bufdir"),
    ],
)
async def test_a_run_follows_its_row(
    database: Database, connection: Connection, pool: Pool, edit: str, kind: str, is_moved: bool, told: str
) -> None:
    """The row calls for the moment as before: it is delivered once, with the key and the period that it had."""
    org = await add_organization(connection)
    vik = await add_organization(connection, "Vik")
    one = await add_integration(connection, "0 2 * * *", org_id=org)
    (run_id,) = await claim(connection, settings=BOTH)
    key, start = await connection.fetchrow("select key, period_start from synkron.runs") or (None, None)
    await connection.execute(edit.format(vik=vik))
    targets = {"xledger": Recorder(), "bufdir": Recorder()}
    (run,) = await deliver(database, pool, targets)
    (call,) = targets[kind].calls
    assert sum(len(target.calls) for target in targets.values()) == 1
    assert (call.id, call.integration_id, call.integration_type, call.org_id) == (
        run_id,
        one,
        kind,
        vik if is_moved else org,
    )
    assert (call.key, call.period_start) == (key, start)
    assert (run.integration_type, run.org_id, run.state, run.attempt) == (kind, call.org_id, "succeeded", 1)
    assert told in run.reason


@pytest.mark.parametrize("edit", ["is_enabled = false", "cron_schedule = '0 3 * * *'", "cron_schedule = null"])
async def test_a_run_of_another_type_that_its_row_does_not_call_for_is_skipped(
    database: Database, connection: Connection, pool: Pool, edit: str
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=BOTH)
    await connection.execute(f"{ROW} integration_type = 'bufdir', {edit}")
    targets = {"xledger": Recorder(), "bufdir": Recorder()}
    (run,) = await deliver(database, pool, targets)
    assert (run.state, run.integration_type) == ("skipped", "xledger")
    assert run.reason.startswith("superseded")


@pytest.mark.parametrize(
    ("away", "back"),
    [
        pytest.param(ROW + "integration_type = 'fiken'", ROW + "integration_type = 'xledger'", id="an unknown type"),
        pytest.param(ROW + "integration_type = 'bufdir'", ROW + "integration_type = 'xledger'", id="without a target"),
        pytest.param(
            "alter table organization_integrations drop constraint organization_integrations_org_id_fkey; "
            "create table gone as select * from organizations; delete from organizations",
            "insert into organizations overriding system value select * from gone",
            id="no organization",
        ),
    ],
)
async def test_a_run_whose_row_can_not_be_delivered_waits_until_it_can(
    database: Database, connection: Connection, pool: Pool, away: str, back: str
) -> None:
    """It is neither closed nor lost: it is looked at again and again, and delivered when somebody has put it right."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=BOTH)
    await connection.execute(away)
    target = Recorder()
    (run,) = await deliver(database, pool, {"xledger": target}, end=put_off)
    assert (run.state, target.calls) == ("claimed", [])
    await connection.execute(back)
    await connection.execute("update synkron.queue set execute_after = now()")
    (run,) = await deliver(database, pool, {"xledger": target})
    assert (run.state, len(target.calls)) == ("succeeded", 1)


async def test_a_run_waits_for_a_worker_that_knows_its_row_s_type(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=BOTH)
    await connection.execute(ROW + "integration_type = 'fiken'")
    await deliver(database, pool, {"xledger": Recorder()}, end=put_off)
    await connection.execute("update synkron.queue set execute_after = now()")
    target = Recorder()
    knowing = Settings(types={"xledger": QUICK, "fiken": QUICK})
    (run,) = await deliver(database, pool, {"xledger": Recorder(), "fiken": target}, knowing)
    assert (run.state, run.integration_type, len(target.calls)) == ("succeeded", "fiken", 1)


async def test_a_run_that_was_tried_and_failed_follows_with_its_next_attempt(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=BOTH)
    edited = asyncio.Event()
    first, second = Recorder(BROKEN, wait=edited), Recorder()

    async def edit() -> None:
        await first.called.wait()
        await connection.execute(ROW + "integration_type = 'bufdir'")
        edited.set()

    editing = asyncio.create_task(edit())
    (run,) = await deliver(database, pool, {"xledger": first, "bufdir": second})
    await editing
    assert [(call.attempt, call.key) for call in (*first.calls, *second.calls)] == [(1, run.key), (2, run.key)]
    assert (run.state, run.integration_type, run.failures) == ("succeeded", "bufdir", 1)


async def test_a_run_whose_worker_was_lost_follows(database: Database, connection: Connection, pool: Pool) -> None:
    """The attempt counts as lost, and the seat is free for the next."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection, settings=BOTH)
    job = await connection.fetchval("select id from synkron.queue")
    assert await start(connection, run_id, "killed", job) is not None
    await connection.execute(ROW + "integration_type = 'bufdir'")
    target = Recorder()
    (run,) = await deliver(database, pool, {"xledger": Recorder(), "bufdir": target})
    assert [call.attempt for call in target.calls] == [2]
    assert (run.state, run.failures) == ("succeeded", 1)
    outcomes = await connection.fetch("select outcome from synkron.attempts order by attempt")
    assert [row["outcome"] for row in outcomes] == ["lost", "succeeded"]


async def test_a_run_under_way_does_not_follow(connection: Connection) -> None:
    """Neither while a worker has it, nor when it has ended; and it follows once."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection, settings=BOTH)
    job = await connection.fetchval("select id from synkron.queue")
    started = await start(connection, run_id, "w", job)
    assert started is not None
    to_bufdir = Move(run_id, "bufdir", started.org_id, "; moved", job + 1)
    assert await move_all(connection, [to_bufdir]) == [False]
    await attempts.hand_back(connection, started)
    assert await move_all(connection, [to_bufdir, to_bufdir]) == [True, True]
    assert await move_all(connection, [to_bufdir]) == [False]
    assert await connection.fetchval("select reason from synkron.runs") == (
        "replayed: a tick was asked for this moment; moved"
    )


async def test_runs_of_an_integration_stay_in_order_whatever_their_types(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """The older run, of the type from before the edit, goes first."""
    await add_integration(connection, "* * * * *")
    await claim(connection, "2026-03-02T02:00:00", BOTH)
    await connection.execute(ROW + "integration_type = 'bufdir'")
    await claim(connection, "2026-03-02T02:01:00", BOTH)
    await connection.execute("update synkron.queue set execute_after = now() + interval '1 second' where id = 1")
    target = Recorder()
    await deliver(database, pool, {"xledger": Recorder(), "bufdir": target})
    assert [call.scheduled_for.minute for call in target.calls] == [0, 1]


@pytest.mark.parametrize("kept_by", ["a pause of the old type", "a type that nobody knows any more"])
async def test_what_no_worker_would_take_is_brought_to_its_row(
    database: Database, connection: Connection, pool: Pool, kept_by: str
) -> None:
    """Nor do the runs behind it wait for ever."""
    await add_integration(connection, "* * * * *")
    await claim(connection, "2026-03-02T02:00:00", BOTH)
    await connection.execute("delete from synkron.queue")
    settings = BOTH
    if kept_by == "a pause of the old type":
        await pause(connection, BOTH, AskedPause([Scope(integration_type="xledger")], "month end"), "kari")
    else:
        settings = Settings(types={"bufdir": QUICK})
    await connection.execute(ROW + "integration_type = 'bufdir'")
    await claim(connection, "2026-03-02T02:01:00", settings)
    target = Recorder()
    runs = await deliver(database, pool, {"bufdir": target}, settings)
    assert [(run.state, run.integration_type) for run in runs] == [("succeeded", "bufdir")] * 2
    assert [call.scheduled_for.minute for call in target.calls] == [0, 1]
    assert await move_left_behind(connection, SourceQueries(SourceTables()), settings.types) == 0


async def test_a_run_of_an_unpaused_type_is_held_by_the_pause_of_the_type_it_comes_to(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=BOTH)
    await pause(connection, BOTH, AskedPause([Scope(integration_type="bufdir")], "month end"), "kari")
    await connection.execute(ROW + "integration_type = 'bufdir'")
    target = Recorder()
    (run,) = await deliver(database, pool, {"xledger": target, "bufdir": target})
    assert (run.state, run.integration_type, target.calls) == ("claimed", "bufdir", [])
