"""The command line, called as a person calls it: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main

from synkron.cli import main
from tests.support import statements
from tests.support.commands import commands
from tests.support.databases import Database
from tests.support.emptied import connection, kept, pool
from tests.support.emptied import database as kept_or_own
from tests.support.statements import execute

__all__ = ["connection", "kept", "kept_or_own", "pool"]

SYNKRON = str(Path(sys.executable).with_name("synkron"))


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
def database(kept_or_own: Database) -> Iterator[Database]:
    """The test's database, until whose end its own statements share a connection."""
    yield kept_or_own
    statements.close()


@pytest.fixture
def synkron(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], untouched_logging: None
) -> Command:
    """Runs a command in this process, in an empty folder, without a database."""
    del untouched_logging
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNKRON_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("SYNKRON_DATABASE_URL", raising=False)
    monkeypatch.setattr(typer.main, "get_command", commands)

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


def spawn(*arguments: str, folder: Path, environment: dict[str, str], **streams: Any) -> subprocess.Popen[str]:
    """Starts a command as a process of its own."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen([SYNKRON, *arguments], cwd=folder, env=environment, text=True, **streams)


@pytest.fixture
def role(database: Database) -> str:
    """A role that may log in, and nothing else."""
    execute(
        database.superuser_url,
        "do $$ begin create role outsider login; exception when duplicate_object then null; end $$",
    )
    return "outsider"
