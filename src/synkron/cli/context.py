"""What a command works with: the environment, the settings, the database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import typer

from synkron.cli.output import say
from synkron.cli.secrets import hide
from synkron.errors import (
    EmbeddedDatabaseError,
    LedgerMissing,
    Refused,
    ServiceRoleRequired,
    SettingsError,
    SourceTableMissing,
)

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings, SourceTables

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command, and the environment."""

    config: Path | None = None
    verbose: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def settings(self, *, whole: bool = False) -> Settings:
        """Set up the log and read the settings, whose secrets nothing shows from then on. Raises SettingsError.

        A command that serves needs the ``whole`` of them; a short one reads only what it asks for.
        """
        from synkron.cli import logs
        from synkron.settings.quick import quick_settings

        logs.set_up(verbose=self.verbose, environment=self.environment)
        if not whole and (quick := quick_settings(self.config, os.environ)):
            hide(quick.secrets(self.environment))
            return cast("Settings", quick)
        from synkron.settings.load import Settings, load_settings
        from synkron.settings.secrets import secrets_of

        try:
            settings = load_settings(self.config)
        except SettingsError as error:
            if isinstance(error.rest, Settings):
                hide(secrets_of(error.rest, self.environment))
            raise
        hide(secrets_of(settings, self.environment))
        return settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data is. ``folder`` is None when the database is not our own embedded one."""

    url: str
    folder: Path | None


def invocation(context: typer.Context) -> Invocation:
    """The options that stood before this command."""
    return context.ensure_object(Invocation)


def answer(
    context: typer.Context,
    ask: Callable[[Connection, Settings], Awaitable[Answer]],
    *,
    create: bool = False,
    fresh: bool = False,
) -> Answer:
    """What ``ask`` answers on a connection of the command's own; ``create`` as for ``database``.

    With ``fresh``, tables behind a Data API are read first, so that the answer is of now.
    """
    import asyncio

    async def asked(url: str) -> Answer:
        async with connection(url, settings.source) as opened:
            if fresh and settings.source.data_api:
                from synkron.source.mirror import mirror_of

                if mirror := mirror_of(settings, invocation(context).environment):
                    await mirror.refresh(opened)
            return await ask(opened, settings)

    settings = invocation(context).settings()
    with database(settings, create=create) as place:
        return asyncio.run(asked(place.url))


async def organization_names(connection: Connection, settings: Settings) -> Mapping[str, str]:
    """The organizations' names; none where the application's tables can't be read, as the ledger stands without."""
    from synkron.source.reader import read_names

    try:
        return await read_names(connection, settings.source)
    except (Refused, SourceTableMissing):
        return {}


async def from_ledger(asked: Awaitable[Answer], settings: Settings) -> Answer | None:
    """What is asked of the ledger; None where there is none yet, or the role may not read it."""
    from synkron.source.queries import SourceQueries

    try:
        async with SourceQueries(settings.source).in_words():
            return await asked
    except (LedgerMissing, ServiceRoleRequired):
        return None


@contextmanager
def database(settings: Settings, *, create: bool = False) -> Iterator[Place]:
    """The database of the settings; the embedded one, started or joined, when they name none.

    An embedded database that is not there yet is made only where ``create`` says so, and the person is told where.
    """
    if settings.database_url is not None:
        yield Place(settings.database_url.get_secret_value(), None)
        return
    from synkron.postgres.embedded import data_directory, embedded_database

    folder = data_directory({"SYNKRON_DATA_DIR": str(settings.data_dir)} if settings.data_dir else {})
    if not create and not folder.exists():
        raise EmbeddedDatabaseError(
            f"SYNKRON_DATABASE_URL is not set, and there is no embedded database in {folder} yet. "
            "Set the URL, or make the embedded database with `synkron up` (or `synkron up --demo`)."
        )
    with embedded_database(folder) as server:
        if create:
            say(f"database: embedded PostgreSQL, with its data in {folder}")
        yield Place(server.url(), folder)


@asynccontextmanager
async def connection(url: str, source: SourceTables) -> AsyncIterator[Connection]:
    """A connection whose every failure is a sentence."""
    from synkron.postgres.connection import connected
    from synkron.postgres.ready import reached
    from synkron.source.queries import SourceQueries

    async with reached(partial(connected, url), SourceQueries(source).in_words) as opened:
        yield opened
