"""Commands are imported when they are called, and no sooner; nor is what a short one can do without."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from synkron.cli.app import app
from synkron.cli.context import Invocation
from synkron.cli.lazy import COMMANDS, GROUPS, Later
from synkron.cli.serving import settings_of_service
from synkron.service.parts import Role
from synkron.settings.load import Settings
from synkron.settings.secrets import secrets_of
from tests.cli.conftest import Command
from tests.support.databases import Database

pytestmark = pytest.mark.own_database

HEAVY = ("aiohttp", "apprise", "asyncio", "asyncpg", "pgqueuer", "pydantic", "pydantic_settings", "rich", "structlog")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_what_the_command_says_of_itself(name: str) -> None:
    later = vars(get_command(app))["commands"][name]
    assert isinstance(later, Later)
    assert later.loaded.name == name
    for limit in (45, 1000):
        assert later.get_short_help_str(limit) == later.loaded.get_short_help_str(limit)


def test_every_command_is_named_once_below_its_purpose(synkron: Command) -> None:
    shown = synkron("--help").out
    for purpose, group in GROUPS.items():
        lines = shown.partition(f"\n{purpose}:\n")[2].partition("\n\n")[0].splitlines()
        # One line each, with all summaries in one column.
        assert [line[:13].split() for line in lines] == [[name] for name in group]
        assert all(line[13].isupper() for line in lines)
    assert set(vars(get_command(app))["commands"]) == set(COMMANDS)


@pytest.mark.parametrize("words", [[], ["runs"], ["runs", "show"], ["pause"]], ids=" ".join)
def test_the_short_option_for_help(words: list[str], synkron: Command) -> None:
    assert synkron(*words, "-h") == synkron(*words, "--help")
    assert "-h, --help" in synkron(*words, "-h").out


def test_the_release_by_an_option_too(synkron: Command) -> None:
    assert synkron("--version").out == synkron("version").out == f"synkron {version('synkron')}\n"


def test_the_package_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "synkron", "runs", "-h"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Usage: synkron runs [OPTIONS]")


@pytest.mark.parametrize("arguments", [["--help"], ["runs", "--help"], ["pause", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    assert imported(arguments, tmp_path) == set()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_list_of_runs_imports_the_driver_alone(database: Database, options: list[str], tmp_path: Path) -> None:
    assert imported(["runs", *options], tmp_path, SYNKRON_DATABASE_URL=database.url) == {"asyncio", "asyncpg"}


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
