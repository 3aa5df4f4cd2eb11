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
    ServiceRoleRequired,
    SettingsError,
)
from synkron.model import EVERYTHING, Scope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.names.match import AskedScope
    from synkron.settings.load import Settings, SourceTables
    from synkron.source.mirror import Mirror

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command, and the environment."""

    config: Path | None = None
    verbose: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def settings(self, *, whole: bool = False, serving: bool = False) -> Settings:
        """Set up the log and read the settings, whose secrets nothing shows from then on. Raises SettingsError.

        A command that serves needs the ``whole`` of them; a short one reads only what it asks for.
        """
        from synkron.cli import logs
        from synkron.settings.quick import quick_settings

        logs.set_up(verbose=self.verbose, environment=self.environment, serving=serving)
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

    @property
    def name(self) -> str:
        """The database for people, without user and password."""
        from synkron.postgres.address import address_of

        embedded = f"embedded PostgreSQL, with its data in {self.folder}"
        return embedded if self.folder else f"PostgreSQL, {address_of(self.url).place}"


def invocation(context: typer.Context) -> Invocation:
    """The options that stood before this command."""
    return context.ensure_object(Invocation)


def answer(
    context: typer.Context,
    ask: Callable[[Connection, Settings], Awaitable[Answer]],
    *,
    fresh: bool = False,
) -> Answer:
    """What ``ask`` answers on a connection of the command's own.

    With ``fresh``, tables behind a Data API are read first, so that the answer is of now.
    """
    import asyncio

    async def asked(url: str) -> Answer:
        async with connection(url, settings.source) as opened:
            if fresh and (mirror := mirror_for(settings, invocation(context))):
                await mirror.refresh(opened)
            return await ask(opened, settings)

    settings = invocation(context).settings()
    with database(settings) as place:
        return asyncio.run(asked(place.url))


def mirror_for(settings: Settings, invoked: Invocation) -> Mirror | None:
    """The mirror of the tables, if they are behind a Data API. Other commands start without its HTTP client."""
    if not settings.source.data_api:
        return None
    from synkron.source.mirror import mirror_of

    return mirror_of(settings, invoked.environment)


async def scope_of(asked: AskedScope, connection: Connection, settings: Settings, *, around: bool = False) -> Scope:
    """The scope that the options name, outside a transaction. Says what each text stands for where it is no id.

    ``around`` adds the organization and the type of an integration.
    """
    if not any(asked):
        return EVERYTHING
    from synkron.reports.names.store import resolve

    found = await resolve(connection, settings, asked)
    if found.notes:
        say(*found.notes)
    return found.around if around else found.scope


async def organization_names(connection: Connection, settings: Settings) -> Mapping[str, str]:
    """The organizations' names; none where the application's tables can't be read, as the ledger stands without."""
    from synkron.service import names

    return await names.organization_names(connection, settings)


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

    An embedded database that is not there yet is made only where ``create`` says so.
    """
    if settings.database_url is not None:
        yield Place(settings.database_url.get_secret_value(), None)
        return
    from synkron.postgres.embedded import embedded_database

    folder = embedded_folder(settings)
    if not create and not folder.exists():
        raise EmbeddedDatabaseError(
            f"SYNKRON_DATABASE_URL is not set, and there is no embedded database in {folder} yet. "
            "Set the URL, or make the embedded database with `synkron up --embedded` (or `synkron up --demo`)."
        )
    with embedded_database(folder) as server:
        yield Place(server.url(), folder)


def embedded_folder(settings: Settings) -> Path:
    """Where the embedded database of these settings is, or would be."""
    from synkron.postgres.embedded import data_directory

    return data_directory({"SYNKRON_DATA_DIR": str(settings.data_dir)} if settings.data_dir else {})


@asynccontextmanager
async def connection(url: str, source: SourceTables) -> AsyncIterator[Connection]:
    """A connection whose every failure is a sentence."""
    from synkron.postgres.connection import connected
    from synkron.postgres.ready import reached
    from synkron.source.queries import SourceQueries

    async with reached(partial(connected, url), SourceQueries(source).in_words) as opened:
        yield opened
