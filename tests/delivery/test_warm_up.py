"""Warm-ups: who gets one and who needs none, that none outlasts its moment, and what is recorded of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from synkron.delivery.targets import Target, open_targets
from synkron.delivery.targets.http import WarmUpResult
from synkron.delivery.warm_up.send import WarmUp, forget_warm_ups, warm_up
from synkron.ledger import retention
from synkron.model import Run
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import DRIVER_FAULTS, Pool
from synkron.reports.drift import read_drift
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.delivery.targets.far_side import Answer, FarSide, accept, answering, far_side, raw_far_side
from tests.house.pages import blocks, text_of
from tests.support.fleet import add_integration, utc
from tests.support.stepped_clock import install_clock, set_clock

HALF_MINUTE = timedelta(seconds=30)
SIGNING = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


async def hang(request: web.Request) -> web.Response:
    del request
    await asyncio.Event().wait()
    return web.Response()


def export(run: Run) -> None:
    """A callable target."""
    del run


class Warming:
    """Types with their targets, opened, on a test's database."""

    def __init__(self, connection: Connection, settings: Settings, targets: Mapping[str, Target]) -> None:
        self._connection = connection
        self._settings = settings
        self._targets = targets

    async def now(self) -> datetime:
        return await database_clock(self._connection)

    async def up(self, *types: str, ahead: timedelta = HALF_MINUTE) -> list[tuple[WarmUp, WarmUpResult]]:
        """Warm up for runs of the types that come so soon."""
        moment = await self.now() + ahead
        return await self.up_for(dict.fromkeys(types, moment))

    async def up_for(self, claimed: Mapping[str, datetime]) -> list[tuple[WarmUp, WarmUpResult]]:
        return await warm_up(self._connection, self._targets, claimed, self._settings)

    async def met(self, integration_type: str, ago: timedelta) -> None:
        """The type's target was met that long ago."""
        await self._connection.execute(
            "insert into synkron.warmth values ($1, clock_timestamp() - $2::interval) "
            "on conflict (integration_type) do update set met_at = excluded.met_at",
            integration_type,
            ago,
        )


@asynccontextmanager
async def warming(connection: Connection, **types: Any) -> AsyncIterator[Warming]:
    settings = Settings(types=types)
    async with open_targets(settings, {"SIGNING": SIGNING}) as targets:
        yield Warming(connection, settings, targets)


@asynccontextmanager
async def one_target(
    connection: Connection, answer: Answer = accept, **settings: Any
) -> AsyncIterator[tuple[Warming, FarSide]]:
    async with (
        far_side(answer) as there,
        warming(connection, xledger={"target": f"{there.url}/sync"} | settings) as warm,
    ):
        yield warm, there


async def warm_ups(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in await connection.fetch("select * from synkron.warm_ups order by id")]


async def met(connection: Connection) -> dict[str, datetime]:
    rows = await connection.fetch("select integration_type, met_at from synkron.warmth")
    return {row["integration_type"]: row["met_at"] for row in rows}


async def test_a_warm_up_is_sent_and_recorded(connection: Connection) -> None:
    answer = answering(204, Synkron_Booted_At="2026-06-01T12:00:00Z", Date="Mon, 01 Jun 2026 12:00:10 GMT")
    async with one_target(connection, answer, secret="env:SIGNING") as (warm, there):
        before = await warm.now()
        moment = before + HALF_MINUTE
        [(one, got)] = await warm.up_for({"xledger": moment})
    [request] = there.requests
    assert (request.method, request.path, request.headers["Synkron-Warm-Up"]) == ("GET", "/sync", "1")
    assert request.headers["webhook-id"] == f"warm-up-xledger-{moment:%Y-%m-%dT%H:%M:%SZ}"
    assert "Idempotency-Key" not in request.headers
    assert (one.types, one.moment, one.name) == (("xledger",), moment, request.headers["webhook-id"])
    [row] = await warm_ups(connection)
    at = row.pop("at")
    assert before <= at < moment
    assert row == {
        "id": 1,
        "integration_type": "xledger",
        "scheduled_for": moment,
        "http_status": 204,
        "duration": got.duration,
        "warmth": "warm",
        "error": None,
    }
    assert await met(connection) == {"xledger": at + got.duration}
    for table in ("runs", "attempts", "queue"):
        assert await connection.fetchval(f"select count(*) from synkron.{table}") == 0


async def test_what_a_cold_target_says_of_itself_is_recorded(connection: Connection) -> None:
    answer = answering(404, Synkron_Booted_At="2026-06-01T12:00:00.900Z", Date="Mon, 01 Jun 2026 12:00:00 GMT")
    async with one_target(connection, answer) as (warm, _):
        assert len(await warm.up("xledger")) == 1
    assert [(row["http_status"], row["warmth"]) for row in await warm_ups(connection)] == [(404, "cold")]


