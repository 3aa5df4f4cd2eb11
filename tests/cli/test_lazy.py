"""Commands are imported when they are called, and no sooner; nor is what a short one can do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from synkron.cli.app import app
from synkron.cli.context import Invocation
from synkron.cli.lazy import COMMANDS, Later
from synkron.cli.serving import settings_of_service
from synkron.service.serve import Role
from synkron.settings.load import Settings
from synkron.settings.secrets import secrets_of
from tests.cli.conftest import Command
from tests.support.databases import Database

HEAVY = ("aiohttp", "apprise", "asyncpg", "pgqueuer", "pydantic", "pydantic_settings", "rich", "structlog")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_what_the_command_says_of_itself(name: str) -> None:
    later = vars(get_command(app))["commands"][name]
    assert isinstance(later, Later)
    assert later.loaded.name == name
    for limit in (45, 1000):
        assert later.get_short_help_str(limit) == later.loaded.get_short_help_str(limit)


def test_every_command_is_named_once(synkron: Command) -> None:
    shown = synkron("--help").out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in shown if line.startswith("  ") and line[2] != " "][: len(COMMANDS)] == list(
        COMMANDS
    )


@pytest.mark.parametrize("arguments", [["--help"], ["runs", "--help"], ["pause", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert imported(arguments, tmp_path) == set()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_list_of_runs_imports_the_driver_alone(database: Database, options: list[str], tmp_path: Path) -> None:
    assert imported(["runs", *options], tmp_path, SYNKRON_DATABASE_URL=database.url) == {"asyncpg"}


def imported(arguments: list[str], folder: Path, **variables: str) -> set[str]:
    """Which of the heavy packages a command imports, in a process of its own."""
    code = (
        "import sys; from synkron.cli import main\n"
        f"try: main({arguments!r})\n"
        f"finally: print('imported', *(set({HEAVY!r}) & sys.modules.keys()))"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("SYNKRON_")} | variables
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.usefixtures("untouched_logging")
def test_a_command_that_serves_reads_all_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it opens is hidden by its settings' secrets, which the quick ones do not have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNKRON_DATABASE_URL", "postgresql://synkron:hush-hush@localhost/app")
    invoked = Invocation(None, False, dict(os.environ))
    assert not isinstance(invoked.settings(), Settings)
    whole = settings_of_service(invoked, [Role.SCHEDULER])
    assert isinstance(whole, Settings)
    assert "hush-hush" in [one.get_secret_value() for one in secrets_of(whole, {})]
