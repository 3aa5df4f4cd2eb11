"""The programs of the page on applications run as they stand there, deliver a run, and end when they are told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import Connection
from tests.end_to_end.processes import QUIET
from tests.house.pages import blocks, text_of
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.working import claim

PROGRAMS = blocks(text_of("docs/in-an-application.md"), "python")
SERVER = ["-m", "uvicorn", "program:app", "--port", "0", "--log-level", "warning"]


def server(program: str) -> str:
    """What a program is made for."""
    return next(name for name in ("FastAPI", "Starlette", "signal") if name in program)


# requirement R15
@pytest.mark.parametrize("program", PROGRAMS, ids=server)
async def test_a_program(program: str, database: Database, connection: Connection, tmp_path: Path) -> None:
    """The run is one of a past moment, so that it is delivered at once."""
    await add_integration(connection, "0 2 2 3 *")
    await claim(connection)
    key = await connection.fetchval("select key from synkron.runs")
    (tmp_path / "program.py").write_text(program, "utf-8")
    async with watching(database) as until:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(["program.py"] if server(program) == "signal" else SERVER),
            cwd=tmp_path,
            env={**os.environ, "SYNKRON_DATABASE_URL": database.url, **QUIET},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await until(nothing_queued)
            process.send_signal(signal.SIGTERM)
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert err.decode() == ""
    assert [line.split()[0] for line in out.decode().splitlines()] == [str(key)]
    # uvicorn ends as the signal would have ended it.
    assert process.returncode == (0 if server(program) == "signal" else -signal.SIGTERM)
    assert await connection.fetchval("select state from synkron.runs") == "succeeded"
    assert await connection.fetchval("select count(*) from synkron.nodes where stopped_at is null") == 0


def test_there_is_one_for_each() -> None:
    assert [server(program) for program in PROGRAMS] == ["FastAPI", "Starlette", "signal"]
