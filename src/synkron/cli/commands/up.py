"""The command that does everything in one process: up, up --embedded and up --demo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import Place, database, invocation
from synkron.cli.output import say
from synkron.cli.serving import (
    prepare,
    roles_of_up,
    say_dashboard,
    say_targets,
    settings_of_service,
    stop_on_signals,
)
from synkron.cli.table import minute
from synkron.errors import Refused
from synkron.model import Window

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

AHEAD = timedelta(hours=24)
HINT = "`synkron runs` and `synkron next`, in another terminal, show what ran and what comes; Ctrl-C stops."


def up(
    context: typer.Context,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="On Synkron's own PostgreSQL, set up in SYNKRON_DATA_DIR if need be.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Show a fleet of twelve organizations at work.")] = False,
) -> None:
    """Do everything in one process, until Ctrl-C or SIGTERM.

    Migrates the database, ticks, delivers runs, and serves the dashboard and the HTTP API on `listen`, or on any free
    port of this machine where that is taken and nobody has set it.

    The database is that of SYNKRON_DATABASE_URL. With --embedded it is a PostgreSQL that Synkron starts, whose data is
    in SYNKRON_DATA_DIR or the user's data folder; where SYNKRON_DATA_DIR names what --embedded has set up, that is used
    without the option too. A first Ctrl-C lets the attempts under way finish, a second hands them back at once.

    --demo fills an embedded database with its own organizations, starts three vendors' endpoints on this machine,
    and shows live what fires. It touches nothing else, and is refused where there is anything else.

    \b
    Examples:
      synkron up --demo
      SYNKRON_DATA_DIR=/tmp/synkron-demo synkron up --demo
      SYNKRON_DATABASE_URL=postgresql://synkron@localhost/app synkron up
      SYNKRON_DATA_DIR=/var/lib/synkron synkron up --embedded
    """
    from synkron import runtime

    if demo and embedded:
        raise typer.BadParameter("--demo has an embedded database of its own; leave --embedded out.")
    invoked = invocation(context)
    # The demo calls and tells nobody of those that the settings name.
    settings = invoked.settings(serving=True) if demo else settings_of_service(invoked, embedded=embedded)
    if demo or embedded:
        _refuse_other_database(settings, "--demo" if demo else "--embedded")
    with database(settings, create=True) as place:
        if demo:
            from synkron.cli.demo.run import run_demo

            runtime.run(run_demo(place, settings, invoked.environment))
        else:
            runtime.run(_up(place, settings, invoked.environment))


async def _up(place: Place, settings: Settings, environment: Mapping[str, str]) -> None:
    from synkron.service.serve import check, serve
    from synkron.source.reader import check_source

    async def ready(opened: Connection) -> None:
        """All that can be wrong shows before the first word."""
        embedded = place.folder is not None
        if not embedded and not settings.source.data_api:
            await check_source(opened, settings.source)
        applied = await prepare(opened, settings, embedded=embedded)
        await check(settings, opened)
        coming = await _coming(opened, settings)
        say(f"database: {place.name}", *([f"migrated: {', '.join(applied)}"] if applied else []))
        say_targets(settings)
        say(coming, HINT)

    stop = stop_on_signals()
    await serve(
        place.url,
        settings,
        roles_of_up(settings),
        stop.asked,
        environment,
        at_once=stop.at_once,
        ready=ready,
        listening=partial(say_dashboard, place.url, settings.api),
        anywhere="listen" not in settings.model_fields_set,
    )


def _refuse_other_database(settings: Settings, option: str) -> None:
    if settings.database_url is not None:
        raise Refused(
            f"{option} means an embedded database, and SYNKRON_DATABASE_URL (or database_url in synkron.toml) names "
            f"another. Leave it out: `env -u SYNKRON_DATABASE_URL synkron up {option}`."
        )


async def _coming(opened: Connection, settings: Settings) -> str:
    from synkron.postgres.clock import database_clock
    from synkron.source.reader import read_all
    from synkron.source.upcoming import upcoming

    now = await database_clock(opened)
    rows = await read_all(opened, settings.source)
    first = next(upcoming(rows, Window(now, now + AHEAD), settings.types), None)
    if first is None:
        table = f"{settings.source.schema_name}.{settings.source.integrations.table}"
        return f"next: nothing fires within {AHEAD // timedelta(hours=1)} hours; {table} holds {len(rows)} rows"
    return f"next: {minute(first.scheduled_for)} UTC"