# requirement R16.2
async def test_one_that_will_still_be_warm_needs_none(connection: Connection) -> None:
    async with one_target(connection) as (warm, there):
        assert len(await warm.up("xledger")) == 1
        assert await warm.up("xledger") == []
        assert len(there.requests) == 1
        assert len(await warm.up("xledger", ahead=timedelta(seconds=50))) == 1


@pytest.mark.parametrize(
    ("seconds_ago", "keep_warm", "sent"),
    [(10, None, 0), (20, None, 1), (600, None, 1), (600, "15m", 0), (600, "10m", 1), (0, "0s", 1)],
)
async def test_a_run_that_met_it_of_late_spares_it_the_warm_up(
    connection: Connection, seconds_ago: float, keep_warm: str | None, sent: int
) -> None:
    """The moment is half a minute ahead, and a target is warm for 45 s unless something else is set."""
    settings = {"keep_warm": keep_warm} if keep_warm else {}
    async with one_target(connection, warm_up=settings) as (warm, there):
        await warm.met("xledger", timedelta(seconds=seconds_ago))
        assert len(await warm.up("xledger")) == len(there.requests) == sent


async def test_types_with_one_address_share_one(connection: Connection) -> None:
    async with far_side(accept) as there:
        same, other = f"{there.url}/sync", f"{there.url}/sync?type=bufdir"
        types = {"xledger": {"target": same}, "dynamics": {"target": same}, "bufdir": {"target": other}}
        async with warming(connection, **types) as warm:
            now = await warm.now()
            claimed = {
                "xledger": now + timedelta(seconds=30),
                "dynamics": now + timedelta(seconds=20),
                "bufdir": now + timedelta(seconds=30),
            }
            sent = {one.types: one.moment for one, _ in await warm.up_for(claimed)}
    assert sent == {("dynamics", "xledger"): claimed["dynamics"], ("bufdir",): claimed["bufdir"]}
    assert sorted(request.path for request in there.requests) == ["/sync", "/sync?type=bufdir"]
    assert {row["integration_type"] for row in await warm_ups(connection)} == {"dynamics", "bufdir"}
    assert (await met(connection)).keys() == {"xledger", "dynamics", "bufdir"}


@pytest.mark.parametrize(("busy", "claimed"), [("dynamics", "xledger"), ("xledger", "dynamics")])
async def test_a_type_that_has_no_run_now_keeps_the_address_warm_for_another(
    connection: Connection, busy: str, claimed: str
) -> None:
    async with far_side(accept) as there:
        target = {"target": f"{there.url}/sync"}
        async with warming(connection, xledger=target, dynamics=target) as warm:
            await warm.met(busy, timedelta(seconds=5))
            assert await warm.up(claimed) == []
            await warm.met(busy, timedelta(minutes=5))
            assert [one.types for one, _ in await warm.up(claimed)] == [(claimed,)]
            # And what it met is known of both.
            assert await warm.up(busy) == []
            assert len(set((await met(connection)).values())) == 1
    assert len(there.requests) == 1


async def test_a_run_that_met_it_after_the_warm_up_is_what_counts(connection: Connection, pool: Pool) -> None:
    later: list[datetime] = []

    async def meet(request: web.Request) -> web.Response:
        del request
        later.append(
            await pool.fetchval(
                "insert into synkron.warmth values ('xledger', clock_timestamp() + interval '9 s') returning met_at"
            )
        )
        return web.Response()

    async with one_target(connection, meet) as (warm, _):
        assert len(await warm.up("xledger")) == 1
    assert await met(connection) == {"xledger": later[0]}


async def test_who_gets_none(connection: Connection) -> None:
    async with far_side(accept) as there:
        types = {
            "xledger": {"target": f"{there.url}/a", "warm_up": {"enabled": False}},
            "dynamics": {"target": "tests.delivery.test_warm_up:export"},
            "bufdir": {},
            "fiken": {"target": f"{there.url}/b"},
        }
        async with warming(connection, **types) as warm:
            assert await warm.up("xledger", "dynamics", "bufdir", "a-type-that-is-not-set") == []
            assert await warm.up() == []
    assert there.requests == []
    assert await warm_ups(connection) == []


