"""The commands that look ahead: due, next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, from_ledger, organization_names, scope_of
from synkron.cli.options import AsJson, AtFuture, Integration, Limit, Organization, Type, whole
from synkron.cli.output import BESIDE, lines_beside, say, show
from synkron.cli.table import Field, organization
from synkron.model import Window
from synkron.reports.names.match import AskedScope
from synkron.text import several

if TYPE_CHECKING:
    from synkron.model import DueIntegration
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.source.upcoming import Upcoming

LONGEST = 8784  # hours: a year of 366 days


def due_fields(names: Mapping[str, str]) -> list[Field]:
    """What is due in a minute; in JSON, it is as the reader returns it."""
    return [
        Field("fires (UTC)", "scheduled_for"),
        organization(names),
        Field("type", "integration_type", shrink=True),
        Field("integration id", "integration_id"),
    ]


def fire_fields(names: Mapping[str, str]) -> list[Field]:
    """What fires, and when."""
    return [
        Field("fires (UTC)", "scheduled_for"),
        organization(names),
        Field("type", "integration_type"),
        Field("schedule", "cron_schedule", shrink=True),
        Field("zone", "timezone", shrink=True),
        Field("integration id", "integration_id", optional=True),
    ]


def due(
    context: typer.Context,
    at: AtFuture = None,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    as_json: AsJson = False,
) -> None:
    """Show which integrations fire in the minute around an instant.

    That is, within 30 seconds before or after it. Nothing is claimed and nothing is run.

    \b
    Examples:
      synkron due
      synkron due --at 2026-11-30T02:00+01:00
      synkron due --at 2026-11-30T01:00Z --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[list[DueIntegration], int, Mapping[str, str]]:
        from synkron.postgres.clock import database_clock
        from synkron.source.schedule import read_schedule

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        [moment] = await moments(connection, settings, at, scope=scope)
        moment = moment or await database_clock(connection)
        found = await read_schedule(moment, connection, tables=settings.source, types=settings.types)
        due = [one for one in found.due if scope.holds(one)]
        return due, sum(map(scope.holds, found.invalid)), await organization_names(connection, settings)

    found, invalid, names = answer(context, ask, fresh=True)
    shown = show(found, due_fields(names), as_json=as_json, empty="Nothing is due.", names=names, beside=BESIDE)
    if invalid:
        say(f"Left out, as they can't run: {several(invalid, 'row')}. `synkron check` names them.")
    if shown < len(found):
        say(f"{shown} of {len(found):,}, as many as fit. Name an --org or a --type, or read all in a pager: `| less`.")


def coming_next(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    hours: Annotated[int, typer.Option(metavar="HOURS", help="How far ahead to look.", **whole(1, LONGEST))] = 24,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what fires next, over all organizations, soonest first.

    \b
    Examples:
      synkron next
      synkron next --hours 168 --limit 500
      synkron next --org fjordlys --type xledger --json
    """

    async def ask(
        connection: Connection, settings: Settings
    ) -> tuple[list[Upcoming], bool, Mapping[str, str], bool, int]:
        from synkron.postgres.clock import database_clock
        from synkron.scheduler.holds import read_pauses
        from synkron.source.reader import read_all, read_names
        from synkron.source.upcoming import count_invalid, upcoming

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        now = await database_clock(connection)
        rows = await read_all(connection, settings.source, scope)
        end = now + timedelta(hours=hours)
        fires = list(islice(upcoming(rows, Window(now, end), settings.types), limit + 1))
        is_later = not fires and not as_json
        if is_later:
            fires = list(islice(upcoming(rows, Window(end, now + timedelta(hours=LONGEST)), settings.types), 1))
        names = await read_names(connection, settings.source)
        pauses = await from_ledger(read_pauses(connection, now), settings) or []
        is_paused = any(pause.scope.holds(one.integration) for pause in pauses for one in fires)
        invalid = count_invalid(rows, settings.types) if is_later or not fires else 0
        return fires, is_later, names, is_paused, invalid

    fires, is_later, names, is_paused, invalid = answer(context, ask, fresh=True)
    from synkron.service.nouns.fires import fire

    coming = [fire(one) for one in fires[:limit]]
    shown = show(coming, fire_fields(names), as_json=as_json, names=names, beside=lines_beside(context))
    if is_paused:
        say("Some of it may not: `synkron pauses` shows what is paused.")
    if is_later:
        say(f"Nothing fires in the next {hours} hours" + ("; this fires first after that." if fires else "."))
    if invalid:
        say(f"{several(invalid, 'row')} can't run: `synkron check` says why.")
    if len(fires) > shown:
        say(f"Cut after {shown}: more fires in the next {hours} hours. Raise --limit, or name an --org or a --type.")
