"""Celery with django-celery-beat: beat sends what is due to Redis, and a worker's processes run it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from asyncio import StreamReader
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from tempfile import TemporaryDirectory

from bench.peers.peer import PREPARING, WORKING, PeerFailedError, missing, own_schema, program, python

NAME = "Celery with django-celery-beat"
PACKAGES: tuple[str, ...] = ("celery", "django", "django-celery-beat", "redis", "psycopg", "psycopg-binary")
SETTINGS = (
    "Redis as packaged and with its defaults, DatabaseScheduler on PostgreSQL with CONN_MAX_AGE=60 (Django's default "
    "of 0 connects anew before each task), one prefork worker with a process for each core, prefetch 4 (its default), "
    "no result backend (its default), log level INFO"
)
NOTE = (
    "from the first task received to the last one done, by the worker's log. Beat limits it: it sends one task "
    "after the other, and before each one it asks the database for changes and compares its whole schedule, so the "
    "figure falls as tasks are added. It writes what it has sent every 3 minutes, so a crash sends again. Results and "
    "past runs are not kept, and by default a task that a dead worker was running is lost"
)
JOBS = 2_000
QUICK_JOBS = 200

SITE = "bench.peers.celery_site"
REDIS = "redis-server"
EVENT = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}): INFO/\S+\] Task nothing\[\S+\] (received|succeeded)\b")


def why_not() -> str | None:
    """Why it can't be measured here."""
    if shutil.which(REDIS) is None:
        return f"{REDIS} not installed; on Debian: apt-get install redis-server"
    return missing(PACKAGES)


async def jobs_per_second(url: str, jobs: int) -> float:
    """Let beat and a worker fire so many periodic tasks that are due when beat starts."""
    async with own_schema(url, "peer_celery") as own, _redis() as broker:
        environment = {**os.environ, "BENCH_DATABASE_URL": own, "BENCH_BROKER_URL": broker}
        async with program(*python(SITE, str(jobs)), environment=environment, output=PIPE) as seeding:
            written, _ = await asyncio.wait_for(seeding.communicate(), PREPARING)
            if seeding.returncode != 0:
                raise PeerFailedError(f"{NAME}: the tasks can't be made: {_last(written.decode())}")
        return rate(await _fire(environment, jobs))


def rate(log: Iterable[str]) -> float:
    """Tasks per second, from the first received to the last done, as a worker's log says. Raises PeerFailedError."""
    received: list[datetime] = []
    succeeded: list[datetime] = []
    for line in log:
        if found := EVENT.match(line):
            at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007  only differences count
            (received if found[2] == "received" else succeeded).append(at)
    if not succeeded or max(succeeded) <= min(received):
        raise PeerFailedError(f"{NAME}: no task was done within {WORKING:.0f} s")
    return len(succeeded) / (max(succeeded) - min(received)).total_seconds()


async def _fire(environment: Mapping[str, str], jobs: int) -> list[str]:
    """The worker's log, from the start of beat until all tasks are done or the time is over."""
    celery = python("celery", f"--app={SITE}", "--quiet")
    worker_command = (*celery, "worker", "--loglevel=INFO", f"--concurrency={os.cpu_count()}")
    beat_command = (*celery, "beat", "--loglevel=INFO", "--scheduler=django", "--pidfile=")
    async with program(*worker_command, environment=environment, output=PIPE) as worker:
        assert worker.stdout is not None
        async with asyncio.timeout(PREPARING):
            await _read(worker.stdout, until=" ready.")
        log: list[str] = []
        async with program(*beat_command, environment=environment):
            with suppress(TimeoutError):
                async with asyncio.timeout(WORKING):
                    await _read(worker.stdout, until=" succeeded in ", times=jobs, into=log)
        return log


@asynccontextmanager
async def _redis() -> AsyncIterator[str]:
    """The URL of a Redis of our own, on loopback, whose data is thrown away."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder:
        port = _free_port()
        command = (REDIS, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder)
        async with program(*command, output=PIPE) as redis:
            assert redis.stdout is not None
            async with asyncio.timeout(PREPARING):
                await _read(redis.stdout, until="Ready to accept connections")
            yield f"redis://127.0.0.1:{port}/0"


async def _read(output: StreamReader, *, until: str, times: int = 1, into: list[str] | None = None) -> None:
    """Read lines until so many of them have the text."""
    lines = [] if into is None else into
    async for line in output:
        lines.append(line.decode(errors="replace"))
        times -= until in lines[-1]
        if times == 0:
            return
    raise PeerFailedError(f"{NAME}: a program ended before it wrote {until.strip()!r}: {_last(''.join(lines))}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:])
