"""The worker: each run is delivered once it is due, unless its row says otherwise, and what came of it is recorded."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count
from typing import Any

import asyncpg
import pytest

from synkron import complete_run
from synkron.delivery.record import OutcomeRecorder
from synkron.delivery.turn import read_turns
from synkron.errors import ServiceRoleRequired
from synkron.ledger import attempts, history
from synkron.ledger.migrate import migrate
from synkron.ledger.queue import queue_on
from synkron.model import Outcome, OutcomeKind
from synkron.postgres.connection import Pool, connected
from synkron.settings.load import SourceTables
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, blocked, holds, nothing_queued, utc, watching
from tests.support.turns import start
from tests.support.working import BROKEN, DONE, MOMENT, QUICK, REFUSED, Recorder, claim, deliver, working


# requirement R15, R17.4
async def test_a_run_is_delivered_and_recorded(database: Database, connection: Connection, pool: Pool) -> None:
    one = await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    (call,) = target.calls
    assert (call.id, call.integration_id, call.key, call.attempt) == (run_id, one, run.key, 1)
    assert (call.scheduled_for, call.period_start, call.period_end) == (
        utc(MOMENT),
        utc(MOMENT) - timedelta(days=1),
        utc(MOMENT),
    )
    assert (run.state, run.http_status, run.error, run.attempt, run.failures) == ("succeeded", 200, None, 1, 0)
    assert run.started_at is not None
    assert run.drift == run.started_at - run.scheduled_for == call.drift


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("update organization_integrations set is_enabled = false", "disabled"),
        ("update organization_integrations set cron_schedule = null", "no schedule"),
        ("update organization_integrations set cron_schedule = '0 3 * * *'", '"0 3 * * *"'),
        ("update organization_integrations set cron_schedule = '99 * * * *'", "invalid"),
        ("update organizations set timezone = 'Europe/Oslo'", "does not fire at this moment"),
        ("delete from organization_integrations", "deleted"),
        ("delete from organizations", "deleted"),
    ],
)
async def test_an_edit_in_the_half_minute_supersedes_the_run(
    database: Database, connection: Connection, pool: Pool, edit: str, says: str
) -> None:
    """G1: nothing is called."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    await connection.execute(edit)
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert target.calls == []
    assert (run.state, run.attempt) == ("skipped", 0)
    assert run.reason.startswith("superseded")
    assert says in run.reason


