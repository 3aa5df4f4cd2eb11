"""The worker: each run is delivered once it is due, unless its row says otherwise, and what came of it is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from synkron import history, ledger
from synkron.database import Pool, connected
from synkron.errors import ServiceRoleRequired
from synkron.migrate import migrate
from synkron.model import Outcome, OutcomeKind, Run
from synkron.queue import queue_on
from synkron.scheduler import tick
from synkron.settings import Settings, SourceTables, TypeSettings
from synkron.targets import Terms
from synkron.turn import read_turn, turn_statement
from synkron.worker import Worker
from tests.conftest import Connection, Database
from tests.integration.fleet import add_integration, nothing_queued, utc, watching

DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 503, "the target answered 503")
REFUSED = Outcome(OutcomeKind.FINAL, 422, "the target answered 422")
MOMENT = "2026-03-02T02:00:00"
QUICK = Settings(types={"xledger": TypeSettings(backoff=timedelta(milliseconds=1), attempts=3)})


class Recorder:
    """A target that remembers what it was called with, and answers as it is told.

    ``called`` is set when ``expected`` calls are under way or over.
    """

    def __init__(self, *answers: Outcome, wait: asyncio.Event | None = None, expected: int = 1) -> None:
        self.calls: list[Run] = []
        self.terms: list[Terms] = []
        self.called = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0
        self._expected = expected
        self._answers = list(answers)
        self._wait = wait

    async def call(self, run: Run, terms: Terms) -> Outcome:
        self.terms.append(terms)
        self.calls.append(run)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if len(self.calls) >= self._expected:
            self.called.set()
        try:
            if self._wait is not None:
                await self._wait.wait()
            return self._answers.pop(0) if self._answers else DONE
        finally:
            self.at_once -= 1


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=10) as opened:
        yield opened


@asynccontextmanager
async def working(pool: Pool, target: Recorder | None, settings: Settings = QUICK) -> AsyncIterator[Worker]:
    worker = Worker(pool, settings, {} if target is None else {"xledger": target}, "w")
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def claim(connection: Connection, at: str = MOMENT, settings: Settings = QUICK) -> tuple[int, ...]:
    return (await tick(connection, settings, scheduler="test", at=utc(at))).run_ids


async def deliver(database: Database, pool: Pool, target: Recorder | None) -> list[history.RecordedRun]:
    """Let a worker do all there is to do; answers the runs, the oldest first."""
    async with watching(database) as until, working(pool, target):
        await until(nothing_queued)
    return sorted(await history.runs(pool), key=lambda run: run.scheduled_for)


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
        ("update organization_integrations set integration_type = 'bufdir'", "bufdir"),
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


async def test_a_worker_that_hands_back_begins_nothing_new(
    database: Database, connection: Connection, pool: Pool
) -> None:
    """A job that was about to start when the worker was told to hand back does not go on to its target."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    target = Recorder()
    async with watching(database) as until, working(pool, target) as worker:
        worker.hand_back()
        await until(_handed_back)
        worker.stop()
    assert target.calls == []
    assert (await history.runs(connection))[0].state == "claimed"


async def _handed_back(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) > 0 from synkron.attempts where outcome = 'handed_back'"))


async def test_a_known_outcome_is_recorded_when_the_database_comes_back(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A success that the database did not take at first is not delivered again."""
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    finish, faults = ledger.finish, [asyncpg.InterfaceError("cut"), OSError("gone")]

    async def finish_later(*arguments: Any) -> bool:
        if faults:
            raise faults.pop()
        return await finish(*arguments)

    monkeypatch.setattr(ledger, "finish", finish_later)
    monkeypatch.setattr("synkron.worker.PAUSES_TO_RECORD", (0.01, 0.01))
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert (run.state, run.attempt, run.failures, len(target.calls)) == ("succeeded", 1, 0, 1)


async def test_a_run_that_keeps_losing_its_workers_is_given_up(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    for _ in range(3):
        await ledger.start(connection, run_id, "killed", 1)
    target = Recorder()
    (run,) = await deliver(database, pool, target)
    assert target.calls == []
    assert (run.state, run.failures) == ("failed", 4)
    assert "given up" in str(run.error)


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
        statement = await turn_statement(connection, SourceTables())
        async with connected(database.url.replace("synkron@", "shortsighted@")) as opened:
            with pytest.raises(ServiceRoleRequired, match="BYPASSRLS"):
                await read_turn(opened, statement, run_id, QUICK)
    finally:
        await superuser.execute("drop owned by shortsighted; drop role shortsighted")
        await superuser.close()
    assert (await history.runs(connection))[0].state == "claimed"
