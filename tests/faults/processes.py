"""Synkron's processes: the real command, each under its fast event loop, started again when it has gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.fleet import pause

LAUNCH = str(Path(__file__).with_name("launch.py"))
AGAIN = 0.5
# Graceful ends take the settings' grace, which is short on this calendar; a noisy machine takes its own time.
PATIENCE = 60.0


class Site:
    """Where processes run: a folder with their settings and their logs, a database, and the calendar's speed."""

    def __init__(self, folder: Path, url: str, speed: float) -> None:
        self.folder = folder
        self._speed = speed
        self._environment = {**os.environ, "SYNKRON_DATABASE_URL": url, "SYNKRON_LOG_FORMAT": "json"}

    async def launch(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Start the command; what it says goes to its log."""
        with self.log(name).open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                LAUNCH,
                str(self._speed),
                *arguments,
                cwd=self.folder,
                env={**self._environment, **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self, name: str) -> Path:
        """Where it says what it does."""
        return self.folder / f"{name.replace(' ', '-')}.log"

    async def complete(self, *arguments: str) -> None:
        """Run a command to its end, which must be a good one."""
        process = await self.launch("commands", *arguments)
        if await process.wait() != 0:
            raise RuntimeError(f"synkron {' '.join(arguments)} failed: see commands.log in {self.folder}")


class Member:
    """A scheduler or a worker.

    ``lock`` is held by the fault that has it; ``own_ends`` counts the ends that no fault brought about. ``options`` and
    ``environment`` are what it is started with the next time.
    """

    def __init__(self, name: str, site: Site) -> None:
        self.name = name
        self.lock = asyncio.Lock()
        self.own_ends = 0
        self.options: tuple[str, ...] = ()
        self.environment: dict[str, str] = {}
        self._site = site
        self._process: asyncio.subprocess.Process | None = None
        self._held = asyncio.Event()
        self._up = asyncio.Event()

    async def keep(self) -> None:
        """Start it, and again whenever it has gone and no fault holds it down. Cancelled, it is killed."""
        try:
            while True:
                self._process = await self._site.launch(
                    self.name, *self.options, "run", "--role", self.name.split()[0], environment=self.environment
                )
                self._up.set()
                await self._process.wait()
                self._up.clear()
                if self._held.is_set():
                    while self._held.is_set():
                        await pause(0.02)
                else:
                    self.own_ends += 1
                    await pause(AGAIN)
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    async def end(self, number: signal.Signals, down: float) -> None:
        """Send a signal that ends it, and leave it down for so many seconds."""
        process = await self._alive()
        self._held.set()
        try:
            process.send_signal(number)
            async with asyncio.timeout(PATIENCE):
                await process.wait()
            await pause(down)
        finally:
            self._held.clear()

    async def differ(self, seconds: float, *options: str, **environment: str) -> None:
        """End it, and have it run for so many seconds with these options and variables; then as before."""
        self.options, self.environment = options, environment
        try:
            await self.end(signal.SIGTERM, 0)
            await pause(seconds)
        finally:
            self.options, self.environment = (), {}
        await self.end(signal.SIGTERM, 0)

    async def stop(self, seconds: float) -> None:
        """Freeze it for so many seconds."""
        process = await self._alive()
        process.send_signal(signal.SIGSTOP)
        try:
            await pause(seconds)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)

    async def leave(self) -> int:
        """End it gracefully for good, once it has started; its exit code."""
        process = await self._alive()
        self._held.set()
        async with asyncio.timeout(PATIENCE):
            while f':{process.pid}"' not in self._site.log(self.name).read_text("utf-8"):
                await pause(AGAIN)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await process.wait()

    async def _alive(self) -> asyncio.subprocess.Process:
        async with asyncio.timeout(PATIENCE):
            await self._up.wait()
        assert self._process is not None
        return self._process


@asynccontextmanager
async def kept(site: Site, names: Sequence[str]) -> AsyncIterator[dict[str, Member]]:
    """Have the processes running; at the end none is left."""
    members = {name: Member(name, site) for name in names}
    keepers = [asyncio.create_task(member.keep()) for member in members.values()]
    try:
        yield members
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
