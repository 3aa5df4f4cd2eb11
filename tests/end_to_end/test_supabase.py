"""The ten steps of docs/supabase.md, as they stand on the page: from an empty project to a firing sync.

The Supabase CLI, PostgreSQL, psql, curl, Deno and Synkron are real. The platform before the function is a stand-in,
and so are `login`, `link` and `functions deploy`, which need a hosted project.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import Connection
from tests.delivery.edge_function.project import SYNKRON_KEY, deployed
from tests.house.pages import ROOT, blocks, text_of
from tests.support.databases import Database
from tests.support.deno import needs_npm
from tests.support.fleet import watching
from tests.support.silent_relay import silent_relay
from tests.support.supabase_cli import MISSING, command

PAGE = text_of("docs/supabase.md").partition("## Ten steps")[2].partition("\n## ")[0]
STEPS = re.split(r"^\*\*(?=\d+\. )", PAGE, flags=re.MULTILINE)[1:]
# The CLI as the page calls it: what needs a hosted project does nothing, and `--remote` is the test's database.
SUPABASE = """#!/bin/sh
case "$1" in
    login | link | functions) exit 0 ;;
    db) exec {cli} db push --remote="$REMOTE" --yes ;;
esac
"""
WITHOUT = [name for name in ("curl", "psql") if shutil.which(name) is None and "CI" not in os.environ]
PATIENCE = 120.0

pytestmark = [
    needs_npm,
    pytest.mark.skipif(command() is None, reason=MISSING),
    pytest.mark.skipif(bool(WITHOUT), reason=f"not installed: {', '.join(WITHOUT)}"),
]


def test_there_are_ten() -> None:
    assert [int(step.partition(".")[0]) for step in STEPS] == list(range(1, 11))


async def test_the_ten_steps(bare_database: Database, tmp_path: Path) -> None:
    (tmp_path / "synkron").symlink_to(ROOT)
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "supabase"
    [cli] = command() or []
    shim.write_text(SUPABASE.format(cli=cli))
    shim.chmod(0o755)
    here = Path(sys.executable).parent
    superuser = Database(bare_database.name, bare_database.superuser_url, bare_database.superuser_url)
    async with silent_relay(superuser.url) as relay, deployed(superuser, tmp_path) as project:
        environment = os.environ | {
            "PATH": f"{tmp_path}/bin:{here}:{os.environ['PATH']}",
            "REMOTE": f"{relay.url}?sslmode=disable",
            "SUPABASE_SECRET_KEY": SYNKRON_KEY,
            "SYNKRON_DATABASE_URL": relay.url,
        }
        given = {
            "https://PROJECT.supabase.co": project.platform.url,
            "export SUPABASE_SECRET_KEY=sb_secret_...": "",
            "export SYNKRON_DATABASE_URL='postgresql://postgres.PROJECT:PASSWORD@HOST:5432/postgres'": "",
            "(cd ../synkron && script/setup run)": "",
            "export PATH=$PWD/../synkron/.venv/bin:$PATH": "",
        }

        async def play(number: int) -> str:
            """What the step's commands say."""
            folder = tmp_path if number == 1 else tmp_path / "my-app"
            said = []
            for block in blocks(STEPS[number - 1], "sh"):
                text = block
                for written, meant in given.items():
                    text = text.replace(written, meant)
                shell = ("bash", "-euc", text)
                running = await asyncio.create_subprocess_exec(
                    *shell, cwd=folder, env=environment, stdout=PIPE, stderr=PIPE
                )
                out, err = await running.communicate()
                assert running.returncode == 0, (number, out.decode(), err.decode())
                said.append(out.decode())
            return "".join(said)

        await play(1)
        assert "migrations" in await play(2)
        await play(3)
        await play(4)
        await play(5)
        assert (await play(6)).split() == ["204", "401"]
        await play(7)
        assert "Fjord" in await play(8)
        async with started(STEPS[8], tmp_path / "my-app", environment):
            async with watching(superuser, patience=PATIENCE) as until:
                await until(has_succeeded)
            assert "succeeded" in await play(10)


async def has_succeeded(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.runs where state = 'succeeded')"))


@asynccontextmanager
async def started(step: str, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """The step's command, until the end of the block."""
    [text] = blocks(step, "sh")
    running = await asyncio.create_subprocess_exec(*shlex.split(text), cwd=folder, env=environment, stderr=PIPE)
    try:
        yield
    finally:
        running.terminate()
        await running.communicate()