async def test_an_edit_that_still_fires_at_the_moment_is_delivered(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    await connection.execute("update organization_integrations set cron_schedule = '*/30 * * * *'")
    (run,) = await deliver(database, pool, Recorder())
    assert run.state == "succeeded"


@pytest.mark.own_database
async def test_an_unchanged_row_is_delivered_whatever_this_hosts_rules_for_its_zone_are(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """Whoever claimed it has another tzdata, by which the row fires at a moment at which it does not fire here."""
    await add_integration(connection, "0 2 * * *", org_id=await add_organization(connection, zone="Europe/Oslo"))
    await claim(connection, "2026-03-02T01:00:00")
    hour = "interval '1 hour'"
    await connection.execute("alter table synkron.runs disable trigger runs_keep_their_key")
    await connection.execute(
        f"update synkron.runs set scheduled_for = scheduled_for + {hour}, period_end = period_end + {hour}, "
        f"execute_after = execute_after + {hour}"
    )
    (run,) = await deliver(database, pool, Recorder())
    assert run.state == "succeeded"


async def test_without_a_target_a_run_is_skipped_and_says_so(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    (run,) = await deliver(database, pool, None)
    assert (run.state, run.reason) == ("skipped", "no target: set types.xledger.target in synkron.toml")


@pytest.mark.parametrize(
    ("answers", "state", "outcomes"),
    [
        ([BROKEN, DONE], "succeeded", ["retryable", "succeeded"]),
        ([BROKEN, BROKEN, DONE], "succeeded", ["retryable", "retryable", "succeeded"]),
        ([BROKEN, BROKEN, BROKEN], "failed", ["retryable", "retryable", "retryable"]),
        ([REFUSED], "failed", ["final"]),
    ],
)
async def test_attempts(
    database: Database,
    connection: Connection,
    pool: Pool,
    answers: list[Outcome],
    state: str,
    outcomes: list[str],
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    target = Recorder(*answers)
    await deliver(database, pool, target)
    found = await history.run(pool, run_id)
    assert found is not None
    run, attempts = found
    assert (run.state, [one.outcome for one in attempts]) == (state, outcomes)
    assert {call.key for call in target.calls} == {run.key}
    assert [call.attempt for call in target.calls] == [1, 2, 3][: len(outcomes)]
    assert run.error == answers[-1].error


# requirement R17.2
async def test_a_finished_run_is_never_delivered_again(database: Database, connection: Connection, pool: Pool) -> None:
    """G4: a killed worker's completions are lost with it, and the queue hands its jobs out again."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    target = Recorder()
    await deliver(database, pool, target)
    for _ in range(3):
        await queue_on(connection).enqueue("xledger", str(run_id).encode())
    await deliver(database, pool, target)
    assert len(target.calls) == 1


async def test_runs_of_one_integration_come_one_after_the_other_and_in_order(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """Overlap `queue`: the waiting run is neither lost nor started early."""
    await add_integration(connection, "* * * * *")
    for minute in range(4):
        await claim(connection, f"2026-03-02T02:0{minute}:00")
    go_on = asyncio.Event()
    target = Recorder(wait=go_on)
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        assert len(target.calls) == 1
        go_on.set()
        await until(nothing_queued)
    assert target.most_at_once == 1
    assert [call.scheduled_for.minute for call in target.calls] == [0, 1, 2, 3]


async def test_integrations_do_not_wait_for_each_other(database: Database, connection: Connection, pool: Pool) -> None:
    for _ in range(5):
        await add_integration(connection, "0 2 * * *")
    await claim(connection)
    go_on = asyncio.Event()
    target = Recorder(wait=go_on, expected=5)
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        assert target.most_at_once == 5
        go_on.set()
        await until(nothing_queued)


async def test_what_a_stopped_worker_can_t_finish_is_handed_back(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    hanging = Recorder(wait=asyncio.Event())
    async with working(pool, hanging) as worker:
        await hanging.called.wait()
        worker.stop()
        worker.hand_back()
    assert (await history.runs(pool))[0].state == "claimed"
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    found = await history.run(pool, run_id)
    assert found is not None
    assert [one.outcome for one in found[1]] == ["handed_back", "succeeded"]
    assert (run.failures, target.calls[0].key) == (0, hanging.calls[0].key)


async def test_a_worker_that_hands_back_begins_nothing_new(connection: Connection, pool: Pool) -> None:
    """A job that was about to start when the worker was told to hand back does not go on to its target."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    target = Recorder()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("select from synkron.runs for update")
    async with working(pool, target) as worker:
        await blocked(connection)
        worker.stop()
        worker.hand_back()
        await transaction.commit()
    assert target.calls == []
    found = await history.run(pool, run_id)
    assert found is not None
    assert (found[0].state, [one.outcome for one in found[1]]) == ("claimed", ["handed_back"])


@pytest.mark.parametrize(
    "held",
    ["select from synkron.runs for update", "lock table organization_integrations in access exclusive mode"],
    ids=["skip", "look"],
)
async def test_a_worker_that_hands_back_waits_for_no_run_that_has_not_started(
    database: Database, connection: Connection, pool: Pool, held: str
) -> None:
    """Whoever waits to be skipped, or even to be looked at, is left for another worker."""
    for _ in range(3):
        await add_integration(connection, "0 2 * * *")
    ids = await claim(connection)
    await connection.execute("delete from organization_integrations")
    async with connected(database.superuser_url) as other, other.transaction():
        await other.execute(held)
        async with working(pool, Recorder()) as worker:
            await blocked(other)
            worker.stop()
            worker.hand_back()
        assert await other.fetchval("select count(*) from synkron.queue where status = 'queued'") == len(ids)
    for run in await deliver(database, pool, Recorder()):
        assert (run.state, run.reason) == ("skipped", "superseded: the integration was deleted")


@pytest.mark.parametrize("times", [1, 20])
async def test_a_known_outcome_is_recorded_when_the_database_comes_back(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """A success that the database does not take is not delivered again, however long that lasts."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    finish_all = attempts.finish_all
    faults = [asyncpg.InterfaceError("cut"), OSError("gone"), asyncpg.DiskFullError("no space left")] * times

    async def finish_later(*arguments: Any) -> list[bool]:
        if faults:
            raise faults.pop()
        return await finish_all(*arguments)

    monkeypatch.setattr(attempts, "finish_all", finish_later)
    monkeypatch.setattr("synkron.delivery.record.PAUSES", (0.01, 0.01))
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.attempt, run.failures, len(target.calls)) == ("succeeded", 1, 0, 1)


async def test_the_next_attempt_may_come_before_the_worker_has_heard_that_the_last_one_is_recorded(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes on another connection, when the outcome is committed: it is not put off as if that were still open."""
    monkeypatch.setattr("synkron.delivery.worker.WAIT_AFTER_FAULT", timedelta(hours=1))
    monkeypatch.setattr("synkron.delivery.record.SOON", 60)
    has_recorded, finish_all, has_come = OutcomeRecorder.has_recorded, attempts.finish_all, asyncio.Event()
    attempt = count(1)

    async def asked(recorder: OutcomeRecorder, run_id: int) -> bool:
        if run_id in recorder._recorded:
            has_come.set()
        return await has_recorded(recorder, run_id)

    async def heard_later(*arguments: Any) -> list[bool]:
        done = await finish_all(*arguments)
        if next(attempt) == 1:
            await has_come.wait()
        return done

    monkeypatch.setattr(OutcomeRecorder, "has_recorded", asked)
    monkeypatch.setattr(attempts, "finish_all", heard_later)
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    (run,) = await deliver(database, pool, Recorder(BROKEN, DONE))
    assert has_come.is_set()
    assert (run.state, run.attempt) == ("succeeded", 2)


async def test_a_run_whose_outcome_is_kept_is_not_delivered_again_by_its_own_worker(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job may come back: the queue gives away what had no sign of life while the database was gone."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    finish_all, is_back, has_recorded = attempts.finish_all, asyncio.Event(), OutcomeRecorder.has_recorded
    put_off: list[int] = []

    async def finish_later(*arguments: Any) -> list[bool]:
        if not is_back.is_set():
            raise OSError("gone")
        return await finish_all(*arguments)

    async def asked(recorder: OutcomeRecorder, run_id: int) -> bool:
        if not (found := await has_recorded(recorder, run_id)):
            put_off.append(run_id)
        return found

    async def has_come_twice() -> bool:
        return len(put_off) > 1 or len(target.calls) > 1

    monkeypatch.setattr(attempts, "finish_all", finish_later)
    monkeypatch.setattr(OutcomeRecorder, "has_recorded", asked)
    monkeypatch.setattr("synkron.delivery.record.PAUSES", (0.01,))
    monkeypatch.setattr("synkron.delivery.record.SOON", 0.01)
    monkeypatch.setattr("synkron.delivery.worker.WAIT_AFTER_FAULT", timedelta(milliseconds=10))
    target = Recorder()
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        # Taken for that of a worker that died: whoever comes with another could start the next attempt.
        await connection.execute("delete from synkron.queue")
        await queue_on(connection).enqueue("xledger", str(run_id).encode())
        await holds(has_come_twice)
        is_back.set()
        await until(nothing_queued)
    (run,) = await history.runs(pool)
    assert (run.state, run.attempt, run.failures, len(target.calls)) == ("succeeded", 1, 0, 1)


async def test_what_the_database_never_takes_is_not_asked_for_ever(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    finish_all, refusals = attempts.finish_all, [asyncpg.CheckViolationError("an odd outcome")]

    async def finish_later(*arguments: Any) -> list[bool]:
        if refusals:
            raise refusals.pop()
        return await finish_all(*arguments)

    monkeypatch.setattr(attempts, "finish_all", finish_later)
    monkeypatch.setattr("synkron.delivery.worker.WAIT_AFTER_FAULT", timedelta())
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.attempt, run.failures, len(target.calls)) == ("succeeded", 2, 1, 2)


async def test_a_run_that_keeps_losing_its_workers_is_given_up(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    for _ in range(3):
        await start(connection, run_id, "killed", 1)
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert target.calls == []
    assert (run.state, run.failures) == ("failed", 4)
    assert "given up" in str(run.error)


async def test_what_the_target_accepted_waits_for_its_completion(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """Its job ends, and neither another job nor a tick delivers it again."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    target = Recorder(Outcome(OutcomeKind.ACCEPTED, 202))
    await deliver(database, pool, target)
    await queue_on(connection).enqueue("xledger", str(run_id).encode())
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.http_status, len(target.calls)) == ("running", 202, 1)
    await complete_run(connection, QUICK, run_id, key=run.key, attempt=1, outcome=BROKEN)
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.attempt, len(target.calls)) == ("succeeded", 2, 2)


async def test_a_tick_fails_what_was_not_completed_in_time(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    await deliver(database, pool, Recorder(Outcome(OutcomeKind.ACCEPTED, 202)))
    await connection.execute("update synkron.runs set completes_by = now()")
    await claim(connection)
    (run,) = await history.runs(connection)
    assert run.state == "failed"
    assert str(run.error).startswith("timed out")


@pytest.mark.parametrize("id_type", ["bigint", "integer", "text"])
async def test_ids_of_any_type(bare_database: Database, id_type: str) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute(f"""
        create table organizations (id {id_type} primary key, name text, timezone text);
        create table organization_integrations (id {id_type} primary key, org_id {id_type}, integration_type text,
            is_enabled boolean, cron_schedule text);
        insert into organizations values ('7', 'Fjord', null);
        insert into organization_integrations values ('9', '7', 'xledger', true, '0 2 * * *');
    """)
    await migrate(connection)
    await claim(connection)
    await connection.close()
    async with asyncpg.create_pool(bare_database.url, min_size=1, max_size=5) as pool:
        (run,) = await deliver(bare_database, pool, Recorder())
    assert (run.integration_id, run.org_id, run.state) == ("9", "7", "succeeded")


@pytest.mark.own_database
async def test_a_worker_whose_role_lost_its_sight_delivers_nothing_and_skips_nothing(
    database: Database, connection: Connection
) -> None:
    """G8: rows that row security hides look deleted; such a run must wait, not be closed as superseded."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("""
        create role shortsighted login in role service_role;
        grant select on all tables in schema public to shortsighted;
        alter table organization_integrations enable row level security;
    """)
    try:
        source = SourceQueries(SourceTables())
        async with connected(database.url.replace("synkron@", "shortsighted@")) as opened:
            with pytest.raises(ServiceRoleRequired, match="BYPASSRLS"):
                await read_turns(opened, source, [run_id], QUICK)
    finally:
        await superuser.execute("drop owned by shortsighted; drop role shortsighted")
        await superuser.close()
    assert (await history.runs(connection))[0].state == "claimed"
