"""A process that delivers and listens, with few files to open and many who connect and say nothing."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

from synkron.runtime import sleep
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.end_to_end.processes import SYNKRON, Process, process
from tests.end_to_end.receiver import receiving
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc

PATIENCE = 100.0
FEW_FILES = ("sh", "-c", 'ulimit -n 256 && exec "$0" "$@"', SYNKRON)


async def test_half_open_connections_starve_no_delivery(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    for _ in range(40):
        await add_integration(connection, "0 2 * * *")
    async with receiving() as receiver:
        settings = (
            f'listen = "127.0.0.1:0"\n[types.xledger]\ntarget = "{receiver.url}"\nhealth = {{ mode = "passive" }}\n'
        )
        async with process(database, tmp_path, "worker,api", settings, command=FEW_FILES) as worker:
            port = await _port_of(worker)
            with ExitStack() as half_open:
                for _ in range(400):
                    peer = half_open.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
                    peer.sendall(b"POST /v1/runs/1/com")
                receiver.to_hold = 40
                await tick(connection, Settings(), scheduler="test", at=utc("2026-03-02T02:00:00"))
                # All forty at once, each with a connection of its own.
                await receiver.until(lambda it: len(it.held) == 40, PATIENCE)
            assert worker.complaints() == []
            await worker.kill()


async def _port_of(process: Process) -> int:
    """The port that it listens on, once it is told."""
    async with asyncio.timeout(PATIENCE):
        while not (told := [line for line in process.lines() if line["event"] == "listening"]):
            await sleep(0.1, asyncio.Event())
    return int(str(told[0]["address"]).rpartition(":")[2])
