"""The ledger: every change is one conditional statement, and a lost race is a normal answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from synkron.ledger import attempts, claims, history, retention, skips, ticks
from synkron.ledger.keys import BEFORE_INSTALLATIONS, idempotency_key, is_key_of, run_key
from synkron.ledger.queue import queue_on
from synkron.model import Decision, Integration, Occurrences, Outcome, OutcomeKind, Run, Scope, Source, State, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Executor, Pool
from synkron.scheduler.decide import decide
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings
from synkron.settings.policy import Policies, Policy
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import installation_of
from tests.support.turns import skip, start

pytestmark = pytest.mark.each_server

MINUTE = timedelta(minutes=1)
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 503, "the target answered 503")
NOW = timedelta()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=20) as opened:
        yield opened


def integration(number: int = 1) -> Integration:
    return Integration(f"i{number}", f"o{number}", "xledger", True, "* * * * *", True, "Europe/Oslo")


async def this_minute(connection: Connection) -> datetime:
    minute: datetime = await connection.fetchval("select date_trunc('minute', now())")
    return minute


async def claim(connection: Connection, minutes_ago: list[int], *, integrations: int = 1) -> claims.Claimed:
    """Claim on-time runs for each integration at the given minutes, whatever the time is: now is the oldest."""
    async with connection.transaction():
        clock = await database_clock(connection)
        minute = await this_minute(connection)
        decisions = _decisions(minute, minutes_ago, integrations)
        window = Window(clock - MINUTE, clock)
        number = await ticks.open_tick(
            connection, clock, window, ticks.TickFigures(1, 0), source="once", scheduler="test"
        )
        await retention.keep_partitions(connection, minute - timedelta(days=40), clock, timedelta(days=400))
        return await claims.claim(connection, decisions, tick_id=number, installation=await installation_of(connection))


def _decisions(minute: datetime, minutes_ago: list[int], integrations: int) -> list[Decision]:
    return [
        decision
        for number in range(1, integrations + 1)
        for ago in minutes_ago
        for decision in decide(
            [Occurrences(integration(number), [minute - MINUTE * ago], minute - MINUTE * (ago + 1), None)],
            minute - MINUTE * ago,
            Policies({"xledger": Policy()}),
        )
    ]


async def started(connection: Executor, run_id: int, worker: str = "w", job_id: int = 1) -> Run:
    run = await start(connection, run_id, worker, job_id)
    assert run is not None
    return run


async def test_a_moment_is_claimed_once(connection: Connection) -> None:
    first = await claim(connection, [1, 0])
    assert len(first.run_ids) == 2
    assert (await claim(connection, [1, 0])).run_ids == ()
    assert await connection.fetchval("select count(*) from synkron.queue") == 2


# requirement R17.2
@pytest.mark.usefixtures("no_partitions")
async def test_two_schedulers_that_claim_ten_thousand_moments_at_once(database: Database) -> None:
    """G2: whichever wins each of them, every moment has one run and one job."""
    connections = [await asyncpg.connect(database.url) for _ in range(2)]
    claims = await asyncio.gather(*(claim(connection, [0], integrations=10_000) for connection in connections))
    assert sorted(len(done.run_ids) for done in claims) == [0, 10_000]
    counts = await connections[0].fetchrow(
        "select (select count(*) from synkron.runs), (select count(distinct key) from synkron.runs), "
        "(select count(*) from synkron.queue)"
    )
    assert counts is not None
    assert tuple(counts) == (10_000, 10_000, 10_000)
    for connection in connections:
        await connection.close()


async def test_the_queue_gets_the_run_at_its_moment(connection: Connection) -> None:
    await claim(connection, [-1])
    moment = await connection.fetchval("select execute_after from synkron.queue")
    assert moment == await connection.fetchval("select scheduled_for from synkron.runs")


async def test_a_run_is_started_by_one_of_many(connection: Connection, pool: Pool) -> None:
    """Twelve jobs that stand for the same run, taken at once by twelve workers."""
    (run_id,) = (await claim(connection, [0])).run_ids
    jobs = await queue_on(connection).enqueue(["xledger"] * 12, [str(run_id).encode()] * 12, [0] * 12)
    barrier = asyncio.Barrier(12)

    async def one(job_id: int) -> Run | None:
        async with pool.acquire() as mine:
            await barrier.wait()
            return await start(mine, run_id, "w", job_id)

    (run,) = [run for run in await asyncio.gather(*map(one, jobs)) if run is not None]
    assert run.attempt == 1


async def test_one_running_run_for_each_integration_and_the_oldest_first(connection: Connection) -> None:
    older, newer = sorted((await claim(connection, [2, 1])).run_ids)
    assert await start(connection, newer, "w", 2) is None
    run = await started(connection, older)
    assert await start(connection, newer, "w", 2) is None
    assert await attempts.finish(connection, run, DONE, State.SUCCEEDED, NOW)
    assert (await started(connection, newer)).attempt == 1


async def test_an_integration_does_not_wait_for_another(connection: Connection) -> None:
    first, second = (await claim(connection, [0], integrations=2)).run_ids
    await started(connection, first)
    await started(connection, second)


async def test_a_finished_run_never_starts_again(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    run = await started(connection, run_id)
    assert await attempts.finish(connection, run, DONE, State.SUCCEEDED, NOW)
    assert await start(connection, run_id, "w", 1) is None
    assert not await attempts.finish(connection, run, BROKEN, State.FAILED, NOW)
    assert not await skip(connection, run_id, "too late", 1)
    found = await history.run(connection, run_id)
    assert found is not None
    assert (found[0].state, found[0].http_status, found[0].error) == ("succeeded", 200, None)


async def test_a_failed_attempt_waits_and_is_counted(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    run = await started(connection, run_id)
    assert await attempts.finish(connection, run, BROKEN, State.CLAIMED, MINUTE)
    assert await start(connection, run_id, "w", 1) is None
    await connection.execute("update synkron.runs set next_attempt_at = now()")
    again = await started(connection, run_id)
    assert (again.attempt, again.failures) == (2, 1)
    assert again.drift == run.drift


async def test_a_lost_worker_s_run_is_taken_over_and_its_late_word_is_ignored(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    lost = await started(connection, run_id, "killed")
    taken = await started(connection, run_id, "alive")
    assert not await attempts.finish(connection, lost, DONE, State.SUCCEEDED, NOW)
    assert await attempts.finish(connection, taken, DONE, State.SUCCEEDED, NOW)
    found = await history.run(connection, run_id)
    assert found is not None
    assert [(one.worker, one.outcome) for one in found[1]] == [("killed", "lost"), ("alive", "succeeded")]
    assert found[0].failures == 1


async def test_a_run_is_taken_over_by_its_own_job_or_when_that_is_gone(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    (job_id,) = await queue_on(connection).enqueue("xledger", str(run_id).encode())
    await started(connection, run_id, "killed", job_id)
    assert await start(connection, run_id, "another job's", job_id + 1) is None
    assert (await started(connection, run_id, "the same job's", job_id)).attempt == 2
    await connection.execute("delete from synkron.queue where id = $1", job_id)
    assert (await started(connection, run_id, "another job's", job_id + 1)).attempt == 3


async def test_two_jobs_of_one_run_start_it_once_and_its_seat_is_the_one_s_that_is_told(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [1])).run_ids
    answers = await attempts.start_all(connection, [(run_id, 12), (run_id, 11)], "w", None, NOW)
    (place,) = [number for number, run in enumerate(answers) if run is not None]
    assert await connection.fetchval("select job_id from synkron.running") == (12, 11)[place]


async def test_runs_of_two_integrations_start_together_and_of_one_in_order(connection: Connection) -> None:
    runs = sorted((await claim(connection, [2, 1], integrations=2)).run_ids)
    answers = await attempts.start_all(connection, [(run_id, run_id) for run_id in reversed(runs)], "w", None, NOW)
    started = [run for run in answers if run is not None]
    assert len(started) == len({run.integration_id for run in started}) == 2
    assert len({run.scheduled_for for run in started}) == 1
    assert all(run.attempt == 1 for run in started)


async def test_a_run_that_waits_gets_its_turn_when_the_one_before_it_ends(connection: Connection) -> None:
    first, second, third = sorted((await claim(connection, [3, 2, 1])).run_ids)
    await connection.execute("delete from synkron.queue")
    assert await attempts.finish(connection, await started(connection, first), DONE, State.SUCCEEDED, NOW)
    assert await jobs_of(connection) == [second]
    run = await started(connection, second)
    assert await attempts.finish(connection, run, BROKEN, State.CLAIMED, MINUTE)
    assert await jobs_of(connection) == [second, second]
    await skip(connection, second, "superseded: the integration was disabled", 1)
    assert await jobs_of(connection) == [second, second, third]


async def test_many_are_skipped_together_and_only_whose_turn_comes_then_gets_a_job(connection: Connection) -> None:
    """Of two integrations with four runs each, the three oldest are asked about; one is under way elsewhere."""
    runs = sorted((await claim(connection, [4, 3, 2, 1], integrations=2)).run_ids)
    rows = await connection.fetch("select integration_id, id from synkron.runs order by integration_id, scheduled_for")
    one, other = [row["id"] for row in rows[:4]], [row["id"] for row in rows[4:]]
    assert sorted(one + other) == runs
    (job_id,) = await queue_on(connection).enqueue("xledger", b"")
    await started(connection, other[0], "elsewhere", job_id)
    await connection.execute("delete from synkron.queue where id <> $1", job_id)
    asked = [skips.Skip(run_id, f"no use of {run_id}", 0) for run_id in (*one[:3], *other[:3], one[0], 0)]
    assert await skips.skip_all(connection, asked, None) == [True, True, True, False, True, True, True, False]
    await connection.execute("delete from synkron.queue where id = $1", job_id)
    assert sorted(await jobs_of(connection)) == sorted([one[3], other[3]])
    reasons = await connection.fetch("select id, reason from synkron.runs where state = 'skipped'")
    assert [row["reason"] for row in reasons] == [f"no use of {row['id']}" for row in reasons]


async def test_a_run_ahead_of_its_moment_keeps_the_job_it_has(connection: Connection) -> None:
    now, ahead = sorted((await claim(connection, [0, -2])).run_ids)
    await attempts.finish(connection, await started(connection, now), DONE, State.SUCCEEDED, NOW)
    assert await jobs_of(connection) == [now, ahead]


@pytest.mark.parametrize("ends", ["tried again", "finished", "skipped"])
async def test_no_job_comes_before_its_run_may_start(connection: Connection, ends: str) -> None:
    """In a transaction the queue counts from its start, and the ledger from later: `start` would refuse the job."""
    first, second = sorted((await claim(connection, [2, 1])).run_ids)
    run = await started(connection, first)
    await connection.execute("delete from synkron.queue")
    await connection.execute("update synkron.runs set next_attempt_at = now() + interval '4 s' where id = $1", second)
    async with connection.transaction():
        if ends == "skipped":
            assert await skip(connection, first, "superseded: the integration was disabled", 1)
        elif ends == "finished":
            assert await attempts.finish(connection, run, DONE, State.SUCCEEDED, NOW)
        else:
            assert await attempts.finish(connection, run, BROKEN, State.CLAIMED, MINUTE)
    assert await jobs_of(connection) == [first if ends == "tried again" else second]
    assert (
        await connection.fetchval(
            "select job.execute_after - next_attempt_at "
            "from synkron.queue job join synkron.runs on job.payload = convert_to(runs.id::text, 'UTF8')"
        )
        == timedelta()
    )


async def jobs_of(connection: Connection) -> list[int]:
    """The runs that jobs stand for, in the order of the jobs."""
    return [int(row[0]) for row in await connection.fetch("select payload from synkron.queue order by id")]


async def test_a_run_handed_back_is_no_failure(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    assert await attempts.hand_back(connection, await started(connection, run_id))
    again = await started(connection, run_id)
    assert (again.attempt, again.failures) == (2, 0)


async def test_skipping_frees_the_seat_of_a_dead_worker(connection: Connection) -> None:
    older, newer = sorted((await claim(connection, [2, 1])).run_ids)
    await started(connection, older)
    assert await skip(connection, older, "superseded: the integration was disabled", 1)
    await started(connection, newer)
    found = await history.run(connection, older)
    assert found is not None
    assert (found[0].state, found[1][0].outcome) == ("skipped", "lost")


async def test_a_run_that_is_under_way_is_not_skipped_by_another_job(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [0])).run_ids
    (job_id,) = await queue_on(connection).enqueue("xledger", str(run_id).encode())
    run = await started(connection, run_id, "w", job_id)
    assert not await skip(connection, run_id, "superseded: the integration was disabled", job_id + 1)
    assert await attempts.finish(connection, run, DONE, State.SUCCEEDED, NOW)


@pytest.mark.usefixtures("no_partitions")
async def test_a_month_with_an_unfinished_run_is_kept(connection: Connection) -> None:
    (run_id,) = (await claim(connection, [60 * 24 * 35])).run_ids
    run = await started(connection, run_id)
    clock = await database_clock(connection)
    assert await retention.forget(connection, clock, timedelta(days=1))
    assert await history.run(connection, run_id) is not None
    await attempts.finish(connection, run, DONE, State.SUCCEEDED, NOW)
    assert await retention.forget(connection, clock, timedelta(days=1))
    assert await history.run(connection, run_id) is None
    assert await connection.fetchval("select count(*) from synkron.attempts") == 0
    with pytest.raises(asyncpg.RaiseError, match="not past yet"):
        await connection.execute("select synkron.keep_partitions(now(), now(), 'infinity')")


async def test_a_run_without_a_job_gets_one_again(connection: Connection) -> None:
    """The oldest of each integration, when its turn came a minute ago; the others wait behind it."""
    claimed = sorted((await claim(connection, [5, 3], integrations=2)).run_ids)
    await claim(connection, [0], integrations=3)
    await connection.execute("delete from synkron.queue")
    assert await claims.requeue_lost(connection) == 2
    assert await jobs_of(connection) == [claimed[0], claimed[2]]
    assert await claims.requeue_lost(connection) == 0


async def test_the_database_refuses_impossible_rows(connection: Connection) -> None:
    await claim(connection, [0])
    for change in [
        "state = 'succeeded', finished_at = now()",
        "state = 'succeeded', started_at = now(), attempt = 1",
        "state = 'failed', started_at = now(), attempt = 1, finished_at = now()",
        "state = 'running'",
        "state = 'asleep'",
        "finished_at = now()",
        "attempt = 1",
        "failures = 1",
        "period_start = period_end",
        "period_end = period_end + interval '1 minute'",
        "scheduled_for = scheduled_for + interval '1 second', period_end = period_end + interval '1 second'",
        "execute_after = scheduled_for - interval '1 second'",
        "action = 'merge'",
        "occurrences = 2",
        "occurrences = 0",
        "http_status = 42",
        "source = 'luck'",
    ]:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("update synkron.runs set " + change)


async def test_the_watermark_never_moves_back(connection: Connection) -> None:
    async with connection.transaction():
        at = await ticks.lock_watermark(connection)
        await ticks.move_watermark(connection, at + MINUTE)
        await ticks.move_watermark(connection, at)
        assert await ticks.lock_watermark(connection) == at + MINUTE
    with pytest.raises(asyncpg.RaiseError, match="never moves back"):
        await connection.execute("update synkron.watermark set at = at - interval '1 second'")


async def test_a_first_boot_starts_half_a_minute_ago(connection: Connection) -> None:
    async with connection.transaction():
        assert await database_clock(connection) - await ticks.lock_watermark(connection) == timedelta(seconds=30)


@pytest.mark.usefixtures("no_partitions")
async def test_what_is_older_than_the_retention_is_dropped(connection: Connection) -> None:
    for run_id in (await claim(connection, [0, 60 * 24 * 35])).run_ids:
        await skip(connection, run_id, "superseded: the integration was disabled", 1)
    clock = await database_clock(connection)
    await connection.execute("alter table synkron.ticks disable trigger ticks_keep_their_window")
    await connection.execute("update synkron.ticks set at = at - interval '10 days'")
    await connection.execute("update synkron.queue_log set created = created - interval '10 days'")
    assert await retention.forget(connection, clock, timedelta(days=400))
    assert await connection.fetchval("select count(*) from synkron.runs") == 2
    assert await connection.fetchval("select count(*) from synkron.ticks") == 1
    assert await retention.forget(connection, clock, timedelta(days=3))
    assert await connection.fetchval("select count(*) from synkron.runs") == 1
    assert await connection.fetchval("select count(*) from synkron.ticks") == 0
    assert await connection.fetchval("select count(*) from synkron.queue_log") == 0


@pytest.mark.usefixtures("no_partitions")
async def test_a_month_that_somebody_reads_is_kept_until_later(database: Database, connection: Connection) -> None:
    """Dropping it would wait for the reader, and everybody else behind the drop."""
    clock = await database_clock(connection)
    keep_for = timedelta(days=60)
    await retention.keep_partitions(connection, clock - timedelta(days=130), clock, timedelta(days=400))
    before = await months_of(connection)
    reader = await asyncpg.connect(database.url)
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        await reader.fetch("select count(*) from synkron.runs")
        await connection.execute("set lock_timeout = '10 s'")
        await tick(connection, Settings(retention=keep_for), scheduler="test")
        assert not await retention.forget(connection, clock, keep_for)
        assert await months_of(connection) == before
        assert await connection.fetchval("show lock_timeout") == "10s"
    assert await retention.forget(connection, clock, keep_for)
    assert len(await months_of(connection)) < len(before)
    await reader.close()


@pytest.mark.usefixtures("no_partitions")
async def test_what_a_change_may_still_need_is_not_dropped_beside_it(
    database: Database, connection: Connection
) -> None:
    """A run of an old month may be given another chance right now: whoever does so holds the watermark."""
    clock = await database_clock(connection)
    await retention.keep_partitions(connection, clock - timedelta(days=130), clock, timedelta(days=400))
    before = await months_of(connection)
    other = await asyncpg.connect(database.url)
    async with other.transaction():
        await ticks.lock_watermark(other)
        assert not await retention.forget(connection, clock, timedelta(days=60))
    assert await months_of(connection) == before
    await other.close()


async def months_of(connection: Connection) -> list[str]:
    """The partitions of the runs."""
    rows = await connection.fetch(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'synkron.runs'::regclass"
    )
    return sorted(row[0] for row in rows)


async def test_history_filters(connection: Connection) -> None:
    await claim(connection, [10, 0], integrations=2)
    assert len(await history.runs(connection)) == 4
    assert {run.org_id for run in await history.runs(connection, Scope("o2"))} == {"o2"}
    assert {run.integration_id for run in await history.runs(connection, Scope(None, None, "i2"))} == {"i2"}
    assert await history.runs(connection, Scope(integration_type="bufdir")) == []
    assert await history.runs(connection, state="succeeded") == []
    assert len(await history.runs(connection, since=await database_clock(connection) - MINUTE * 5)) == 2
    newest, *_ = await history.runs(connection, limit=1)
    assert newest.scheduled_for == await this_minute(connection)
    assert await history.run(connection, 10**9) is None


# requirement R17.1
def test_a_key_is_the_same_for_ever() -> None:
    """Changing what it is derived from would deliver finished work again under new keys."""
    oslo, utc = (datetime.fromisoformat(text) for text in ("2026-11-30T03:00:00+01:00", "2026-11-30T02:00:00+00:00"))
    assert idempotency_key(BEFORE_INSTALLATIONS, "42", oslo) == "152693d2-13de-5caf-9b89-8bfcdcdbca15"
    one = UUID("0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51")
    assert idempotency_key(one, "42", oslo) == idempotency_key(one, "42", utc) == "b4cd1c62-ab56-50b7-b842-e72ecd8d4ff1"


def test_the_key_of_a_run_is_told_from_every_other() -> None:
    """A ledger has the keys of its installation, of the one it was copied from, and of before there were any."""
    here, before, elsewhere = uuid4(), uuid4(), uuid4()
    moment = datetime(2026, 11, 30, 2, tzinfo=UTC)
    own = [run_key(one, "42", Source.SCHEDULE, moment) for one in (here, before, BEFORE_INSTALLATIONS)]
    assert all(is_key_of(key, [here, before], "42", Source.SCHEDULE, moment) for key in own)
    others = [
        run_key(elsewhere, "42", Source.SCHEDULE, moment),
        run_key(here, "43", Source.SCHEDULE, moment),
        run_key(BEFORE_INSTALLATIONS, "43", Source.SCHEDULE, moment),
        run_key(here, "42", Source.SCHEDULE, moment + MINUTE),
        run_key(here, "42", Source.MANUAL, moment),
        "anything",
    ]
    assert not any(is_key_of(key, [here, before], "42", Source.SCHEDULE, moment) for key in others)


async def test_partitions_are_kept_whatever_the_planner_reads_first(connection: Connection) -> None:
    """It may read the names of all tables before it knows which are partitions; "pg_toast_16412" ends in no month."""
    await connection.execute("set enable_hashjoin = off; set enable_nestloop = off; set enable_indexscan = off")
    await connection.execute("select synkron.keep_partitions(now(), now(), now() - interval '400 days')")
    found = await connection.fetchval("select count(*) from pg_inherits where inhparent = 'synkron.runs'::regclass")
    assert found >= 1
