"""The demo's live view: reads the database twice a second, and shows what runs next and what ran."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from asyncpg import InterfaceError, PostgresError
from rich.console import Console
from rich.live import Live

from synkron.cli.demo.keys import Keys
from synkron.cli.demo.screen import screen
from synkron.cli.demo.snapshot import Snapshot
from synkron.errors import SynkronError
from synkron.incidents.store import incidents
from synkron.ledger import history
from synkron.model import Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection, connected
from synkron.runtime import sleep
from synkron.settings.load import Settings
from synkron.source.check import faults
from synkron.source.reader import read_all, read_names
from synkron.source.upcoming import upcoming
from synkron.vendors import store

EVERY = 0.5  # seconds
AHEAD = timedelta(hours=24)
# More lines than any terminal has.
MOST = 100


@dataclass(frozen=True, slots=True)
class LiveView:
    """The view of one database, named ``place``.

    The caller adds to ``notes`` (the latest log lines), ``keys``, and ``links`` (to the dashboard).
    """

    url: str
    settings: Settings
    place: str
    since: datetime
    notes: Sequence[str]
    keys: Keys = field(default_factory=Keys)
    links: list[str] = field(default_factory=list)

    async def show(self, console: Console, stop: asyncio.Event, done: asyncio.Event) -> None:
        """Fill the terminal until ``done`` is set; once ``stop`` is set, show that the demo is stopping."""
        with Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        ) as live:
            async for shot in self._snapshots(done):
                if stop.is_set():
                    under_way = f"stopping: {shot.totals.running} attempts under way"
                    banner = f"{under_way}; Ctrl-C again hands them back at once"
                    shot = replace(shot, banner=banner, asks_for_help=False)
                live.update(screen(shot, console.width, console.height), refresh=True)

    async def _snapshots(self, done: asyncio.Event) -> AsyncIterator[Snapshot]:
        """A snapshot twice a second; while the database is not available, the last one again."""
        shot: Snapshot | None = None
        while not done.is_set():
            try:
                async with connected(self.url) as connection:
                    names = await read_names(connection, self.settings.source)
                    while not done.is_set():
                        shot = await self._read(connection, names)
                        yield shot
                        await sleep(EVERY, done)
            except (PostgresError, InterfaceError, OSError, SynkronError) as error:
                if shot:
                    yield replace(shot, banner=f"The database is not available: {error}")
                await sleep(EVERY, done)

    async def _read(self, connection: Connection, names: Mapping[str, str]) -> Snapshot:
        source, types = self.settings.source, self.settings.types
        now = await database_clock(connection)
        rows = await read_all(connection, source)
        return Snapshot(
            now=now,
            since=self.since,
            place=self.place,
            names=names,
            fires=list(islice(upcoming(rows, Window(now, now + AHEAD), types), MOST)),
            runs=await history.runs(connection, limit=MOST),
            totals=await history.totals(connection, self.since),
            invalid=[fault for row in rows if row.is_enabled for fault in faults(row, types)],
            notes=list(self.notes),
            vendors={
                name: health.verdict for health in await store.read_all(connection) for name in health.integration_types
            },
            incidents=await incidents(connection),
            asks_for_help=self.keys.ask_for_help,
            dashboard="".join(self.links[-1:]),
        )
