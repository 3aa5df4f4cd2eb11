"""What a pause holds, and what becomes of it: through the operators' own pause and resume, ticks and workers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import asyncpg
import pytest

from synkron.ledger import history
from synkron.ledger.history import RecordedRun
from synkron.model import Scope
from synkron.operations.audit import entries
from synkron.operations.pauses import AskedPause, ResumePlan, pause, plan_resume, resume
from synkron.operations.recorded_pauses import RecordedPause, pauses
from synkron.operations.transaction import read_transaction
from synkron.postgres.connection import Pool
from synkron.scheduler.tick import Tick, tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, watching
from tests.support.working import Recorder, claim, deliver, working

MINUTE = timedelta(minutes=1)
EVERYTHING = Scope()


async def put_pause(connection: Connection, scope: Scope, *, until: timedelta | None = None) -> RecordedPause:
    [made] = await pause(connection, Settings(), AskedPause([scope], "their maintenance", until), "kari")
    return made


async def end_pause(connection: Connection, scope: Scope) -> RecordedPause:
    [ended] = await resume(connection, Settings(), [scope], "ola")
    return ended


async def resuming(connection: Connection, scope: Scope) -> ResumePlan:
    """What the end of the pause would do."""
    async with read_transaction(connection) as now:
        return await plan_resume(connection, Settings(), [scope], now)


async def tick_now(connection: Connection, settings: Settings | None = None) -> Tick:
    return await tick(connection, settings or Settings(), scheduler="test")


async def ticked_until(connection: Connection, ago: timedelta) -> None:
    """As if the last tick had been so long ago."""
    await connection.execute("insert into synkron.watermark (at) values (now() - $1::interval)", ago)


async def decided(connection: Connection, integration_id: str) -> list[RecordedRun]:
    """What was decided of the integration, the oldest first."""
    runs = [one for one in await history.runs(connection) if one.integration_id == integration_id]
    return sorted(runs, key=lambda one: one.scheduled_for)


def without_gap(runs: Sequence[RecordedRun]) -> bool:
    """Whether each of these minutely runs follows a minute after the one before it."""
    return all(later.scheduled_for - one.scheduled_for == MINUTE for one, later in pairwise(runs))


def tile(runs: Sequence[RecordedRun]) -> bool:
    """Whether the periods of what is delivered follow each other without hole or overlap, from the first row on."""
    delivered = [one for one in runs if one.action == "run"]
    starts_at_the_first = delivered[0].period_start == runs[0].period_start
    return starts_at_the_first and all(one.period_end == later.period_start for one, later in pairwise(delivered))


class TestTick:
    """Ten minutes of a pause, at whose end the catch-up policy decides."""

    @pytest.mark.parametrize("by_itself", [False, True])
    @pytest.mark.parametrize("policy", list(CatchUp))
    async def test_what_was_held_is_decided_when_the_pause_ends(
        self, connection: Connection, policy: CatchUp, *, by_itself: bool
    ) -> None:
        settings = Settings(types={"xledger": TypeSettings(catch_up=policy)})
        one = await add_integration(connection, "* * * * *")
        await ticked_until(connection, 10 * MINUTE)
        await put_pause(connection, Scope(integration_id=one), until=timedelta(hours=1))
        done = await tick_now(connection, settings)
        assert (done.held, done.claimed, done.skipped, await history.runs(connection)) == (1, 0, 0, [])
        assert await connection.fetchval("select array_agg(integration_id) from synkron.held") == [one]
        assert (await tick_now(connection, settings)).held <= 1
        if by_itself:
            await connection.execute("update synkron.pauses set starts_at = now() - interval '1 h', until = now()")
        else:
            await end_pause(connection, Scope(integration_id=one))
        assert (await tick_now(connection, settings)).held == 0
        runs = await decided(connection, one)
        missed = runs[: count_late(runs)]
        assert len(runs) in (10, 11)
        assert len(missed) >= 9
        assert without_gap(runs)
        assert all(run.reason.startswith("missed: it was paused") for run in missed)
        assert [run.action for run in missed] == {
            CatchUp.LATEST: [*["merge"] * (len(missed) - 1), "run"],
            CatchUp.ALL: ["run"] * len(missed),
            CatchUp.SKIP: ["skip"] * len(missed),
        }[policy]
        if policy is not CatchUp.SKIP:
            assert tile(runs)
        assert await connection.fetchval("select count(*) from synkron.held") == 0
        assert (await tick_now(connection, settings)).claimed <= 1
        assert len(await decided(connection, one)) <= len(runs) + 1

    async def test_what_lies_beyond_the_catch_up_window_expires(self, connection: Connection) -> None:
        settings = Settings(types={"xledger": TypeSettings(catch_up_window=timedelta(minutes=5))})
        one = await add_integration(connection, "* * * * *")
        await ticked_until(connection, 20 * MINUTE)
        await put_pause(connection, EVERYTHING)
        await tick_now(connection, settings)
        await end_pause(connection, EVERYTHING)
        await tick_now(connection, settings)
        actions = [run.action for run in await decided(connection, one)]
        assert actions.count("expire") in (14, 15, 16)
        assert actions.count("run") == 2
        assert without_gap(await decided(connection, one))

    async def test_whom_nobody_paused_goes_on(self, connection: Connection) -> None:
        org_id = await add_organization(connection, "Vik")
        paused = await add_integration(connection, "* * * * *", org_id=org_id)
        await add_integration(connection, "* * * * *", "dynamics", org_id=org_id)
        await add_integration(connection, "* * * * *")
        await put_pause(connection, Scope(org_id, "xledger"))
        done = await tick_now(connection)
        assert (done.held, done.claimed) == (1, 2)
        assert paused not in {run.integration_id for run in await history.runs(connection)}

    async def test_a_pause_of_everything(self, connection: Connection) -> None:
        for kind in ("xledger", "dynamics", "bufdir"):
            await add_integration(connection, "* * * * *", kind)
        await put_pause(connection, EVERYTHING)
        assert ((done := await tick_now(connection)).held, done.claimed) == (3, 0)
        await end_pause(connection, EVERYTHING)
        assert (await tick_now(connection)).claimed >= 3

    async def test_the_last_of_overlapping_pauses_counts(self, connection: Connection) -> None:
        one = await add_integration(connection, "* * * * *")
        scopes = [EVERYTHING, Scope(integration_type="xledger"), Scope(integration_id=one)]
        await ticked_until(connection, 10 * MINUTE)
        for scope in scopes:
            await put_pause(connection, scope)
        await tick_now(connection)
        for scope in scopes[:-1]:
            assert (await resuming(connection, scope)).still_paused == 1
            await end_pause(connection, scope)
            await tick_now(connection)
            assert await decided(connection, one) == []
        assert (await resuming(connection, scopes[-1])).still_paused == 0
        await end_pause(connection, scopes[-1])
        await tick_now(connection)
        assert without_gap(runs := await decided(connection, one))
        assert tile(runs)
        assert len(runs) in (10, 11)

    async def test_what_a_resume_foretells_is_what_the_next_tick_decides(self, connection: Connection) -> None:
        one = await add_integration(connection, "* * * * *")
        await ticked_until(connection, 10 * MINUTE)
        await put_pause(connection, EVERYTHING)
        await tick_now(connection)
        foretold = (await resuming(connection, EVERYTHING)).consequences
        await end_pause(connection, EVERYTHING)
        await tick_now(connection)
        late = count_late(await decided(connection, one))
        assert [(told.treatment.catch_up, told.integrations) for told in foretold] == [(CatchUp.LATEST, 1)]
        assert foretold[0].occurrences in (late, late + 1)

    async def test_two_short_pauses_in_a_row_leave_no_hole(self, connection: Connection) -> None:
        """The second begins before a tick could decide what the first had held."""
        one = await add_integration(connection, "* * * * *")
        await ticked_until(connection, 10 * MINUTE)
        for _ in range(2):
            await put_pause(connection, EVERYTHING)
            await tick_now(connection)
            await end_pause(connection, EVERYTHING)
        await tick_now(connection)
        assert without_gap(runs := await decided(connection, one))
        assert tile(runs)
        assert len(runs) in (10, 11)


class TestClaimedBefore:
    """A run that was claimed before the pause, and whose turn comes inside it."""

    async def test_it_waits_and_is_delivered_after_the_pause(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        one = await add_integration(connection, "0 2 * * *")
        (run_id,) = await claim(connection)
        await put_pause(connection, Scope(integration_id=one))
        target = Recorder()
        (held,) = await deliver(database, pool, target)
        assert (held.state, target.calls) == ("claimed", [])
        await end_pause(connection, Scope(integration_id=one))
        await claim(connection)
        await deliver(database, pool, target)
        assert [call.id for call in target.calls] == [run_id]

    async def test_with_catch_up_skip_it_is_closed(
        self, database: Database, connection: Connection, pool: Pool
    ) -> None:
        one = await add_integration(connection, "0 2 * * *")
        await claim(connection)
        await connection.execute("insert into synkron.overrides (integration_id, catch_up) values ($1, 'skip')", one)
        await put_pause(connection, Scope(integration_type="xledger"))
        target = Recorder()
        (run,) = await deliver(database, pool, target)
        assert run.state == "skipped"
        assert run.reason == "paused by kari until it is resumed: their maintenance, and catch-up is skip"
        assert target.calls == []

    async def test_what_is_running_goes_on(self, database: Database, connection: Connection, pool: Pool) -> None:
        await add_integration(connection, "0 2 * * *")
        await claim(connection)
        go_on = asyncio.Event()
        target = Recorder(wait=go_on)
        async with watching(database) as until, working(pool, target):
            await target.called.wait()
            await put_pause(connection, EVERYTHING)
            go_on.set()
            await until(nothing_queued)
        assert [run.state for run in await history.runs(connection)] == ["succeeded"]


class TestAtOnce:
    """Operators that meet, or break off; `test_operations_races` has those beside ticks and workers."""

    async def test_one_of_two_resumes_wins(self, database: Database, connection: Connection) -> None:
        await put_pause(connection, EVERYTHING)
        other = await asyncpg.connect(database.url)
        ended = await asyncio.gather(
            end_pause(connection, EVERYTHING), end_pause(other, EVERYTHING), return_exceptions=True
        )
        await other.close()
        assert sorted(type(one).__name__ for one in ended) == ["NotFound", "RecordedPause"]
        assert [one.action for one in await entries(connection)] == ["resume", "pause"]

    @pytest.mark.own_database
    async def test_a_change_that_fails_leaves_nothing(self, connection: Connection) -> None:
        await connection.execute("alter table synkron.audit add constraint full_disk check (false) not valid")
        with pytest.raises(asyncpg.CheckViolationError):
            await put_pause(connection, EVERYTHING)
        assert await pauses(connection, Settings(), ended=True) == []


def count_late(runs: Sequence[RecordedRun]) -> int:
    """How many of them were late when they were decided."""
    return sum(run.source == "catch_up" for run in runs)