# requirement R16.2
async def test_none_outlasts_its_moment_and_its_target_was_not_met(connection: Connection) -> None:
    async with one_target(connection, hang) as (warm, there):
        moment = await warm.now() + timedelta(milliseconds=200)
        [(_, got)] = await warm.up_for({"xledger": moment})
        assert await warm.now() >= moment
    assert there.requests
    assert str(got.error).startswith(f"no answer from {there.url.removeprefix('http://')} within 0.")
    assert got.duration <= timedelta(seconds=5)
    [row] = await warm_ups(connection)
    assert (row["http_status"], row["warmth"], row["error"]) == (None, None, got.error)
    assert await met(connection) == {}


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(seconds=-1), timedelta(hours=-1)])
async def test_none_is_sent_when_the_moment_has_passed(connection: Connection, ahead: timedelta) -> None:
    async with one_target(connection) as (warm, there):
        assert await warm.up("xledger", ahead=ahead) == []
    assert there.requests == []


async def test_it_is_given_25_s_at_most(connection: Connection) -> None:
    async with one_target(connection) as (warm, _):
        seen: list[timedelta] = []

        async def watched(name: str, at: datetime, within: timedelta) -> Any:
            del name, at
            seen.append(within)
            raise asyncio.CancelledError

        warm._targets["xledger"].warm_up = watched  # type: ignore[attr-defined]
        with pytest.raises(asyncio.CancelledError):
            await warm.up("xledger", ahead=timedelta(minutes=1))
    assert seen == [timedelta(seconds=25)]


async def test_a_far_side_that_fails_costs_the_others_nothing(connection: Connection) -> None:
    async with far_side(accept) as there, far_side(accept) as gone:
        pass
    async with far_side(accept) as there, far_side(hang) as hanging:
        types = {
            "xledger": {"target": there.url},
            "dynamics": {"target": f"{gone.url}/sync?key=planted-secret"},
            "bufdir": {"target": hanging.url},
        }
        async with warming(connection, **types) as warm:
            sent = await warm.up(*types, ahead=timedelta(milliseconds=300))
    assert {one.types[0]: got.http_status for one, got in sent} == {
        "xledger": 200,
        "dynamics": None,
        "bufdir": None,
    }
    errors = {row["integration_type"]: row["error"] for row in await warm_ups(connection)}
    assert errors["xledger"] is None
    assert str(errors["dynamics"]).endswith("Connection refused")
    assert "planted" not in str(sent) + str(errors)
    assert (await met(connection)).keys() == {"xledger"}


async def test_an_odd_answer_costs_the_others_nothing(connection: Connection) -> None:
    """A status that no standard has is recorded as one of the 5xx, or as no answer, and says its figure in words."""
    odd = {
        "xledger": b"HTTP/1.1 999 Slow Down\r\nContent-Length: 0\r\n\r\n",
        "dynamics": b"HTTP/1.1 099 Hm\r\nContent-Length: 0\r\n\r\n",
    }
    async with far_side(accept) as there, raw_far_side(odd["xledger"]) as high, raw_far_side(odd["dynamics"]) as low:
        types = {"xledger": {"target": high}, "dynamics": {"target": low}, "bufdir": {"target": there.url}}
        async with warming(connection, **types) as warm:
            await warm.up(*types)
    assert {row["integration_type"]: (row["http_status"], row["error"]) for row in await warm_ups(connection)} == {
        "xledger": (599, "it answered HTTP 999"),
        "dynamics": (None, "it answered HTTP 99"),
        "bufdir": (200, None),
    }
    assert (await met(connection)).keys() == {"xledger", "bufdir"}


@pytest.mark.own_database
async def test_the_database_s_faults_are_the_caller_s(connection: Connection) -> None:
    async with one_target(connection) as (warm, there):
        moment = await warm.now() + HALF_MINUTE
        await connection.close()
        with pytest.raises(DRIVER_FAULTS):
            await warm.up_for({"xledger": moment})
    assert there.requests == []


async def test_it_holds_no_connection_while_it_waits(pool: Pool) -> None:
    idle = []

    async def look(request: web.Request) -> web.Response:
        del request
        idle.append(pool.get_size() - pool.get_idle_size())
        return web.Response()

    async with far_side(look) as there:
        settings = Settings(types={"xledger": {"target": there.url}})
        async with open_targets(settings, {}) as targets:
            moment = await database_clock(pool) + HALF_MINUTE
            await warm_up(pool, targets, {"xledger": moment}, settings)
    assert idle == [0]


async def test_warm_ups_are_forgotten_after_a_week(connection: Connection) -> None:
    async with one_target(connection) as (warm, _):
        for _ in range(2):
            await warm.up("xledger")
            await connection.execute("truncate synkron.warmth")
        now = await warm.now()
    await connection.execute("update synkron.warm_ups set at = $1 where id = 1", now - timedelta(days=7, seconds=1))
    await connection.execute("update synkron.warm_ups set at = $1 where id = 2", now - timedelta(days=7) + HALF_MINUTE)
    await forget_warm_ups(connection, now)
    assert [row["id"] for row in await warm_ups(connection)] == [2]


