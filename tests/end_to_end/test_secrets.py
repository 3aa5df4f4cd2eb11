"""Each role as a process, with a secret planted wherever one may stand, while its database dies, comes back and dies.

Each once with either format of the log, all six on one database.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from aiohttp import ClientSession

from synkron.ledger.migrate import create_source_tables, migrate
from synkron.runtime import sleep
from synkron.settings.load import SourceTables
from tests.end_to_end.processes import SYNKRON, Process, process
from tests.faults.server import Server, running_server
from tests.support.databases import Database
from tests.support.fleet import add_integration

PATIENCE = 120.0
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "pl4nted p@ss/word%ø"
SIGNING = "whsec_UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZFBsYW50"
ENVIRONMENT = {
    "SIGNING": SIGNING,
    "BEARER": "Bearer pl4nted-bearer",
    "PGPASSWORD": "pl4nted-variable",
}
SETTINGS = """
heartbeat = "2s"
listen = "127.0.0.1:0"
heartbeat_url = "http://127.0.0.1:9/pl4nted-0123456789"
[types.xledger]
target = "http://127.0.0.1:9/sync?code=pl4nted-code"
secret = "env:SIGNING"
headers = { Authorization = "env:BEARER", X-Key = "pl4nted-literal" }
health = { mode = "passive" }
[announce.channels]
hook = { webhook = "http://127.0.0.1:9/pl4nted-path-0123456789", secret = "env:SIGNING" }
mail = "json://user:pl4nted-mail@127.0.0.1:9/pl4nted-0123456789"
"""
# Each in every form in which it may be written: plainly, quoted as in an address, in JSON, by Python.
PLANTED = {
    "pl4nted",
    "UGxhbnRlZFBsYW50",
    *("p@ss", quote("p@ss", safe=""), quote("ø"), "\\u00f8", "\\xf8", "word%"),
}
MEMBERS = [(role, log_format) for role in ("scheduler", "worker", "api") for log_format in ("json", "console")]


@pytest.mark.waits(minutes=1)
async def test_a_database_that_dies_and_comes_back_lets_no_secret_out(tmp_path: Path) -> None:
    async with running_server() as server:
        await _install(server)
        url = server.url.replace("synkron@", f"synkron:{quote(PASSWORD, safe='')}@", 1)
        database = Database("synkron", url, server.superuser_url)
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            processes = []
            for role, log_format in MEMBERS:
                environment = {**ENVIRONMENT, "SYNKRON_LOG_FORMAT": log_format}
                running = process(database, tmp_path, role, SETTINGS, command=(SYNKRON,), **environment)
                processes.append(await stack.enter_async_context(running))
            for mode in ("immediate", "fast"):
                since = await _all_report(server, processes)
                told = [len(_said(one)) for one in processes]
                await server.stop(mode)
                for (role, _), one in zip(MEMBERS, processes, strict=True):
                    if role == "api":
                        assert await _complete(one) == 503
                for one, before in zip(processes, told, strict=True):
                    while "database failed" not in _said(one)[before:]:
                        assert one.running.returncode is None
                        await sleep(0.1, asyncio.Event())
                await server.start()
            await _all_report(server, processes, since)
            for one in processes:
                assert await one.stop() == 0
        for member, one in zip(MEMBERS, processes, strict=True):
            assert "stopped" in _said(one)
            assert [text for text in PLANTED if text in _said(one)] == [], member
            assert all(len(line.encode()) < 8192 for line in _said(one).splitlines())


async def _install(server: Server) -> None:
    connection = await asyncpg.connect(server.url)
    try:
        await migrate(connection)
        await create_source_tables(connection, SourceTables())
        for _ in range(3):
            await add_integration(connection, "* * * * *")
        await add_integration(connection, "99 * * * *")
    finally:
        await connection.close()


async def _all_report(server: Server, processes: list[Process], since: datetime = LONG_AGO) -> datetime:
    """Wait until each process has reported itself after that moment; answers the moment at which all had."""
    async with server.connected() as connection:
        while True:
            nodes = await connection.fetch("select name, seen_at from synkron.nodes where seen_at > $1", since)
            seen: dict[int, datetime] = {int(row["name"].rpartition(":")[2]): row["seen_at"] for row in nodes}
            if seen.keys() >= {one.pid for one in processes}:
                return max(seen.values())
            await sleep(0.1, asyncio.Event())


def _said(one: Process) -> str:
    return one.log.read_text("utf-8")


async def _complete(api: Process) -> int:
    """Complete a run, by a signature that only the database could check; answers the status."""
    [address] = re.findall(r"http://127\.0\.0\.1:\d+", _said(api))
    async with (
        ClientSession() as session,
        session.post(f"{address}/v1/runs/1/complete", headers={"webhook-signature": "v1,x"}) as answer,
    ):
        return answer.status
