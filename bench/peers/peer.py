"""What every peer has in common: its interface, a place of its own in the database, and programs that surely end."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import asyncpg

ROOT = Path(__file__).parents[2]
# For the jobs alone: what is not done by then is left, and the figure is that of the jobs that were.
WORKING = 60.0
# For what is not measured: tables, seeding, the start and the end of programs.
PREPARING = 60.0


class Peer(Protocol):
    """A tool that fires or runs many jobs; each is a module of this package."""

    NAME: str
    PACKAGES: tuple[str, ...]
    """What the figure depends on, for their versions."""
    SETTINGS: str
    """How it was set, and where that is recommended."""
    NOTE: str
    """What the comparison shows and what it does not."""
    JOBS: int
    QUICK_JOBS: int

    def why_not(self) -> str | None:
        """Why it can't be measured here and what to install; None where it can."""

    async def jobs_per_second(self, url: str, jobs: int) -> float:
        """Run so many jobs that do nothing and are all due at once. Raises PeerFailedError."""


class PeerFailedError(Exception):
    """A peer did not do what it was started for."""


def missing(packages: tuple[str, ...]) -> str | None:
    """Which of the packages are not installed, and what to do; None where all are."""
    absent = [package for package in packages if not _is_installed(package)]
    if not absent:
        return None
    return f"{', '.join(absent)} not installed; `script/setup bench` installs what the bench needs"


def versions(packages: tuple[str, ...]) -> str:
    """The packages with the versions that are installed."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


@asynccontextmanager
async def own_schema(url: str, name: str) -> AsyncIterator[str]:
    """A schema for one measurement, dropped afterwards: the URL, for libpq, whose search path it is."""
    await execute(url, f"drop schema if exists {name} cascade; create schema {name}")
    try:
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    finally:
        await execute(url, f"drop schema if exists {name} cascade")


async def execute(url: str, statement: str) -> None:
    """Execute one statement, or several, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def program(
    *command: str | Path, environment: Mapping[str, str] | None = None, output: int = DEVNULL
) -> AsyncIterator[Process]:
    """A program that runs in the repository's folder, and is ended by its id when the block is left.

    ``output`` is where both of its outputs go; a pipe's reader gets lines of up to 1 MB.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdin=DEVNULL, stdout=output, stderr=STDOUT, limit=2**20
    )
    try:
        yield process
    finally:
        await _end(process)


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module with this Python."""
    return (sys.executable, "-m", module, *arguments)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        # Read to the end: a program whose pipe is full would wait for us, and we for it.
        await asyncio.wait_for(process.communicate(), timeout=10)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
