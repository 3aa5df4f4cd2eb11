"""A worker that stood still, and a run that is cancelled under its worker's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from synkron.ledger import attempts, history
from synkron.ledger.queue import queue_on
from synkron.model import Run, State
from synkron.postgres.connection import Pool
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.turns import skip, start
from tests.support.working import DONE, QUICK, Recorder, claim, deliver, working


class TestStoodStill:
    """A worker that was stopped, and whose run may be another's by the time it goes on."""

    async def test_before_the_call_it_hands_the_run_back(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        """More than half of the heartbeat went by between starting the attempt and calling the target."""
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        half = QUICK.heartbeat.total_seconds() / 2
        readings = iter([0.0, half])
        target = Recorder()
        (run,) = await deliver(database, pool, target, clock=lambda: next(readings, half))
        found = await history.run(pool, run_id)
        assert found is not None
        assert [one.outcome for one in found[1]] == ["handed_back", "succeeded"]
        assert found[1][0].error == "handed back: the worker stood still before it could call the target"
        assert (run.failures, [call.attempt for call in target.calls]) == (0, [2])

    async def test_what_it_calls_holds_the_lease(self, database: Database, connection: Connection, pool: Pool) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        target = Recorder()
        await deliver(database, pool, target, clock=lambda: 100.0)
        (terms,) = target.terms
        assert terms.lease.ends == 100.0 + QUICK.heartbeat.total_seconds() / 2
        assert not terms.lease.has_ended()

    async def test_a_job_that_was_given_to_another_starts_and_skips_nothing(self, connection: Connection) -> None:
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        mine, theirs = uuid4(), uuid4()
        job_id: int = await connection.fetchval("select id from synkron.queue")
        await connection.execute("update synkron.queue set status = 'picked', queue_manager_id = $1", theirs)
        taken = await start(connection, run_id, "theirs", job_id, theirs)
        assert taken is not None
        assert await start(connection, run_id, "mine", job_id, mine) is None
        assert not await skip(connection, run_id, "superseded: the integration was disabled", job_id, mine)
        assert await attempts.finish(connection, taken, DONE, State.SUCCEEDED, timedelta())

    async def test_starting_renews_the_job_s_heartbeat(self, connection: Connection) -> None:
        """So that the lease, which counts from there, ends before the queue gives the job to another."""
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        job_id = await connection.fetchval("update synkron.queue set heartbeat = now() - interval '20 s' returning id")
        before = await connection.fetchval("select clock_timestamp()")
        await start(connection, run_id, "w", job_id)
        assert await connection.fetchval("select heartbeat from synkron.queue") > before

    async def test_it_does_not_end_the_job_that_another_has_by_now(self, connection: Connection, pool: Pool) -> None:
        """It would look as if nobody had the run, and a third worker would get it too."""
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        stopped = Recorder(wait=asyncio.Event())
        async with working(pool, stopped) as worker:
            await stopped.called.wait()
            theirs = uuid4()
            job_id = await connection.fetchval("update synkron.queue set queue_manager_id = $1 returning id", theirs)
            assert await start(connection, run_id, "theirs", job_id, theirs) is not None
            worker.hand_back()
        assert [row["id"] for row in await connection.fetch("select id from synkron.queue")] == [job_id]
        assert (await history.runs(connection))[0].state == "running"


class TestCancelled:
    async def test_a_call_is_broken_off_and_nothing_recorded(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        """The canceller has ended the run in the ledger; the queue tells the worker."""
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        hanging = Recorder(wait=asyncio.Event())
        with capture_logs() as lines:
            async with watching(database) as until, working(pool, hanging):
                await hanging.called.wait()
                await self.cancel(connection, run_id)
                await until(nothing_queued)
                await self.broken_off(hanging)
        (run,) = await history.runs(connection)
        assert (run.state, run.error, hanging.at_once) == ("failed", "cancelled by kari", 0)
        assert [line["event"] for line in lines if line.get("run_id") == run_id] == ["run cancelled"]

    async def test_a_run_that_is_cancelled_right_before_its_call_is_broken_off(
        self, database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        start_all, hanging = attempts.start_all, Recorder(wait=asyncio.Event())

        async def start_cancelled(pool: Pool, asked: Sequence[tuple[int, int]], *rest: Any) -> list[Run | None]:
            runs = await start_all(pool, asked, *rest)
            await self.cancel(connection, asked[0][0])
            return runs

        monkeypatch.setattr(attempts, "start_all", start_cancelled)
        async with watching(database) as until, working(pool, hanging):
            await until(nothing_queued)
            await self.broken_off(hanging)
        assert hanging.at_once == 0

    async def test_without_a_notification_it_is_broken_off_too(self, connection: Connection, pool: Pool) -> None:
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        hanging = Recorder(wait=asyncio.Event())
        async with working(pool, hanging):
            await hanging.called.wait()
            await self.end(connection, run_id)
            await self.broken_off(hanging)

    async def test_its_late_word_counts_for_nothing(self, connection: Connection, pool: Pool) -> None:
        """The notification was lost."""
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        go_on = asyncio.Event()
        target = Recorder(wait=go_on)
        async with working(pool, target):
            await target.called.wait()
            await self.end(connection, run_id)
            go_on.set()
        (run,) = await history.runs(connection)
        assert (run.state, run.error) == ("failed", "cancelled by kari")

    @staticmethod
    async def end(connection: Connection, run_id: int) -> None:
        """What a canceller writes."""
        await connection.execute(
            "with ended as (update synkron.runs set state = 'failed', finished_at = now(), error = 'cancelled by kari' "
            "where id = $1), freed as (delete from synkron.running where run_id = $1) "
            "update synkron.attempts set finished_at = now(), outcome = 'cancelled' where run_id = $1",
            run_id,
        )

    async def cancel(self, connection: Connection, run_id: int) -> None:
        jobs = [row["id"] for row in await connection.fetch("select id from synkron.queue")]
        async with connection.transaction():
            await self.end(connection, run_id)
            await queue_on(connection).mark_job_as_cancelled(jobs)

    @staticmethod
    async def broken_off(target: Recorder) -> None:
        async with asyncio.timeout(20):
            await target.ended.wait()
