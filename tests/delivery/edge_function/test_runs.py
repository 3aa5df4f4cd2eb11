"""Synkron against a real function: what becomes of a run, and what of it is in the function's own table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import ClientSession, web

from synkron.delivery.targets import read_signings
from synkron.delivery.targets.uptime import BOOTED_AT
from synkron.delivery.warm_up.send import warm_up
from synkron.ledger import history
from synkron.model import OutcomeKind
from synkron.postgres.connection import Pool
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.delivery.edge_function.project import KEY, SYNKRON_KEY, project
from tests.delivery.targets.far_side import RUN, SIGNING, far_side, terms
from tests.support.databases import Database
from tests.support.deno import needs_npm
from tests.support.fleet import PATIENCE, add_integration, blocked, nothing_queued, watching
from tests.support.working import claim, deliver, working

pytestmark = [needs_npm, pytest.mark.own_database]

Attempts = list[tuple[str | None, int | None]]


async def recorded(connection: Connection | Pool, run_id: int) -> tuple[history.RecordedRun, Attempts]:
    """The run, and the outcome and status of each attempt."""
    found = await history.run(connection, run_id)
    assert found is not None
    return found[0], [(one.outcome, one.http_status) for one in found[1]]


@pytest.mark.parametrize("key", [KEY, SYNKRON_KEY])
async def test_with_a_right_key_the_run_is_done(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path, key: str
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with project(database, tmp_path) as there, there.target(key) as target:
        (run,) = await deliver(database, pool, target)
        assert (run.state, run.http_status, run.error) == ("succeeded", 200, None)
        assert await there.synced() == [(run.key, 1)]


async def test_with_a_wrong_key_the_run_fails_at_once(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with project(database, tmp_path) as there, there.target("sb_secret_wr0ng") as target:
        (run,) = await deliver(database, pool, target)
        assert (run.state, run.http_status, run.attempt) == ("failed", 401, 1)
        assert "The apikey header matched no key" in str(run.error)
        assert await there.synced() == []


async def test_a_run_whose_answer_was_lost_comes_again_and_has_one_effect(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    async with project(database, tmp_path) as there, there.target() as target:
        there.platform.loses_answers = 1
        (run,) = await deliver(database, pool, target)
        assert [(one.key, one.status) for one in there.platform.passed] == [(run.key, 200)] * 2
        assert await there.synced() == [(run.key, 1)]
    assert there.begun(run.key) == 1
    _, attempts = await recorded(connection, run_id)
    assert (run.state, attempts) == ("succeeded", [("retryable", None), ("succeeded", 200)])


async def test_a_run_that_comes_five_times_at_once_has_one_effect(database: Database, tmp_path: Path) -> None:
    async with project(database, tmp_path) as there, there.target() as target:
        outcomes = await asyncio.gather(*(target.call(RUN, terms()) for _ in range(5)))
        assert [(one.kind, one.http_status) for one in outcomes] == [(OutcomeKind.SUCCEEDED, 200)] * 5
        assert await there.synced() == [(RUN.key, 1)]
    assert there.begun(RUN.key) == 1


async def test_a_run_that_failed_leaves_nothing_behind_and_is_done_when_it_comes_again(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    """The work of the first attempt is refused when it is done, after its key was written."""
    async with project(database, tmp_path) as there, there.target() as target:
        await connection.execute(
            "alter table synced_runs add constraint refused check (attempt > 1 or documents is null)"
        )
        failed = await target.call(RUN, terms())
        assert (failed.kind, failed.http_status) == (OutcomeKind.RETRYABLE, 500)
        assert "refused" in str(failed.error)
        assert await there.synced() == []
        done = await target.call(replace(RUN, attempt=2), terms())
        assert done.kind is OutcomeKind.SUCCEEDED
        assert await there.synced() == [(RUN.key, 2)]
    assert there.begun(RUN.key) == 2


async def test_after_150_s_the_run_comes_again_beside_the_first_and_has_one_effect(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    """The platform answers 504, and what the function had begun keeps its isolate and goes on."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    async with project(database, tmp_path) as there, there.target() as target, watching(database) as until:
        async with working(pool, target):
            async with held(connection):
                await blocked(pool)
                there.platform.give_up()
                await blocked(pool, 2)
            await until(nothing_queued)
        run, attempts = await recorded(connection, run_id)
        assert (run.state, attempts) == ("succeeded", [("retryable", 504), ("succeeded", 200)])
        assert [key for key, _ in await there.synced()] == [run.key]
    assert (there.begun(run.key), len(there.platform.isolates)) == (1, 1)
    error = await connection.fetchval("select error from synkron.attempts where attempt = 1")
    assert error == (
        "HTTP 504 Gateway Timeout: the function did not answer within the platform's 150 s, and may still be at work; "
        "let it answer 202 and complete the run later"
    )


