"""The command line, called as a person calls it: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
import typer.main

from synkron.cli import main
from synkron.cli.output import say_through
from synkron.cli.secrets import hide
from tests.support.databases import Database

SYNKRON = str(Path(sys.executable).with_name("synkron"))
# A process builds its commands once, which takes longer than most of them; here one process calls hundreds.
_commands = cache(typer.main.get_command)


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int | str | None
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The answer of a command that was asked for JSON."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def synkron(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], untouched_logging: None
) -> Command:
    """Runs a command in this process, in an empty folder, without a database."""
    del untouched_logging
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNKRON_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("SYNKRON_DATABASE_URL", raising=False)
    monkeypatch.setattr(typer.main, "get_command", _commands)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Ended(ended.value.code, out, err)

    return run


@pytest.fixture
def on_database(synkron: Command, database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in this process, on the test's database."""
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url)
    return synkron


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Puts back what a command does to logging, which is the process's own, and forgets the secrets it has read."""
    root, ours = logging.getLogger(), logging.getLogger("synkron")
    handlers, levels, configuration = root.handlers[:], (root.level, ours.level), structlog.get_config()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    hide(())
    say_through(None)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    structlog.configure(**configuration)


def spawn(*arguments: str, folder: Path, environment: dict[str, str], **streams: Any) -> subprocess.Popen[str]:
    """Starts a command as a process of its own."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen([SYNKRON, *arguments], cwd=folder, env=environment, text=True, **streams)


def execute(url: str, *statements: str) -> None:
    """Runs SQL."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture
def role(database: Database) -> str:
    """A role that may log in, and nothing else."""
    execute(
        database.superuser_url,
        "do $$ begin create role outsider login; exception when duplicate_object then null; end $$",
    )
    return "outsider"
