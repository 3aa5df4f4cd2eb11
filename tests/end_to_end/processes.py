"""`synkron run` as processes of their own, on a test's database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.support.databases import Database

SYNKRON = str(Path(sys.executable).with_name("synkron"))
# Xledger itself is not asked how it is. As a variable, for settings that the previous release must read as well.
QUIET = {"SYNKRON_TYPES__XLEDGER__HEALTH__MODE": "passive"}


@dataclass
class Process:
    """One process. Its log lines go to a file."""

    running: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """Its number, which ends its node's name."""
        return self.running.pid

    async def kill(self) -> None:
        """SIGKILL."""
        self.running.kill()
        await self.running.wait()

    async def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self.running.send_signal(signal.SIGTERM)
        return await self.running.wait()

    def lines(self) -> list[dict[str, object]]:
        """What it has logged up to now; a line that is still being written is left out."""
        whole = self.log.read_text("utf-8").rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def complaints(self) -> list[str]:
        """What it has logged from warnings on, and what is no line of the log."""
        lines = self.log.read_text("utf-8").splitlines()
        logged = [json.loads(line) if line.startswith("{") else {"event": line, "level": "none"} for line in lines]
        return [
            line
            for line, one in zip(lines, logged, strict=True)
            if one["level"] != "info" and not one["event"].startswith("no target for ")
        ]


@asynccontextmanager
async def process(
    database: Database,
    folder: Path,
    role: str,
    settings: str,
    *,
    command: tuple[str, ...] = (SYNKRON,),
    **environment: str,
) -> AsyncIterator[Process]:
    """`synkron run --role ROLE` with these settings; killed at the end if it is still there."""
    home = Path(mkdtemp(prefix=f"{role}-", dir=folder))
    (home / "synkron.toml").write_text(settings, "utf-8")
    log = home / "log"
    quiet = QUIET if command == (SYNKRON,) else {}
    known = {**os.environ, "SYNKRON_DATABASE_URL": database.url, "SYNKRON_LOG_FORMAT": "json", **quiet}
    with log.open("wb") as written:
        running = await asyncio.create_subprocess_exec(
            *command,
            "run",
            "--role",
            role,
            cwd=home,
            env=known | environment,
            stderr=written,
        )
    try:
        yield Process(running, log)
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()
