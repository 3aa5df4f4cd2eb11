"""This process and its host: event loop, name, release, clocks, waiting, and the log."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import TZPATH

from synkron.model import Answer, Steps

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

OPEN_FILES = 65_536

WallClock = Callable[[], datetime]
SteadyClock = Callable[[], float]

# How many seconds work may block the event loop at a time. A worker in the same process runs in between.
LONGEST_TURN = 0.01


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a service in a new event loop.

    By default the garbage collector examines all imported objects again and again, which took a quarter of a busy
    worker's time. So the objects that exist now are excluded from collection.
    """
    gc.collect()
    gc.freeze()
    _allow_open_files()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, which needs about a third less time per run; asyncio's own on Windows, which has no uvloop."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def _allow_open_files() -> None:
    """Raise the soft limit on open files: every connection counts as one, and the usual 1,024 are not many."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_open_files() -> int:
    """How many files and connections this process may have open."""
    if sys.platform == "win32":
        return OPEN_FILES
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return OPEN_FILES if soft == resource.RLIM_INFINITY else soft


def process_name() -> str:
    """The name of this process: ``host:pid``."""
    return f"{socket.gethostname()}:{os.getpid()}"


@cache
def installed_version() -> str:
    """The installed release of Synkron, or ``from source`` if it is not installed."""
    try:
        return version("synkron")
    except PackageNotFoundError:
        return "from source"


def wall_clock() -> datetime:
    """This host's time. It is only compared: with the database's, to warn of a difference, and with a key's expiry."""
    return datetime.now(UTC)  # noqa: TID251 - this clock is what is measured


def steady_clock(loop: asyncio.AbstractEventLoop) -> SteadyClock:
    """The event loop's seconds. They count while the process is stopped and, on Linux, while the host is suspended."""
    return lambda: loop.time() + _suspended()


def _suspended() -> float:
    """For how long this host has been suspended since it started."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


@cache
def tzdata_version() -> str | None:
    """The version of the rules that ``zoneinfo`` uses: the system's, or else the package's; None if it is not known.

    A process keeps the rules that it has loaded, so this is read once.
    """
    for folder in map(Path, TZPATH):
        if (folder / "UTC").exists():
            return _system_version(folder)
    try:
        found: str = import_module("tzdata").IANA_VERSION
    except (ImportError, AttributeError):
        return None
    return found


def _system_version(folder: Path) -> str | None:
    """The version, such as ``2025b``, from the files in which distributions write it."""
    for name, marker in (("tzdata.zi", "# version "), ("+VERSION", "")):
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                line = file.readline(80).strip()
        except OSError:
            continue
        if line.startswith(marker) and line[len(marker) :]:
            return line[len(marker) :]
    return None


async def sleep(seconds: float | None, *events: asyncio.Event) -> None:
    """Pause for this long, or until one of the events is set; with None, there is no time limit."""
    waiting = {asyncio.create_task(event.wait()) for event in events or (asyncio.Event(),)}
    try:
        longest = None if seconds is None else max(seconds, 0)
        await asyncio.wait(waiting, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def until(running: asyncio.Future[Any], event: asyncio.Event, longest: float | None = None) -> None:
    """Wait until it is done or the event is set. Cancelling this wait does not cancel ``running``."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({running, waiting}, timeout=longest, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def unless_stopped(doing: Coroutine[Any, Any, Answer], stop: asyncio.Event) -> Answer | None:
    """The result; None if it is cancelled because ``stop`` is set first."""
    task = asyncio.create_task(doing)
    await until(task, stop)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return None
    return await task


async def by_turns(work: Steps[Answer]) -> Answer:
    """The result of long work. Other tasks run every hundredth of a second; a cancellation takes effect there."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
        if loop.time() - began >= LONGEST_TURN:
            await sleep(0)
            began = loop.time()


_standard = logging.getLogger("synkron")
# Without a handler, Python would write warnings to stderr by itself.
_standard.addHandler(logging.NullHandler())
_prepare: list[Callable[[], None]] = []


class _Log:
    """The logger. Where a program imports Synkron, it is the standard one; the command line sets structlog up instead.

    A standard record has the event and its facts as its message, and the facts alone as ``record.facts``.
    """

    def __init__(self) -> None:
        self.is_through_structlog = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a method of the logger's
        if not self.is_through_structlog:
            return partial(_log_standard, name)
        import structlog

        while _prepare:
            _prepare.pop()()
        # Found anew for each line, so that it is as it was set up last.
        return getattr(structlog.get_logger("synkron"), name)


def _log_standard(method: str, event: str, *, exc_info: Any = None, **facts: object) -> None:  # noqa: ANN401
    level = logging.ERROR if method == "exception" else logging.getLevelNamesMapping()[method.upper()]
    _standard.log(
        level, "%s%s", event, _Facts(facts), exc_info=exc_info or method == "exception", extra={"facts": facts}
    )


class _Facts(dict[str, object]):
    """Facts as text, which is only made if the line is written."""

    def __str__(self) -> str:
        return "".join(f" {key}={value}" for key, value in self.items())


def log_through_structlog() -> None:
    """Send the lines of this process through structlog, which has been set up or will be before the first line."""
    _log.is_through_structlog = True


def before_the_first_line(prepare: Callable[[], None]) -> None:
    """Have this done before the next line is written; it takes the place of what was to be done before."""
    _prepare[:] = [prepare]


_log = _Log()
log = cast("BoundLogger", _log)
