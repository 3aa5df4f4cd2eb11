"""The commands that look ahead: due, next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, from_ledger
from synkron.cli.options import AsJson, AtFuture, Limit, Organization
from synkron.cli.output import say, show
from synkron.cli.table import Field
from synkron.model import Window

if TYPE_CHECKING:
    from synkron.model import DueIntegration
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.source.upcoming import Upcoming

DUE = [
    Field("scheduled for (UTC)", "scheduled_for"),
    Field("type", "integration_type"),
    Field("organization id", "org_id", shrink=True),
    Field("integration id", "integration_id", shrink=True),
]


def fire_fields(names: Mapping[str, str]) -> list[Field]:
    """What fires, and when."""
    return [
        Field("fires (UTC)", key="scheduled_for"),
        Field(key="org_id", value="integration.org_id"),
        Field("organization", lambda one: names.get(one.integration.org_id) or one.integration.org_id, shrink=True),
        Field(key="organization", value=lambda one: names.get(one.integration.org_id)),
        Field(key="integration_id", value="integration.integration_id"),
        Field("type", "integration.integration_type", key="integration_type"),
        Field("schedule", "integration.cron_schedule", key="cron_schedule", shrink=True),
        Field("zone", lambda one: zone_of(one.integration.timezone), key="timezone", shrink=True),
        Field("integration id", "integration.integration_id", optional=True),
    ]


def zone_of(timezone: object) -> str:
    """An organization's zone as people and programs are told it."""
    return "UTC" if timezone in (None, "") else str(timezone)


def due(context: typer.Context, at: AtFuture = None, as_json: AsJson = False) -> None:
    """Show which integrations fire in the minute around an instant.

    That is, within 30 seconds before or after it. Nothing is claimed and nothing is run.

    \b
    Examples:
      synkron due
      synkron due --at 2026-11-30T02:00+01:00
      synkron due --at 2026-11-30T01:00Z --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[DueIntegration]:
        from synkron.postgres.clock import database_clock
        from synkron.source.schedule import read_due_integrations

        [moment] = await moments(connection, settings, at)
        moment = moment or await database_clock(connection)
        return await read_due_integrations(moment, connection, tables=settings.source, types=settings.types)

    show(answer(context, ask, fresh=True), DUE, as_json=as_json, empty="Nothing is due.")


def coming_next(
    context: typer.Context,
    org: Organization = None,
    hours: Annotated[int, typer.Option(metavar="HOURS", min=1, max=8784, help="How far ahead to look.")] = 24,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what fires next, over all organizations, soonest first.

    \b
    Examples:
      synkron next
      synkron next --hours 168 --limit 500
      synkron next --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11 --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Upcoming], Mapping[str, str], bool]:
        from synkron.postgres.clock import database_clock
        from synkron.scheduler.holds import read_pauses
        from synkron.source.reader import read_all, read_names
        from synkron.source.upcoming import upcoming

        now = await database_clock(connection)
        rows = [row for row in await read_all(connection, settings.source) if org in (None, row.org_id)]
        fires = upcoming(rows, Window(now, now + timedelta(hours=hours)), settings.types)
        names = await read_names(connection, settings.source)
        pauses = await from_ledger(read_pauses(connection, now), settings)
        return list(islice(fires, limit + 1)), names, bool(pauses)

    fires, names, is_paused = answer(context, ask, fresh=True)
    show(fires[:limit], fire_fields(names), as_json=as_json)
    if is_paused:
        say("Some of it may not: `synkron pauses` shows what is paused.")
    if not fires:
        say(f"Nothing fires in the next {hours} hours.")
    if len(fires) > limit:
        say(f"Cut after {limit}: more fires in the next {hours} hours. Raise --limit, or name one --org.")
