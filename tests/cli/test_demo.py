"""`up --demo` as a process, on an embedded database of its own; at a terminal, and where there is none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from synkron.cli.demo.fleet import INTEGRATIONS, ORGANIZATIONS
from synkron.postgres.embedded import embedded_database
from tests.cli.conftest import Command, spawn
from tests.conftest import in_memory
from tests.postgres.embedded.processes import ask

PATIENCE = 60.0
LIVE = {str(one.id) for one in INTEGRATIONS if one.is_live}
EVERY_MINUTE = {str(one.id) for one in INTEGRATIONS if one.is_live and one.cron_schedule == "* * * * *"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own, which is closed to the user that PostgreSQL runs as for root."""
    with TemporaryDirectory(prefix="synkron-demo-", dir=in_memory()) as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def beside(synkron: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in this process, with the same data."""
    monkeypatch.setenv("SYNKRON_DATA_DIR", str(folder / "data"))
    return synkron


@pytest.mark.waits(minutes=0.2)
def test_it_logs_and_at_a_terminal_shows_what_fires(folder: Path, beside: Command) -> None:
    """One demo after the other, with the same data, and meanwhile no third one."""
    _logs_without_a_terminal(folder, beside)
    _shows_what_fires_and_refuses_a_second_one(folder, beside)


def _logs_without_a_terminal(folder: Path, beside: Command) -> None:
    """Ticks, until SIGTERM; what they claimed stands in the ledger afterwards."""
    with _demo(folder) as process:
        assert process.stderr
        tick = json.loads(next(line for line in process.stderr if '"event": "tick"' in line))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert f"The demo's data stays in {folder / 'data'}" in err
    with embedded_database(folder / "data"):  # started once for all of them
        for command in (["up"], ["up", "--embedded"], ["run"]):
            refused = beside(*command)
            assert (refused.code, refused.out) == (6, "")
            assert "are the demo's, which must not reach your targets" in refused.err
        runs = json.loads(beside("runs", "--json").out)
    assert len(runs) >= tick["claimed"] >= len(EVERY_MINUTE)
    assert EVERY_MINUTE <= {run["integration_id"] for run in runs} <= LIVE


def _shows_what_fires_and_refuses_a_second_one(folder: Path, beside: Command) -> None:
    terminal, inner = pty.openpty()
    ours = partial(fcntl.ioctl, 0, termios.TIOCSCTTY)
    with _demo(folder, stdin=inner, stdout=inner, start_new_session=True, preexec_fn=ours) as process:
        os.close(inner)
        shown = _shown_until(terminal, "runs, the newest first")
        os.write(terminal, b"?")
        shown += _shown_until(terminal, "synkron runs retry NUMBER")
        os.write(terminal, b" ")
        shown += _shown_until(terminal, "runs, the newest first")
        second = beside("up", "--demo")
        process.send_signal(signal.SIGINT)
        rest = _shown_until(terminal, "")
        _, err = process.communicate(timeout=PATIENCE)
    os.close(terminal)
    assert "Synkron demo" in shown
    assert any(one.name in shown + rest for one in ORGANIZATIONS)
    assert "Traceback" not in shown + rest + err
    assert process.returncode == 0
    assert (second.code, second.out) == (6, "")
    assert "Another demo runs" in second.err


def test_other_rows_are_left_alone(folder: Path, beside: Command) -> None:
    with embedded_database(folder / "data") as server:
        table = "organizations (id uuid primary key default gen_random_uuid(), name text, timezone text)"
        for statement in (f"create table {table}", "insert into organizations (name) values ('Somebody')"):
            ask(server.url(), statement)
        ended = beside("up", "--demo")
    assert (ended.code, ended.out) == (6, "")
    assert "contain rows that are not the demo's" in ended.err


def test_an_embedded_database_is_set_up_by_request_and_then_used(
    folder: Path, beside: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `up --embedded`, once; then by `run`, where SYNKRON_DATA_DIR names it. `up` finds a demo's the same way."""
    data = folder / "data"
    assert beside("up").code == 2
    assert not data.exists()
    for command in (["up", "--embedded"], ["run"]):
        process = spawn(*command, folder=folder, environment=_environment(folder))
        assert process.stderr
        first = json.loads(process.stderr.readline())["event"]
        assert first == f"database: embedded PostgreSQL, with its data in {data}"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    monkeypatch.setenv("SYNKRON_DATABASE_URL", "postgresql://synkron@127.0.0.1:1/app")
    refused = beside("up", "--embedded")
    assert refused.code == 6
    assert "env -u SYNKRON_DATABASE_URL synkron up --embedded" in refused.err


@contextmanager
def _demo(folder: Path, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    process = spawn("up", "--demo", folder=folder, environment=_environment(folder), **streams)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SYNKRON_DATA_DIR": str(folder / "data"), "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}


def _shown_until(terminal: int, text: str) -> str:
    """What the terminal shows up to this text, or to the end where there is none."""
    shown = b""
    while not text or text.encode() not in shown:
        try:
            shown += (read := os.read(terminal, 65536))
        except OSError:  # nobody writes any more
            break
        if not read:
            break
    return shown.decode(errors="replace")
