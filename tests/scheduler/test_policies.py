"""Pauses, the overlap policy and overrides, as a worker heeds them when a run's turn comes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from synkron.ledger import claims, history
from synkron.postgres.connection import Pool
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.turns import start
from tests.support.working import BROKEN, QUICK, Recorder, claim, deliver, working

LATER = "2026-03-02T02:01:00"
PAUSE_ALL = "insert into synkron.pauses (reason, author, until) values ('the vendor is down', 'kari', $1)"
RESUME = "update synkron.pauses set ended_at = clock_timestamp(), ended_by = 'ola'"


async def override(connection: Connection, integration_id: str, **values: object) -> None:
    columns = ", ".join(values)
    numbers = ", ".join(f"${number}" for number in range(2, len(values) + 2))
    await connection.execute(
        f"insert into synkron.overrides (integration_id, {columns}) values ($1, {numbers})",
        integration_id,
        *values.values(),
    )


class TestPause:
    async def test_a_paused_run_is_left_claimed_and_goes_on_after_the_pause(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await connection.execute(PAUSE_ALL, None)
        target = Recorder()
        (held,) = await deliver(database, pool, target)
        assert (held.state, held.attempt, target.calls) == ("claimed", 0, [])
        assert await claims.requeue_lost(connection) == 0
        await connection.execute(RESUME)
        assert await claims.requeue_lost(connection) == 1
        (run,) = await deliver(database, pool, target)
        assert (run.state, len(target.calls)) == ("succeeded", 1)

    @pytest.mark.parametrize(
        ("column", "value", "is_held"),
        [
            ("integration_id", "its own", True),
            ("integration_id", "another", False),
            ("integration_type", "xledger", True),
            ("integration_type", "bufdir", False),
            ("org_id", "its own", True),
            ("org_id", "another", False),
        ],
    )
    async def test_whom_it_covers(
        self, database: Database, connection: Connection, pool: Pool, column: str, value: str, *, is_held: bool
    ) -> None:
        one = await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        if value == "its own":
            found = await history.run(connection, run_id)
            assert found is not None
            value = found[0].org_id if column == "org_id" else one
        await connection.execute(
            f"insert into synkron.pauses ({column}, reason, author) values ($1, 'why', 'kari')", value
        )
        (run,) = await deliver(database, pool, Recorder())
        assert run.state == ("claimed" if is_held else "succeeded")

    async def test_a_snooze_ends_by_itself(self, database: Database, connection: Connection, pool: Pool) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await connection.execute(
            "insert into synkron.pauses (reason, author, starts_at, until) "
            "values ('why', 'kari', now() - interval '1 hour', now())"
        )
        (run,) = await deliver(database, pool, Recorder())
        assert run.state == "succeeded"

    async def test_with_catch_up_skip_the_run_is_closed_and_says_who_paused_it(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        one = await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await override(connection, one, catch_up="skip")
        await connection.execute(PAUSE_ALL, None)
        (run,) = await deliver(database, pool, Recorder())
        assert (run.state, run.attempt) == ("skipped", 0)
        assert run.reason == "paused by kari until it is resumed: the vendor is down, and catch-up is skip"

    async def test_a_run_whose_worker_was_lost_is_held_too(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        await start(connection, run_id, "killed", 1)
        await connection.execute(PAUSE_ALL, None)
        target = Recorder()
        await deliver(database, pool, target)
        await connection.execute(RESUME)
        assert target.calls == []
        await claims.requeue_lost(connection)
        (run,) = await deliver(database, pool, target)
        assert (run.state, run.attempt) == ("succeeded", 2)

    async def test_a_run_that_is_under_way_goes_on(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        go_on = asyncio.Event()
        target = Recorder(wait=go_on)
        async with watching(database) as until, working(pool, target):
            await target.called.wait()
            await connection.execute(PAUSE_ALL, None)
            go_on.set()
            await until(nothing_queued)
        assert (await history.runs(connection))[0].state == "succeeded"


class TestOverlapSkip:
    """Scheduled runs of 02:00 and 02:01; the first has not finished when the second one's turn comes."""

    async def both(self, connection: Connection, source: str = "schedule") -> tuple[int, int]:
        one = await add_integration(connection, "* * * * *")
        await override(connection, one, overlap="skip")
        (first,), (second,) = await claim(connection), await claim(connection, LATER)
        await connection.execute("update synkron.runs set source = $1, cron_schedule = '* * * * *'", source)
        return first, second

    async def test_it_is_skipped_and_says_behind_which(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        first, _ = await self.both(connection)
        await connection.execute("delete from synkron.queue where convert_from(payload, 'UTF8') = $1", str(first))
        target = Recorder()
        _, run = await deliver(database, pool, target)
        assert (run.state, [call.id for call in target.calls]) == ("skipped", [first])
        assert run.reason == "overlap: the run of 2026-03-02T02:00Z has not finished, and overlap is skip"

    async def test_after_the_other_has_finished_it_runs(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        first, _ = await self.both(connection)
        await connection.execute("update synkron.runs set state = 'skipped', finished_at = now() where id = $1", first)
        _, run = await deliver(database, pool, Recorder())
        assert run.state == "succeeded"

    @pytest.mark.parametrize("source", ["catch_up", "backfill"])
    async def test_what_is_caught_up_or_asked_for_waits_instead(
        self, database: Database, connection: Connection, pool: Pool, source: str
    ) -> None:
        await self.both(connection, source)
        target = Recorder()
        runs = await deliver(database, pool, target)
        assert [run.state for run in runs] == ["succeeded", "succeeded"]
        assert [call.scheduled_for.minute for call in target.calls] == [0, 1]


class TestByHand:
    """A run that an operator asked for is not held against the schedule."""

    @pytest.mark.parametrize("change", ["source = 'backfill'", "retries = 1"])
    async def test_a_schedule_that_does_not_fire_at_the_moment(
        self, database: Database, connection: Connection, pool: Pool, change: str
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await connection.execute(f"update synkron.runs set {change}")
        await connection.execute("update organization_integrations set cron_schedule = '0 3 * * *'")
        (run,) = await deliver(database, pool, Recorder())
        assert run.state == "succeeded"

    async def test_under_a_pause_it_waits_even_with_catch_up_skip(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        one = await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await override(connection, one, catch_up="skip")
        await connection.execute("update synkron.runs set retries = 1")
        await connection.execute(PAUSE_ALL, None)
        (run,) = await deliver(database, pool, Recorder())
        assert run.state == "claimed"

    async def test_a_disabled_integration_is_not_called(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await connection.execute("update synkron.runs set source = 'backfill'")
        await connection.execute("update organization_integrations set is_enabled = false")
        (run,) = await deliver(database, pool, Recorder())
        assert run.reason == "superseded: the integration was disabled"


class TestOverrides:
    async def test_attempts_and_timeout(self, database: Database, connection: Connection, pool: Pool) -> None:
        one = await add_integration(connection, "0 2 * * *")
        other = await add_integration(connection, "0 2 * * *")
        await override(connection, one, attempts=1, timeout=timedelta(seconds=7))
        await claim(connection)
        target = Recorder(*[BROKEN] * 10)
        runs = {run.integration_id: run for run in await deliver(database, pool, target)}
        assert (runs[one].attempt, runs[other].attempt) == (1, 3)
        timeouts = {call.integration_id: terms.timeout for call, terms in zip(target.calls, target.terms, strict=True)}
        assert timeouts == {one: timedelta(seconds=7), other: QUICK.types["xledger"].timeout}

    async def test_backoff(self, database: Database, connection: Connection, pool: Pool) -> None:
        one = await add_integration(connection, "0 2 * * *")
        await override(connection, one, backoff=timedelta(hours=1))
        await claim(connection)
        target = Recorder(BROKEN)
        async with watching(database) as until, working(pool, target):
            await until(_waits_for_another_attempt)
        wait = await connection.fetchval("select next_attempt_at - now() from synkron.runs")
        assert timedelta(minutes=59) < wait < timedelta(hours=2)

    async def test_the_terms_bear_the_database_s_clock(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        before = await connection.fetchval("select clock_timestamp()")
        target = Recorder()
        await deliver(database, pool, target)
        (terms,) = target.terms
        assert before < terms.at < await connection.fetchval("select clock_timestamp()")


async def _waits_for_another_attempt(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) > 0 from synkron.runs where failures = 1"))
