"""Synkron's own processes, started as an operator starts them, and what the ledger says when they are through."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import Progress

from bench.fleet import Connection
from bench.noop import CALLS

SYNKRON = str(Path(sys.executable).with_name("synkron"))
NOOP = "bench.noop:export"
# The programs of the bench are modules of this folder, and so is the target that does nothing.
MODULES = Path(__file__).parents[1]
# No vendor is asked how it is, and no target woken up.
QUIET = '[types.{0}.health]\nmode = "passive"\n[types.{0}.warm_up]\nenabled = false\n'
# Seconds.
TO_BEGIN = 60.0
TO_MOVE = 120.0
TO_END = 60.0
BETWEEN_LOOKS = 2.0


class BenchFailed(RuntimeError):
    """What was to be measured did not happen, or not as it must; there is no figure."""


@dataclass(frozen=True)
class Process:
    """One `synkron run`, with a folder of its own for its settings and its log."""

    running: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text("utf-8", errors="replace")

    @property
    def calls(self) -> int:
        """How often its no-op target was called; known when it has ended."""
        file = self.folder / CALLS
        return int(file.read_text("utf-8")) if file.exists() else 0

    def check(self) -> None:
        """Raise BenchFailed when it has ended."""
        if self.running.poll() is not None:
            raise BenchFailed(f"synkron run ended with {self.running.returncode}:\n{self.log[-2000:]}")

    def complaints(self) -> Counter[str]:
        """What it has warned of, and how often."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return Counter(line["event"] for line in lines if line["level"] not in ("debug", "info"))


def settings_file(targets: Mapping[str, str], **policy: int | str) -> str:
    """A synkron.toml with these targets by type, all of them under one policy."""
    keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in policy.items())
    return "".join(
        f"[types.{kind}]\ntarget = {json.dumps(target)}\n{keys}{QUIET.format(kind)}\n"
        for kind, target in targets.items()
    )


@asynccontextmanager
async def running(
    connection: Connection, url: str, roles: str, settings: str, folder: Path, *, processes: int = 1
) -> AsyncIterator[list[Process]]:
    """So many `synkron run --role ROLES`, once all have reported; told to stop at the end, which must go well.

    What they leave in ``folder`` can be asked of them afterwards.
    """
    with ExitStack() as stack:
        started = [
            stack.enter_context(_started(url, roles, settings, folder / f"process-{number}"))
            for number in range(processes)
        ]
        await _until_reported(connection, started, roles)
        yield started
        for one in started:
            one.check()
            one.running.send_signal(signal.SIGTERM)
        for one in started:
            if await asyncio.to_thread(one.running.wait, TO_END) != 0:
                one.check()


async def until_finished(connection: Connection, processes: Sequence[Process], runs: int) -> None:
    """Wait until so many runs have finished, and show how far they are. Raises BenchFailed when nothing moves."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("runs", total=runs)
        finished, moved = 0, monotonic()
        while finished < runs:
            await pause(BETWEEN_LOOKS)
            now_finished: int = await connection.fetchval(
                "select count(*) from synkron.runs where finished_at is not null"
            )
            if now_finished > finished:
                finished, moved = now_finished, monotonic()
            shown.update(task, completed=finished)
            for one in processes:
                one.check()
            if monotonic() - moved > TO_MOVE:
                raise BenchFailed(f"{finished} of {runs} runs finished, and no other in {TO_MOVE:.0f} s")


async def check_once(connection: Connection, runs: int, *, moments: int = 1) -> None:
    """Raise BenchFailed unless there are so many runs, on time, and each succeeded at its first and only attempt."""
    found = await connection.fetchrow(
        """
        select count(*) as runs, count(distinct (integration_id, scheduled_for)) as occurrences,
            count(distinct key) as keys, count(distinct scheduled_for) as moments,
            count(*) filter (where state = 'succeeded' and attempt = 1 and failures = 0) as succeeded,
            count(*) filter (where source = 'schedule' and action = 'run' and reason = 'on time') as on_time,
            (select count(*) from synkron.attempts) as attempts,
            (select count(*) from synkron.attempts where outcome = 'succeeded') as good_attempts,
            (select count(*) from synkron.running) as seats
        from synkron.runs
        """
    )
    expected = dict.fromkeys(
        ("runs", "occurrences", "keys", "succeeded", "on_time", "attempts", "good_attempts"), runs
    ) | {"moments": moments, "seats": 0}
    if found is None or dict(found) != expected:
        raise BenchFailed(f"the ledger does not hold each run exactly once: {dict(found or {})}, expected {expected}")


async def clock(connection: Connection) -> datetime:
    """The database's clock, which also stamps the ledger."""
    now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def pause(seconds: float) -> None:
    """Let others work."""
    await asyncio.sleep(max(seconds, 0))  # noqa: TID251  the edge: what is waited for is in other processes


def complaints(processes: Iterable[Process]) -> str:
    """What the processes have warned of, for a note; empty where all was quiet."""
    counted = sum((one.complaints() for one in processes), Counter[str]())
    return "".join(f"; {count:,} x “{event}” in the log" for event, count in counted.items())


@contextmanager
def _started(url: str, roles: str, settings: str, folder: Path) -> Iterator[Process]:
    """`synkron run`; killed at the end if it is still there."""
    folder.mkdir()
    (folder / "synkron.toml").write_text(settings, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SYNKRON_")}
    environment |= {"SYNKRON_DATABASE_URL": url, "SYNKRON_LOG_FORMAT": "json", "PYTHONPATH": str(MODULES)}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([SYNKRON, "run", "--role", roles], cwd=folder, env=environment, stderr=log) as popen,
    ):
        try:
            yield Process(popen, folder)
        finally:
            popen.kill()


async def _until_reported(connection: Connection, started: Sequence[Process], roles: str) -> None:
    wanted = {(str(one.running.pid), role) for one in started for role in roles.split(",")}
    deadline = monotonic() + TO_BEGIN
    while True:
        rows = await connection.fetch("select name, role from synkron.nodes where stopped_at is null")
        if wanted <= {(row["name"].rpartition(":")[2], row["role"]) for row in rows}:
            return
        for one in started:
            one.check()
        if monotonic() > deadline:
            raise BenchFailed(f"synkron run --role {roles} has not reported within {TO_BEGIN:.0f} s")
        await pause(0.2)
