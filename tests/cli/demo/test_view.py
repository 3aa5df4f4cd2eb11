"""The live view on a real database: it follows what is there, lives through a lost connection, and ends when told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

import asyncpg
import pytest
from rich.console import Console

from synkron.cli.demo.fleet import seed
from synkron.cli.demo.view import LiveView
from synkron.postgres.clock import database_clock
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, SourceTables
from tests.conftest import Connection
from tests.support.databases import Database

PATIENCE = 20.0


class Terminal(StringIO):
    """Remembers what is drawn, and can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn = asyncio.Event()

    def write(self, text: str) -> int:
        self._drawn.set()
        return super().write(text)

    async def shows(self, *parts: str) -> None:
        """Wait until one picture, from now on, shows all parts."""
        self.seek(0)
        self.truncate()
        async with asyncio.timeout(PATIENCE):
            while not any(all(part in picture for part in parts) for picture in self.getvalue().split("Synkron demo")):
                self._drawn.clear()
                await self._drawn.wait()


async def test_it_shows_what_the_tables_say_now(database: Database, connection: Connection) -> None:
    await seed(connection, SourceTables())
    async with _shown(database, connection) as (terminal, _):
        await terminal.shows("Fjordlys Barnehager", "* * * * *", "can't run")
        await connection.execute("update organization_integrations set cron_schedule = '*/3 1-23,0 * * *'")
        await terminal.shows("*/3 1-23,0 * * *")


@pytest.mark.own_database
async def test_it_shows_the_runs_as_they_come(database: Database, connection: Connection) -> None:
    await seed(connection, SourceTables())
    async with _shown(database, connection) as (terminal, _):
        await tick(connection, Settings(), scheduler="test")
        await connection.execute("alter table synkron.runs disable trigger runs_keep_their_key")
        await connection.execute(
            "update synkron.runs set state = 'failed', attempt = 1, finished_at = now(), error = 'HTTP 500', "
            "scheduled_for = scheduled_for - interval '1 minute', period_end = period_end - interval '1 minute', "
            "period_start = null, started_at = scheduled_for - interval '59918 ms'"
        )
        await terminal.shows("82 ms", "✗ failed", "HTTP 500")


async def test_it_lives_through_a_lost_connection(database: Database, connection: Connection) -> None:
    await seed(connection, SourceTables())
    async with _shown(database, connection) as (terminal, _):
        await terminal.shows("Fjordlys")
        superuser = await asyncpg.connect(database.superuser_url)
        ours = connection.get_server_pid()
        await superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid not in ($1, pg_backend_pid())".replace("$1", str(ours))
        )
        await superuser.close()
        await terminal.shows("The database is not available")
        await terminal.shows("Ctrl-C stops")


async def test_it_says_that_it_is_stopping(database: Database, connection: Connection) -> None:
    await seed(connection, SourceTables())
    async with _shown(database, connection) as (terminal, stop):
        await terminal.shows("Ctrl-C stops")
        stop.set()
        await terminal.shows("stopping: 0 attempts under way")


@asynccontextmanager
async def _shown(database: Database, connection: Connection) -> AsyncIterator[tuple[Terminal, asyncio.Event]]:
    """A view on a terminal of 140 x 45, with the event that says that all is stopping."""
    terminal = Terminal()
    console = Console(file=terminal, width=140, height=45, force_terminal=True, color_system=None)
    stop, done = asyncio.Event(), asyncio.Event()
    view = LiveView(database.url, Settings(), "here", await database_clock(connection), [])
    showing = asyncio.create_task(view.show(console, stop, done))
    try:
        yield terminal, stop
    finally:
        done.set()
        async with asyncio.timeout(PATIENCE):
            await showing
