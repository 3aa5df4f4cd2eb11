"""Commands as processes of their own: streams, signals, a database that leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.cli.conftest import SYNKRON, Command, spawn
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import blocked

pytestmark = pytest.mark.own_database

PATIENCE = 30.0
QUIET = {f"SYNKRON_TYPES__{name}__HEALTH__MODE": "passive" for name in ("XLEDGER", "DYNAMICS", "BUFDIR")}


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["explain", "* * * * *"], ["runs", "--json"]])
def test_a_reader_that_leaves_is_no_fault(database: Database, tmp_path: Path, arguments: list[str]) -> None:
    """As with ``| head``: nobody reads stdout any more."""
    reading, writing = os.pipe()
    os.close(reading)
    process = spawn(*arguments, folder=tmp_path, environment=_environment(database), stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, "")


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [(">&-", 0, ""), ("2>&-", 0, ""), (">/dev/full", 1, "error: the operating system refuses: [Errno 28]")],
)
def test_streams_that_take_nothing(tmp_path: Path, streams: str, code: int, said: str) -> None:
    command = f"{SYNKRON} explain '* * * * *' {streams}"
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ended.stderr.startswith(said)
    assert len(ended.stderr.splitlines()) == bool(said)


def test_into_a_pipe_a_table_is_as_wide_as_its_text(database: Database, tmp_path: Path) -> None:
    """However narrow the terminal, and whatever the encoding."""
    environment = _environment(database) | {"COLUMNS": "20", "PYTHONIOENCODING": "ascii"}
    arguments = ("explain", "0 0 1 * *", "--zone", "Europe/Oslo", "--at", "2026-11-23T00:00Z")
    process = spawn(*arguments, folder=tmp_path, environment=environment)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "Tue 2026-12-01 00:00  +0100  Mon 2026-11-30 23:00" in out.splitlines()


async def test_ctrl_c_ends_a_command_quietly(database: Database, connection: Connection, tmp_path: Path) -> None:
    async with _waiting_for_a_lock(database, connection, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "")


async def test_a_database_that_leaves_is_told(database: Database, connection: Connection, tmp_path: Path) -> None:
    async with _waiting_for_a_lock(database, connection, tmp_path) as process:
        await _terminate(database)
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err.startswith("error: The connection to the database was lost")
    assert len(err.splitlines()) == 1


async def test_up_says_what_it_does(database: Database, connection: Connection, tmp_path: Path) -> None:
    await connection.execute(
        "with one as (insert into organizations (name) values ('Fjord') returning id) "
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, 'xledger', '* * * * *' from one"
    )
    text = '[types.xledger]\ntarget = "http://127.0.0.1:9/sync?token=hush"\nhealth = { mode = "passive" }\n'
    (tmp_path / "synkron.toml").write_text(text, "utf-8")
    process = spawn("up", folder=tmp_path, environment=_environment(database))
    try:
        told = await asyncio.to_thread(_until, process, "Ctrl-C stops")
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert "hush" not in told + err
    lines = [json.loads(line) for line in (told + err).splitlines()]  # a log in JSON, and nothing else
    said = [(line["level"], line["event"]) for line in lines]
    assert said[0] == ("info", f"database: PostgreSQL, the local socket/{database.name}")
    assert said[1] == ("info", "target: xledger is delivered to http://127.0.0.1:9/sync")
    assert said[2][0] == "warning"
    assert said[2][1].startswith("no target for dynamics, bufdir in these settings: a worker that uses them skips")
    assert said[3][1].startswith("next: 20")
    assert said[-1] == ("info", "stopped")


@pytest.mark.parametrize("command", ["up", "run"])
def test_a_service_that_can_not_start_promises_nothing(
    on_database: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The log is for people here: the error is the only line."""
    monkeypatch.setenv("SYNKRON_LOG_FORMAT", "console")
    for setting, value in {"INSTALLATION": "other", "SOURCE__SCHEMA": "nowhere"}.items():
        monkeypatch.setenv(f"SYNKRON_{setting}", value)
        ended = on_database(command)
        assert ended.out == ""
        assert ended.code in (1, 6)
        assert ended.err.startswith("error: ")
        assert len(ended.err.splitlines()) == 1
        monkeypatch.delenv(f"SYNKRON_{setting}")


@asynccontextmanager
async def _waiting_for_a_lock(
    database: Database, connection: Connection, folder: Path
) -> AsyncIterator[subprocess.Popen[str]]:
    """A `synkron due` that waits for a table which the test holds."""
    async with connection.transaction():
        await connection.execute("lock table organization_integrations")
        process = spawn("due", folder=folder, environment=_environment(database))
        try:
            await blocked(connection)
            yield process
        finally:
            process.kill()
            process.wait()


async def _terminate(database: Database) -> None:
    """Disconnect whoever waits for a lock."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
    await superuser.close()


def _until(process: subprocess.Popen[str], text: str) -> str:
    """What the process tells up to a line with this text."""
    assert process.stderr
    lines = ""
    for line in process.stderr:
        lines += line
        if text in line:
            return lines
    raise AssertionError(f"it ended without {text!r}: {lines}")


def _environment(database: Database) -> dict[str, str]:
    return {**os.environ, "SYNKRON_DATABASE_URL": database.url}


@pytest.mark.parametrize(
    ("command", "lock", "begun"),
    [
        (("up",), "select pg_advisory_lock(hashtext('synkron.migrate'))", "Ctrl-C stops"),
        (("run", "--role", "scheduler"), "lock table organization_integrations", '"event": "started"'),
    ],
)
async def test_a_service_that_is_dropped_while_it_starts_tries_again(
    database: Database, connection: Connection, tmp_path: Path, command: tuple[str, ...], lock: str, begun: str
) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(lock)
    process = spawn(*command, folder=tmp_path, environment=_environment(database) | QUIET)
    try:
        await blocked(connection)
        await _terminate(database)
        told = await asyncio.to_thread(_until, process, "database not ready")
        await transaction.rollback()
        await connection.execute("select pg_advisory_unlock_all()")
        await asyncio.to_thread(_until, process, begun)
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in told + err
