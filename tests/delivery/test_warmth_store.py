"""How runs meet their targets: measured by the worker, recorded with the attempt, and told to the other workers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from synkron import complete_run
from synkron.delivery.targets.function import CallableTarget
from synkron.delivery.warm_up.store import WarmthStore
from synkron.model import Outcome, OutcomeKind, Run
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Pool
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.turns import start
from tests.support.working import BROKEN, QUICK, Recorder, claim, deliver, working

HOUR = timedelta(hours=1)
# They reach the database as whole microseconds.
MOMENT = timedelta(microseconds=1)
UP = Outcome(OutcomeKind.SUCCEEDED, 200, uptime=HOUR)
JUST_BOOTED = Outcome(OutcomeKind.SUCCEEDED, 200, uptime=MOMENT)


async def met(connection: Connection) -> list[dict[str, Any]]:
    """How the attempts met their target, in their order."""
    rows = await connection.fetch(
        "select duration, warmth, warmth_known_by, cold_start_cost from synkron.attempts order by started_at, attempt"
    )
    return [dict(row) for row in rows]


def warmths(rows: Sequence[dict[str, Any]]) -> list[tuple[str | None, str | None]]:
    return [(row["warmth"], row["warmth_known_by"]) for row in rows]


# requirement R16.3
async def test_each_attempt_is_measured(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    await deliver(database, pool, Recorder(BROKEN, JUST_BOOTED))
    failed, cold = await met(connection)
    assert warmths([failed, cold]) == [(None, None), ("cold", "header")]
    assert failed["duration"] > timedelta()
    assert failed["cold_start_cost"] is None
    assert cold["cold_start_cost"] == cold["duration"] > timedelta()


async def test_a_warm_hit_is_one(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    await deliver(database, pool, Recorder(UP))
    [row] = await met(connection)
    assert (warmths([row]), row["cold_start_cost"]) == ([("warm", "header")], None)


async def test_the_clock_is_the_worker_s_steady_one(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    now = 100.0

    class Slow(Recorder):
        async def call(self, run: Run, terms: Any) -> Outcome:
            nonlocal now
            now += 7.25
            return await super().call(run, terms)

    await deliver(database, pool, Slow(), clock=lambda: now)
    assert [row["duration"] for row in await met(connection)] == [timedelta(seconds=7.25)]


async def test_what_a_target_accepts_is_measured_too_and_its_completion_leaves_it(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    await deliver(database, pool, Recorder(Outcome(OutcomeKind.ACCEPTED, 202, uptime=HOUR)))
    accepted = await met(connection)
    assert warmths(accepted) == [("warm", "header")]
    key = await connection.fetchval("select key from synkron.runs")
    await complete_run(connection, QUICK, run_id, key=key, attempt=1, outcome=Outcome(OutcomeKind.SUCCEEDED))
    assert await met(connection) == accepted


async def test_a_callable_is_measured_without_warmth(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    target = CallableTarget(lambda _: None, 1, Redaction([]))
    await deliver(database, pool, target)
    target.close()
    [row] = await met(connection)
    assert row["duration"] > timedelta()
    assert warmths([row]) == [(None, None)]
    assert await connection.fetchval("select count(*) from synkron.warmth") == 0


async def test_what_was_never_called_has_no_duration(database: Database, connection: Connection, pool: Pool) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    for _ in range(3):
        await start(connection, run_id, "killed", 1)
    await deliver(database, pool, Recorder())
    assert {row["duration"] for row in await met(connection)} == {None}


async def test_workers_tell_each_other_when_targets_were_met(connection: Connection) -> None:
    one, other = WarmthStore(QUICK), WarmthStore(QUICK)
    at = await database_clock(connection)
    assert one.of("xledger").met_at is None
    one.of("xledger").record(UP, timedelta(seconds=1), began_at=at, met_before=None)
    for each in (one, other):
        await each.exchange(connection)
    assert other.of("xledger").met_at == one.of("xledger").met_at == at + timedelta(seconds=1)
    assert other.of("bufdir").met_at is None


async def test_what_was_met_last_counts_whoever_tells_it_later(connection: Connection) -> None:
    one, other = WarmthStore(QUICK), WarmthStore(QUICK)
    at = await database_clock(connection)
    one.of("xledger").note_call(at)
    other.of("xledger").note_call(at - HOUR)
    for each in (one, other, one):
        await each.exchange(connection)
    assert other.of("xledger").met_at == one.of("xledger").met_at == at
    assert await connection.fetchval("select met_at from synkron.warmth") == at


async def test_an_exchange_of_a_type_that_is_not_set_here_is_no_fault(connection: Connection) -> None:
    await connection.execute("insert into synkron.warmth values ('of-another-release', now())")
    await WarmthStore(QUICK).exchange(connection)


async def test_a_worker_exchanges_while_it_works(
    database: Database, connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a database that fails it at that stops nothing."""
    monkeypatch.setattr("synkron.delivery.warm_up.store.EXCHANGE_EVERY", timedelta(milliseconds=10))
    exchanged = asyncio.Event()
    exchange, faults = WarmthStore.exchange, [OSError("gone")]

    async def sometimes(self: WarmthStore, executor: Any) -> None:
        if faults:
            raise faults.pop()
        await exchange(self, executor)
        if self.of("xledger").met_at is not None:
            exchanged.set()

    monkeypatch.setattr(WarmthStore, "exchange", sometimes)
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with watching(database) as until, working(pool, Recorder(UP)):
        await until(nothing_queued)
        await exchanged.wait()
    assert await connection.fetchval("select count(*) from synkron.warmth where integration_type = 'xledger'") == 1


def test_how_long_a_type_is_warm_is_its_own_setting_or_its_vendor_s() -> None:
    settings = Settings(types={"bufdir": {"warm_up": {"keep_warm": "0s"}}, "fiken": {}})
    assert settings.types["bufdir"].keep_warm == timedelta()
    assert settings.types["xledger"].keep_warm == settings.types["fiken"].keep_warm == timedelta(seconds=45)
