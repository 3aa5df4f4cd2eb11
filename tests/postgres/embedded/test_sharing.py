"""Who starts the server, who stops it, and what survives a kill of either side."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from synkron.postgres.embedded import EmbeddedServer, embedded_database
from tests.postgres.embedded.processes import (
    another_process,
    ask,
    kill_server,
    leave,
    postmaster,
    read_line,
    user_process,
)


def test_the_last_to_leave_stops_it(directory: Path) -> None:
    with embedded_database(directory):
        with another_process(directory):
            first = postmaster(directory)
        assert postmaster(directory) == first
    assert postmaster(directory) is None


def test_it_survives_the_one_who_started_it(directory: Path) -> None:
    with another_process(directory) as starter:
        first = postmaster(directory)
        with embedded_database(directory) as server:
            leave(starter)
            assert postmaster(directory) == first
            assert ask(server.url(), "select 1") == [(1,)]
    assert postmaster(directory) is None


def test_two_users_in_one_process_are_two(directory: Path) -> None:
    with embedded_database(directory) as server:
        with embedded_database(directory):
            pass
        assert ask(server.url(), "select 1") == [(1,)]


def test_three_first_starts_at_once_make_one_server(directory: Path) -> None:
    processes = [user_process(directory) for _ in range(3)]
    starts = {read_line(process) for process in processes}
    assert len(starts) == 1
    for process in processes:
        leave(process)
    assert postmaster(directory) is None


def test_a_killed_user_is_not_counted(directory: Path) -> None:
    with another_process(directory) as killed:
        first = postmaster(directory)
        killed.kill()
        killed.wait()
        with embedded_database(directory) as server:
            assert postmaster(directory) == first
            assert ask(server.url(), "select 1") == [(1,)]
    assert postmaster(directory) is None


def test_a_killed_server_starts_again_with_what_was_committed(directory: Path) -> None:
    with embedded_database(directory) as server:
        ask(server.url(), "create table kept as select 42 as answer")
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(server.url()))
            kill_server(directory, server)
            with another_process(directory):
                assert ask(server.url(), "select answer from kept") == [(42,)]
            connection.terminate()
    assert postmaster(directory) is None


def test_leaving_a_killed_server_is_no_error(directory: Path) -> None:
    with embedded_database(directory) as server:
        kill_server(directory, server)


def test_a_program_with_the_process_id_of_a_killed_server_is_left_alone(directory: Path) -> None:
    with embedded_database(directory) as server:
        kill_server(directory, server)
        user = server.socket_folder.stat().st_uid if os.geteuid() == 0 else None
        bystander = subprocess.Popen(["sleep", "60"], user=user)
        file = server.socket_folder / "postmaster.pid"
        file.write_text("\n".join([str(bystander.pid), *file.read_text().splitlines()[1:]]) + "\n")
    try:
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_about_to_leave_is_waited_for(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_database(directory) as server, asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(server.url()))
        first = postmaster(directory)
        assert first
        os.kill(first, signal.SIGTERM)  # shut down once everybody has gone; refuse newcomers meanwhile
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            runner.run(connection.close())

        monkeypatch.setattr(time, "sleep", wait)
        _until_refused(server)
        with embedded_database(directory) as again:
            assert waits
            assert ask(again.url(), "select 1") == [(1,)]


def test_an_unfinished_set_up_is_made_anew(directory: Path) -> None:
    unfinished = directory / "postgresql.new"
    unfinished.mkdir(parents=True)
    (directory / "users.lock").touch()
    (unfinished / "PG_VERSION").write_text("18\n")
    with embedded_database(directory) as server:
        assert ask(server.url(), "select 1") == [(1,)]
    assert not unfinished.exists()


async def test_an_event_loop_enters_and_leaves_it_in_a_thread(directory: Path) -> None:
    database = embedded_database(directory)
    server = await asyncio.to_thread(database.__enter__)
    try:
        connection = await asyncpg.connect(server.url())
        await connection.close()
    finally:
        await asyncio.to_thread(database.__exit__, None, None, None)
    assert postmaster(directory) is None


def _until_refused(server: EmbeddedServer) -> None:
    """Ask until the server refuses newcomers."""
    with suppress(asyncpg.CannotConnectNowError):
        while True:
            ask(server.url(), "select 1")
