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


def test_the_last_to_leave_stops_it(set_up: Path) -> None:
    with embedded_database(set_up):
        with another_process(set_up):
            first = postmaster(set_up)
        assert postmaster(set_up) == first
    assert postmaster(set_up) is None


def test_it_survives_the_one_who_started_it(set_up: Path) -> None:
    with another_process(set_up) as starter:
        first = postmaster(set_up)
        with embedded_database(set_up) as server:
            leave(starter)
            assert postmaster(set_up) == first
            assert ask(server.url(), "select 1") == [(1,)]
    assert postmaster(set_up) is None


def test_two_users_in_one_process_are_two(set_up: Path) -> None:
    with embedded_database(set_up) as server:
        with embedded_database(set_up):
            pass
        assert ask(server.url(), "select 1") == [(1,)]


def test_three_first_starts_at_once_make_one_server(directory: Path) -> None:
    processes = [user_process(directory) for _ in range(3)]
    starts = {read_line(process) for process in processes}
    assert len(starts) == 1
    for process in processes:
        leave(process)
    assert postmaster(directory) is None


def test_a_killed_user_is_not_counted(set_up: Path) -> None:
    with another_process(set_up) as killed:
        first = postmaster(set_up)
        killed.kill()
        killed.wait()
        with embedded_database(set_up) as server:
            assert postmaster(set_up) == first
            assert ask(server.url(), "select 1") == [(1,)]
    assert postmaster(set_up) is None


def test_a_killed_server_starts_again_with_what_was_committed(set_up: Path) -> None:
    with embedded_database(set_up) as server:
        ask(server.url(), "create table kept as select 42 as answer")
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(server.url()))
            kill_server(set_up, server)
            with another_process(set_up):
                assert ask(server.url(), "select answer from kept") == [(42,)]
            connection.terminate()
    assert postmaster(set_up) is None


def test_leaving_a_killed_server_is_no_error(set_up: Path) -> None:
    with embedded_database(set_up) as server:
        kill_server(set_up, server)


def test_a_program_with_the_process_id_of_a_killed_server_is_left_alone(set_up: Path) -> None:
    with embedded_database(set_up) as server:
        kill_server(set_up, server)
        user = server.socket_folder.stat().st_uid if os.geteuid() == 0 else None
        bystander = subprocess.Popen(["sleep", "60"], user=user)
        file = server.socket_folder / "postmaster.pid"
        file.write_text("\n".join([str(bystander.pid), *file.read_text().splitlines()[1:]]) + "\n")
    try:
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_about_to_leave_is_waited_for(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_database(set_up) as server, asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(server.url()))
        first = postmaster(set_up)
        assert first
        os.kill(first, signal.SIGTERM)  # shut down once everybody has gone; refuse newcomers meanwhile
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            runner.run(connection.close())

        monkeypatch.setattr(time, "sleep", wait)
        _until_refused(server)
        with embedded_database(set_up) as again:
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


async def test_an_event_loop_enters_and_leaves_it_in_a_thread(set_up: Path) -> None:
    database = embedded_database(set_up)
    server = await asyncio.to_thread(database.__enter__)
    try:
        connection = await asyncpg.connect(server.url())
        await connection.close()
    finally:
        await asyncio.to_thread(database.__exit__, None, None, None)
    assert postmaster(set_up) is None


def _until_refused(server: EmbeddedServer) -> None:
    """Ask until the server refuses newcomers."""
    with suppress(asyncpg.CannotConnectNowError):
        while True:
            ask(server.url(), "select 1")
