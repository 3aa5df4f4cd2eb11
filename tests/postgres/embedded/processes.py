"""Processes that use an embedded database, and what they can see of its server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from synkron.postgres.embedded import EmbeddedServer
from synkron.postgres.embedded.cluster import answers

_USER = """
import asyncio, asyncpg, os, sys
from pathlib import Path
environment = dict(os.environ)
from synkron.postgres.embedded import embedded_database

async def started(url):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select pg_postmaster_start_time()::text")
    finally:
        await connection.close()

with embedded_database(Path(sys.argv[1])) as server:
    print(asyncio.run(started(server.url())), flush=True)
    sys.stdin.readline()
assert environment == dict(os.environ)
"""


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    async def answer() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(answer())


def postmaster(directory: Path) -> int | None:
    """The server's process id; None when it was stopped."""
    try:
        return int((directory / "postgresql" / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, NotADirectoryError):
        return None


def kill_server(directory: Path, server: EmbeddedServer) -> None:
    """Kill the server, and return when it has gone."""
    process = postmaster(directory)
    assert process
    os.kill(process, signal.SIGKILL)
    while answers(server.socket_folder):
        pass


@contextmanager
def another_process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A second process that uses the database from here until it is told to leave."""
    with user_process(directory) as process:
        read_line(process)
        yield process
        if process.returncode is None:
            leave(process)


def user_process(directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", _USER, str(directory)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return line


def leave(process: subprocess.Popen[str]) -> None:
    output = process.communicate("\n", timeout=60)
    assert (process.returncode, output) == (0, ("", ""))