async def test_hits_are_counted_by_type_where_the_target_says_which(connection: Connection) -> None:
    now = await database_clock(connection)
    minute = now.replace(second=0, microsecond=0)
    await retention.keep_partitions(connection, now - timedelta(days=3), now, timedelta(days=400))
    seen = [("warm", "header"), ("warm", "header"), ("cold", "header"), ("cold", "time"), (None, None)]
    for number, (warmth, known_by) in enumerate(seen):
        for days_ago, kind in ((0, "xledger"), (2, "bufdir")):
            moment = minute - timedelta(days=days_ago, minutes=number)
            run_id = await connection.fetchval(
                "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, "
                "period_end, execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, "
                "started_at, finished_at) values ($1, $1, '7', $2, 'schedule', $3, $3, $3, $3, 'run', 'on time', "
                "'* * * * *', 1, 'succeeded', 1, $3, $3) returning id",
                f"{kind}-{number}",
                kind,
                moment,
            )
            await connection.execute(
                "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome, duration, "
                "warmth, warmth_known_by, cold_start_cost) values ($1, $2, 1, 'w', $2, 'succeeded', '2 s', $3, $4, $5)",
                run_id,
                moment,
                warmth,
                known_by,
                timedelta(seconds=1) if warmth == "cold" else None,
            )
    for days, types in ((1, ["xledger"]), (3, ["bufdir", "xledger"])):
        drift = await read_drift(connection, now - timedelta(days=days), now, timedelta(minutes=5), most=1)
        assert [(one.integration_type, one.warm, one.cold) for one in drift.types] == [(kind, 2, 1) for kind in types]
    [shown] = [block for block in blocks(text_of("docs/targets.md"), "sql") if "hit_ratio" in block]
    [row] = await connection.fetch(shown)
    assert (row["integration_type"], row["cost"]) == ("xledger", timedelta(seconds=1))
    assert float(row["hit_ratio"]) == pytest.approx(2 / 3)


class TestAhead:
    """What a tick says of the runs that come within a minute."""

    MOMENT = utc("2026-03-02T02:00:00")

    async def test_the_runs_that_a_tick_claims_half_a_minute_ahead(self, connection: Connection) -> None:
        for kind in ("xledger", "xledger", "bufdir"):
            await add_integration(connection, "0 2 * * *", kind)
        await add_integration(connection, "0 3 * * *", "dynamics")
        await install_clock(connection, self.MOMENT - HALF_MINUTE)
        done = await tick(connection, Settings(), scheduler="test")
        assert (done.claimed, done.ahead) == (3, {"xledger": self.MOMENT, "bufdir": self.MOMENT})

    async def test_of_two_schedulers_that_tick_together_one_has_it(self, connection: Connection) -> None:
        await add_integration(connection, "0 2 * * *")
        await install_clock(connection, self.MOMENT - HALF_MINUTE)
        ahead = [(await tick(connection, Settings(), scheduler=name)).ahead for name in ("one", "another")]
        assert ahead == [{"xledger": self.MOMENT}, {}]

    async def test_what_has_begun_already_is_not_ahead(self, connection: Connection) -> None:
        await add_integration(connection, "0 2 * * *")
        await install_clock(connection, self.MOMENT + timedelta(seconds=1))
        done = await tick(connection, Settings(), scheduler="test")
        assert (done.claimed, done.ahead) == (1, {})

    async def test_a_moment_of_the_past_that_is_ticked_again_is_not_ahead(self, connection: Connection) -> None:
        await add_integration(connection, "0 2 * * *")
        done = await tick(connection, Settings(), scheduler="test", at=self.MOMENT - HALF_MINUTE)
        assert (done.claimed, done.ahead) == (1, {})

    async def test_where_starts_are_spread_the_first_of_each_type_counts_and_is_looked_at_again(
        self, connection: Connection
    ) -> None:
        settings = Settings(types={"xledger": TypeSettings(spread=timedelta(minutes=20))})
        for _ in range(60):
            await add_integration(connection, "0 2 * * *")
        await install_clock(connection, self.MOMENT - HALF_MINUTE)
        before = await tick(connection, settings, scheduler="test")
        await set_clock(connection, self.MOMENT + timedelta(seconds=1))
        after = await tick(connection, settings, scheduler="test")
        starts = [row["execute_after"] for row in await connection.fetch("select execute_after from synkron.runs")]
        for done in (before, after):
            within = [one for one in starts if done.at < one <= done.at + timedelta(minutes=1)]
            assert done.ahead == ({"xledger": min(within)} if within else {})
        assert (before.claimed, after.claimed) == (60, 0)
