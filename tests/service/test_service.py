"""The loops together: they outlive a database that drops them, and end as one."""

from __future__ import annotations

import asyncio
import socket

import asyncpg
import pytest
from aiohttp import ClientConnectionError, ClientSession
from structlog.testing import capture_logs

from synkron.errors import LedgerMissing, Refused, ServiceRoleRequired, SettingsError, SourceTableMissing
from synkron.ledger import history
from synkron.ledger.migrate import create_source_tables
from synkron.service.parts import Role, all_roles
from synkron.service.serve import serve
from synkron.settings.load import Settings, SourceTables, TypeSettings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.problems import problem
from tests.support.services import BOTH, TARGET, serving


# requirement R15
async def test_a_role_does_its_part_alone(database: Database, connection: Connection) -> None:
    await add_integration(connection, "* * * * *")
    async with watching(database) as until, serving(database, Role.SCHEDULER):
        await until(_one_queued)
    (run,) = await history.runs(connection)
    assert run.state == "claimed"
    async with watching(database) as until, serving(database, Role.WORKER):
        await until(nothing_queued)
    assert (await history.runs(connection))[0].state == "succeeded"


@pytest.mark.own_database
async def test_a_scheduler_drops_what_is_older_than_the_retention(database: Database, connection: Connection) -> None:
    await connection.execute("select synkron.keep_partitions(now() - interval '500 days', now(), '-infinity')")
    months = "select count(*) from pg_inherits where inhparent = 'synkron.runs'::regclass"
    before = await connection.fetchval(months)
    await add_integration(connection, "* * * * *")
    async with watching(database) as until, serving(database, Role.SCHEDULER):
        await until(_one_queued)
    assert await connection.fetchval(months) < before


async def _one_queued(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) = 1 from synkron.queue"))


async def test_the_api_answers_inside_the_service_s_loop_and_ends_with_it(
    database: Database, connection: Connection
) -> None:
    """On another port, which it notes in the ledger, as that of the settings is taken."""
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as lines:
        settings = TARGET.model_copy(update={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        task = asyncio.create_task(serve(database.url, settings, [Role.API], stop, {}, anywhere=True))
        while not (listening := [line for line in lines if line["event"] == "started"]):
            assert not task.done()
            await asyncio.wait({task}, timeout=0.01)
        assert listening[0]["roles"] == "api"
        [address] = [line["address"] for line in lines if line["event"] == "listening"]
        async with ClientSession() as session, session.post(f"{address}/v1/runs/1/complete") as answer:
            assert (answer.status, await answer.json()) == problem(401, "the request is not signed")
        while (noted := await connection.fetchval("select address from synkron.nodes")) is None:
            assert not task.done()
        assert noted == address != f"http://{settings.listen}"
        stop.set()
        await task
    async with ClientSession() as session:
        with pytest.raises(ClientConnectionError):
            await session.post(f"{address}/v1/runs/1/complete")


async def test_an_address_that_is_taken_is_told_at_the_start(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = TARGET.model_copy(update={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(Refused, match="can't listen on"):
            await serve(database.url, settings, [Role.API], asyncio.Event(), {})


async def test_a_faulty_secret_is_told_at_the_start(database: Database) -> None:
    wrong = Settings(types={"xledger": TypeSettings(secret="env:ABSENT")})
    with pytest.raises(SettingsError, match=r"types\.xledger\.secret"):
        await serve(database.url, wrong, [Role.API], asyncio.Event(), {})


def test_one_process_answers_http_where_the_settings_say_so() -> None:
    assert all_roles(Settings()) == [Role.SCHEDULER, Role.WORKER]
    assert all_roles(Settings(listen="127.0.0.1:8077")) == [Role.SCHEDULER, Role.WORKER, Role.API]


async def test_it_says_at_the_start_that_the_ledger_is_missing(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await create_source_tables(connection, SourceTables())
    await connection.close()
    with pytest.raises(LedgerMissing, match="synkron migrate"):
        await serve(bare_database.url, TARGET, BOTH, asyncio.Event(), {})


async def test_it_says_at_the_start_that_a_target_is_faulty(database: Database) -> None:
    wrong = Settings(types={"xledger": TypeSettings(target="no.such.module:sync")})
    with pytest.raises(SettingsError, match=r"types\.xledger\.target"):
        await serve(database.url, wrong, BOTH, asyncio.Event(), {})


@pytest.mark.own_database
async def test_it_says_at_the_start_that_a_table_is_not_there(database: Database, connection: Connection) -> None:
    await connection.execute("drop table organization_integrations")
    with pytest.raises(SourceTableMissing):
        await serve(database.url, TARGET, BOTH, asyncio.Event(), {})


# requirement R11
@pytest.mark.own_database
async def test_it_says_at_the_start_that_row_security_would_filter(database: Database) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("""
        create role filtered login in role service_role;
        grant select on all tables in schema public to filtered;
        alter table organization_integrations enable row level security;
    """)
    try:
        with pytest.raises(ServiceRoleRequired, match="BYPASSRLS"):
            await serve(database.url.replace("synkron@", "filtered@"), TARGET, BOTH, asyncio.Event(), {})
    finally:
        await superuser.execute("drop owned by filtered; drop role filtered")
        await superuser.close()