async def test_a_function_that_is_not_there(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    await add_integration(connection, "0 2 * * *")
    await claim(connection)
    async with project(database, tmp_path) as there, there.target(name="sink") as target:
        (run,) = await deliver(database, pool, target)
    assert (run.state, run.http_status) == ("failed", 404)
    assert run.error == (
        "HTTP 404 Not Found: this project has no such function; deploy it, or correct its name in the target"
    )


@pytest.mark.parametrize(
    ("is_refused", "state", "outcome"), [(False, "succeeded", "succeeded"), (True, "failed", "retryable")]
)
async def test_a_long_run_is_accepted_and_completed_later(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path, is_refused: bool, state: str, outcome: str
) -> None:
    """The work is held until the function has answered, and then ends well, or not."""
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    async with synkron_api(pool) as (url, completed):
        long = {"SYNKRON_URL": url, "SYNKRON_SECRET": SIGNING, "ANSWER_WITHIN_MS": "1"}
        async with project(database, tmp_path, **long) as there, there.target() as target:
            if is_refused:
                await connection.execute("alter table synced_runs add constraint refused check (false) not valid")
            async with held(connection):
                (run,) = await deliver(database, pool, target)
                assert (run.state, run.http_status) == ("running", 202)
            async with asyncio.timeout(PATIENCE):
                assert await completed == 200
            run, attempts = await recorded(connection, run_id)
            assert (run.state, attempts) == (state, [(outcome, None)])
            assert ("refused" in str(run.error)) is is_refused
            assert await there.synced() == ([] if is_refused else [(run.key, 1)])


# requirement R16.2
async def test_a_warm_up_keeps_the_isolate_that_the_run_then_meets(
    database: Database, connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    """Without it, the isolate ends as soon as its answer is out."""
    async with project(database, tmp_path) as there, there.target() as target:
        await target.call(replace(RUN, key=str(uuid4())), terms())
        await there.platform.isolates[0].ended()
        soon = await connection.fetchval("select now() + interval '20 seconds'")
        [(_, met)] = await warm_up(pool, {"xledger": target}, {"xledger": soon}, there.settings())
        assert (met.http_status, met.error) == (204, None)
        assert met.uptime is not None
        await there.platform.isolates[1].until("timer of 45000 ms")
        outcome = await target.call(RUN, terms())
        assert outcome.uptime is not None
    cold, warming, warm = there.platform.passed
    assert [(one.method, one.key) for one in (warming, warm)] == [("GET", None), ("POST", RUN.key)]
    assert cold.headers[BOOTED_AT] < warming.headers[BOOTED_AT] == warm.headers[BOOTED_AT]


async def test_whoever_has_no_key_keeps_nothing_warm(database: Database, pool: Pool, tmp_path: Path) -> None:
    async with project(database, tmp_path) as there, there.target("sb_secret_wr0ng") as target:
        soon = await pool.fetchval("select now() + interval '20 seconds'")
        [(_, met)] = await warm_up(pool, {"xledger": target}, {"xledger": soon}, there.settings())
        assert met.http_status == 401
        await there.platform.isolates[0].ended()


@asynccontextmanager
async def held(connection: Connection) -> AsyncIterator[None]:
    """Nobody writes to the function's table until the end of the block."""
    async with connection.transaction():
        await connection.execute("lock table synced_runs in exclusive mode")
        yield


@asynccontextmanager
async def synkron_api(pool: Pool) -> AsyncIterator[tuple[str, asyncio.Future[int]]]:
    """The address of the role `api` behind a proxy, and the status that the first completion is answered with.

    A run has one attempt.
    """
    types = {"xledger": TypeSettings(secret="env:SIGNING", attempts=1)}
    settings = Settings(listen="127.0.0.1:0", types=types)
    completed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with (
        listening(Served(pool, settings, read_signings(settings, {"SIGNING": SIGNING}))) as url,
        ClientSession() as client,
    ):

        async def pass_on(request: web.Request) -> web.Response:
            async with client.post(url + request.path, data=await request.read(), headers=request.headers) as answer:
                content = await answer.read()
            completed.set_result(answer.status)
            return web.Response(status=answer.status, body=content)

        async with far_side(pass_on) as proxy:
            yield proxy.url, completed
