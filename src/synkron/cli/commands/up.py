"""The command that does everything in one process: up, and up --demo."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import Place, database, invocation
from synkron.cli.output import say
from synkron.cli.serving import prepare, say_targets, settings_of_service, stop_on_signals
from synkron.cli.table import minute
from synkron.errors import Refused
from synkron.model import Window

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

AHEAD = timedelta(hours=24)


def up(
    context: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="Show a fleet of twelve organizations at work.")] = False,
) -> None:
    """Do everything in one process, until Ctrl-C or SIGTERM.

    Migrates the database, ticks, and delivers runs. Answers HTTP as well where `listen` is set in the settings.

    Without SYNKRON_DATABASE_URL, an embedded PostgreSQL is started, in SYNKRON_DATA_DIR or the user's data folder.
    A first Ctrl-C lets the attempts under way finish, a second hands them back at once.

    --demo fills the embedded database with its own organizations, starts three vendors' endpoints on this machine,
    and shows live what fires. It touches nothing else, and is refused where there is anything else.

    \b
    Examples:
      synkron up --demo
      SYNKRON_DATA_DIR=/tmp/synkron-demo synkron up --demo
      SYNKRON_DATABASE_URL=postgresql://synkron@localhost/app synkron up
    """
    from synkron import runtime

    invoked = invocation(context)
    # The demo calls and tells nobody of those that the settings name.
    settings = invoked.settings() if demo else settings_of_service(invoked)
    if demo:
        _refuse_other_database(settings)
    with database(settings, create=True) as place:
        if demo:
            from synkron.cli.demo.run import run_demo

            runtime.run(run_demo(place, settings, invoked.environment))
        else:
            runtime.run(_up(place, settings, invoked.environment))


async def _up(place: Place, settings: Settings, environment: Mapping[str, str]) -> None:
    from synkron.postgres.connection import connected
    from synkron.postgres.ready import once_ready
    from synkron.runtime import unless_stopped
    from synkron.service.serve import all_roles, serve
    from synkron.source.queries import SourceQueries

    async def prepare_and_say(opened: Connection) -> None:
        await prepare(opened, settings, embedded=place.folder is not None)
        say_targets(settings)
        say(await _coming(opened, settings))

    stop = stop_on_signals()
    connect = partial(connected, place.url, settings.heartbeat)
    in_words = SourceQueries(settings.source).in_words
    await unless_stopped(once_ready(connect, in_words, prepare_and_say, stop.asked), stop.asked)
    say("`synkron runs` and `synkron next`, in another terminal, show what ran and what comes; Ctrl-C stops.")
    await serve(place.url, settings, all_roles(settings), stop.asked, environment, at_once=stop.at_once)


def _refuse_other_database(settings: Settings) -> None:
    if settings.database_url is not None:
        raise Refused(
            "The demo keeps to an embedded database of its own, and SYNKRON_DATABASE_URL (or database_url in "
            "synkron.toml) names another. Leave it out: `env -u SYNKRON_DATABASE_URL synkron up --demo`."
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
