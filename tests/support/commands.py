"""A command in this process, for a test with an event loop. To start a process takes fifty times as long."""

from __future__ import annotations

import asyncio
import io
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer.main

from synkron.cli import main

# A process builds its commands once, which takes longer than most of them; here one process calls hundreds.
commands = cache(typer.main.get_command)


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    returncode: object
    stdout: str
    stderr: str


async def synkron(url: str, *arguments: str, folder: Path) -> Ended:
    """Run it on the database, in the folder. The test needs ``untouched_logging``."""
    return await asyncio.to_thread(_run, url, arguments, folder)


def _run(url: str, arguments: tuple[str, ...], folder: Path) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with pytest.MonkeyPatch.context() as patch, chdir(folder), redirect_stdout(out), redirect_stderr(err):
        patch.setenv("SYNKRON_DATABASE_URL", url)
        patch.setattr(typer.main, "get_command", commands)
        try:
            main(list(arguments))
        except SystemExit as ended:
            code = ended.code
    return Ended(code, out.getvalue(), err.getvalue())
