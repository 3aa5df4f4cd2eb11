"""Handlers in TypeScript, served by Deno on loopback. What they import from npm, `script/setup dev` has fetched."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from deno import find_deno_bin

from tests.house.pages import ROOT

LISTENING = "Listening on "
# From npm, only what the lock names and the set-up has fetched.
FOLDER = Path(sys.prefix) / "deno"
needs_npm = pytest.mark.skipif(
    not (FOLDER / "npm").is_dir() and "CI" not in os.environ,
    reason="`script/setup dev` could not reach npm's registry; run it again",
)
LOCKED = ("--cached-only", "--no-remote", "--no-config", "--frozen", f"--lock={ROOT / 'requirements/deno.lock'}")
PATIENCE = 20.0


class DidNotBoot(Exception):
    """The handler ended before it listened. The text is what it has written."""


class Served:
    """A handler that listens at ``url``. ``said`` is what was read of its output, line by line; at its end, all."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self.said: list[str] = []
        self.url = ""
        self._process = process
        self._lines = process.stdout

    @property
    def has_ended(self) -> bool:
        """Whether its process has ended."""
        return self._process.returncode is not None

    def tell(self, content: bytes) -> None:
        """Write to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(content)

    async def ended(self) -> None:
        """Wait until its process has ended."""
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()

    async def until(self, text: str) -> str:
        """Read on until it has written a line with this text; answers the line."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [line for line in self.said if text in line]):
                if not (line := await self._lines.readline()):
                    raise DidNotBoot("".join(self.said))
                self.said.append(line.decode())
        return found[0]


@asynccontextmanager
async def served(folder: Path, handler: Path, *options: str, **environment: str) -> AsyncIterator[Served]:
    """A handler with the variables that are given. It may reach the loopback and nothing else. Raises DidNotBoot."""
    process = await asyncio.create_subprocess_exec(
        find_deno_bin(),
        "run",
        *LOCKED,
        "--no-prompt",
        "--allow-env",
        "--allow-net=127.0.0.1",
        *options,
        handler,
        cwd=folder,
        env=surroundings() | {"DENO_SERVE_ADDRESS": "tcp:127.0.0.1:0"} | environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    function = Served(process)
    try:
        listening = await function.until(LISTENING)
        function.url = listening.partition(LISTENING)[2].split()[0].rstrip("/")
        yield function
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        rest, _ = await process.communicate()
        function.said += rest.decode().splitlines(keepends=True)


async def checked(folder: Path, *arguments: str) -> str:
    """What Deno finds wrong, or nothing."""
    process = await asyncio.create_subprocess_exec(
        find_deno_bin(), *arguments, cwd=folder, env=surroundings(), stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate()
    return said.decode() if process.returncode else ""


def surroundings() -> dict[str, str]:
    """The environment in which Deno asks nobody. The home may say which registry was asked at the set-up."""
    passed = {name: os.environ[name] for name in ("HOME", "NPM_CONFIG_REGISTRY") if name in os.environ}
    return passed | {
        "PATH": os.defpath,
        "DENO_DIR": str(FOLDER),
        "DENO_NO_UPDATE_CHECK": "1",
        "NO_COLOR": "1",
    }
