"""What open dashboards cost that have nothing to show: 200 of them, on a fleet of which nothing fires for months.

    python -m bench.dashboards [--quick] [--save]

D4: `synkron run --role api` serves them over HTTP, and a scheduler beside it ticks twice a minute. Each is an overview
that does what the page's script does: it holds a stream open (`GET /live`), and loads itself again a second after
that, and each time it is told that something has changed. Measured is the processor time of the API's process and of
PostgreSQL in each minute, that for the ticks included.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import asyncpg

from bench.api import Api, serving
from bench.cpu import check_accounts, parent_of, seconds_of, seconds_of_family
from bench.fleet import Connection, database, install, mix_of, seed
from bench.measure import Measure, options, report
from bench.service import BenchFailed, clock, pause, running, settings_file

PAGE = "/"
TOPICS = re.compile(rb'data-topics="([^"]+)"')
MONTHS_AWAY = 6
# Nobody opens 200 at the same moment: so many load at once.
OPENING = 10
# Seconds.
TO_SETTLE = 180.0
QUIET = 20.0
RELOAD_AFTER = 1.0
SPAN = 60.0


@dataclass(frozen=True)
class Cost:
    """Percent of one core, of the API's process and of PostgreSQL, in a span."""

    api: float
    postgresql: float

    @property
    def both(self) -> float:
        """Of the two together."""
        return self.api + self.postgresql


@dataclass(frozen=True)
class Watched:
    """The spans; how often pages loaded, and heard of a tick."""

    spans: list[Cost]
    loads: int
    ticks: int


def main() -> None:
    """Measure D4."""
    chosen = options(__doc__)
    check_accounts()
    rows, pages, spans = (5_000, 50, 1) if chosen.quick else (100_000, 200, 2)
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        found = asyncio.run(_watched(url, Path(folder), rows, pages, spans))
    report("dashboards", _measures(found, rows, pages, chosen.quick), quick=chosen.quick, save=chosen.save)


async def _watched(url: str, folder: Path, rows: int, pages: int, spans: int) -> Watched:
    connection = await asyncpg.connect(url)
    await install(connection)
    month = ((await clock(connection)).month - 1 + MONTHS_AWAY) % 12 + 1
    await seed(connection, rows, mix_of(month))
    server = parent_of(connection.get_server_pid())
    (folder / "scheduler").mkdir()
    async with (
        running(connection, url, "scheduler", settings_file({}), folder / "scheduler"),
        serving(connection, url, folder, "api") as api,
    ):
        await _until_ticked(connection)
        # The first look fills the copy that the overview is sorted by.
        await api.page(PAGE)
        async with _open(api, pages) as counted:
            await _until_quiet(counted, pages)
            counted.clear()
            costs = [await _cost(api, server) for _ in range(spans)]
    await connection.close()
    if not counted["tick"]:
        raise BenchFailed("no page was told of a tick")
    return Watched(costs, counted["load"], counted["tick"])


@asynccontextmanager
async def _open(api: Api, pages: int) -> AsyncIterator[Counter[str]]:
    """So many pages, until the end of the block; counts what they do, by name."""
    counted: Counter[str] = Counter()
    opening = asyncio.Semaphore(OPENING)
    tasks = [asyncio.create_task(_page(api, counted, opening)) for _ in range(pages)]
    try:
        yield counted
        for one in tasks:
            if one.done():
                one.result()
    finally:
        for one in tasks:
            one.cancel()
        for one in tasks:
            with suppress(asyncio.CancelledError):
                await one


async def _page(api: Api, counted: Counter[str], opening: asyncio.Semaphore) -> None:
    """One page: what ``static/live.js`` does."""
    async with opening:
        topics = TOPICS.search((await api.page(PAGE)).body)
    if topics is None:
        raise BenchFailed(f"the page {PAGE} is not live")
    async with api.stream(f"/live?topics={topics[1].decode().replace(' ', '+')}") as stream:
        await pause(RELOAD_AFTER)
        async with opening:
            await api.page(PAGE)
        counted["opened"] += 1
        async for line in stream.content:
            if line == b"event: changed\n":
                await api.page(PAGE)
                counted["load"] += 1
            elif line == b"event: tick\n":
                counted["tick"] += 1
    raise BenchFailed("a page's stream has ended")


async def _until_ticked(connection: Connection) -> None:
    deadline = monotonic() + TO_SETTLE
    while not await connection.fetchval("select exists (select from synkron.ticks)"):
        if monotonic() > deadline:
            raise BenchFailed(f"nothing has ticked in {TO_SETTLE:.0f} s")
        await pause(1)


async def _until_quiet(counted: Counter[str], pages: int) -> None:
    """Wait until all pages are open, and none has loaded for a while: opening them fills the overview's copy."""
    deadline, loads, since = monotonic() + TO_SETTLE, -1, monotonic()
    while counted["opened"] < pages or monotonic() < since + QUIET:
        if monotonic() > deadline:
            raise BenchFailed(f"{counted['opened']} of {pages} pages are open, and loaded {counted['load']} times")
        await pause(0.5)
        if counted["load"] != loads:
            loads, since = counted["load"], monotonic()


async def _cost(api: Api, server: int) -> Cost:
    """Of the next minute."""
    began = monotonic()
    process = api.process.running.pid
    own, its = seconds_of(process), seconds_of_family(server)
    await pause(SPAN)
    api.process.check()
    share = 100 / (monotonic() - began)
    return Cost(share * (seconds_of(process) - own), share * (seconds_of_family(server) - its))


def _measures(found: Watched, rows: int, pages: int, is_quick: bool) -> list[Measure]:
    name = f"{pages} overviews open on {rows:,} integrations, idle, a minute: CPU"
    return [
        Measure(
            "D4",
            f"{name} of the API and PostgreSQL",
            "% of a core",
            [one.both for one in found.spans],
            target=None if is_quick else 10,
            note=f"the pages heard {found.ticks:,} times of a tick, and loaded {found.loads:,} times",
        ),
        Measure("D4", f"{name} of the API's process", "% of a core", [one.api for one in found.spans]),
        Measure("D4", f"{name} of PostgreSQL", "% of a core", [one.postgresql for one in found.spans]),
    ]


if __name__ == "__main__":
    main()
