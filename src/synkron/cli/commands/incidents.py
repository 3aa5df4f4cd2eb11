"""The commands for incidents: incidents, incidents show, acknowledge; silences have a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import NUMBER, AsJson, Integration, Limit, Organization, SinceWhen, Type, refuse_options
from synkron.cli.output import fact_lines, lines_beside, say_cut, show, show_facts, show_json
from synkron.cli.table import Field, facts, minute, name_and_id, second
from synkron.errors import NotFound
from synkron.incidents.condition import IncidentKind
from synkron.incidents.lifecycle import Incident
from synkron.incidents.message import NAMELESS, touched
from synkron.reports.names.match import AskedScope
from synkron.service.changes.incidents import acknowledged
from synkron.text import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from synkron.incidents.store import RecordedAnnouncement
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

MOST = 1000

incidents = typer.Typer(invoke_without_command=True)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The incident's number.", **NUMBER)]
INCIDENT = [
    Field("no", "id", right=True),
    Field("kind", "condition.kind", optional=True),
    Field("what", lambda one: one_line(one.condition.title, 500), wrap=True),
    Field("since (UTC)", "condition.since"),
    Field("state", "state"),
    Field("announced (UTC)", "announced_at", lambda at: minute(at) if at else "no", optional=True),
]
ANNOUNCEMENT = [
    Field("channel", "channel"),
    Field("about", "transition"),
    Field("made (UTC)", "made_at", second),
    Field("state", "state"),
    Field("tries", "attempts", right=True),
    Field(
        "sent, or next (UTC)", lambda one: one.sent_at or one.given_up_at or one.next_attempt_at, second, optional=True
    ),
    Field("error", "error", wrap=True),
]


def _state(one: Incident) -> str:
    if one.acknowledged_at is None:
        return one.state
    closed = "closed, " if one.closed_at else ""
    return f"{closed}acknowledged by {one.acknowledged_by} at {second(one.acknowledged_at)} UTC"


def fact_fields(names: Mapping[str, str]) -> list[Field]:
    """One incident as people read it, a fact on a line."""
    return [
        Field("number", "id"),
        Field("kind", "condition.kind"),
        Field("state", _state),
        Field("what", "condition.title"),
        Field("detail", lambda one: " / ".join(one.condition.detail.splitlines())),
        Field("what to do", "condition.remedy"),
        Field("organization", lambda one: name_and_id(one.condition.org_id, names)),
        Field("type", "condition.integration_type"),
        Field("endpoint", "condition.endpoint"),
        Field("touches", lambda one: touched(one.condition, names)),
        Field("since (UTC)", "condition.since", second),
        Field("opened (UTC)", "opened_at", second),
        Field("last seen (UTC)", "seen_at", second),
        Field("closed (UTC)", "closed_at", second),
        Field("announced (UTC)", "announced_at", second),
    ]


@incidents.callback()
def list_incidents(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have closed.")] = False,
    from_: SinceWhen = None,
    kind: Annotated[IncidentKind | None, typer.Option(help="Only this kind.")] = None,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    limit: Limit = MOST,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong now: the open incidents, the newest first.

    Without an organization or a type in particular, an incident is about several: `synkron incidents show` says whom.
    Those of an integration are those of its organization and type.

    \b
    Examples:
      synkron incidents
      synkron incidents --all --since 7d --kind run_failed
      synkron incidents show 17
      synkron incidents acknowledge 17
      synkron incidents silence --type xledger --for 4h --reason "their maintenance"
    """
    if context.invoked_subcommand is not None:
        refuse_options(context, "--json")
        return

    named = AskedScope(org, integration_type, integration)

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Incident], Mapping[str, str]]:
        from synkron.incidents import store

        scope = await scope_of(named, connection, settings, around=True)
        [since] = await moments(connection, settings, from_, scope=scope)
        found = await store.incidents(
            connection,
            closed=everything,
            since=since,
            kind=kind,
            scope=scope,
            limit=limit + 1,
        )
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.incidents import incident_facts

        show_json([incident_facts(one, names) for one in found[:limit]], names)
        shown = limit
    else:
        empty = "There are no such incidents." if everything else "There is no such incident open."
        shown = show(found[:limit], INCIDENT, as_json=False, empty=empty, beside=lines_beside(context))
    say_cut(found, shown, "--kind or --since")


@incidents.command("show")
def show_incident(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Show one incident, what to do about it, and what became of its announcements.

    \b
    Examples:
      synkron incidents show 17
      synkron incidents show 17 --json
    """

    async def ask(
        connection: Connection, settings: Settings
    ) -> tuple[Incident, list[RecordedAnnouncement], datetime, Mapping[str, str]]:
        from synkron.incidents.store import incident
        from synkron.postgres.clock import database_clock

        found = await incident(connection, number)
        if found is None:
            raise NotFound(f"There is no incident {number}. `synkron incidents --all` lists those there are.")
        return *found, await database_clock(connection), await organization_names(connection, settings)

    one, announcements, now, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.incidents import shown_incident

        show_json(shown_incident(one, announcements, names), names)
        return
    told = _facts(one, names)
    if (gone := one.gone_since(now)) is not None:
        told["state"] += f", not seen since {second(gone)} UTC: it closes if that stays so"
    show_facts(told, ANNOUNCEMENT, announcements)


@incidents.command()
@changing
def acknowledge(number: Number) -> Change[Incident, Incident]:
    """Acknowledge an incident: there are no more reminders of it. Its end is still announced.

    \b
    Examples:
      synkron incidents acknowledge 17
      synkron incidents acknowledge 17 --yes --json
    """
    from synkron.operations import acknowledge

    return Change(
        plan=lambda connection, *_: acknowledge.plan_acknowledge(connection, number),
        do=lambda connection, _, author: acknowledge.acknowledge(connection, number, author),
        question="Acknowledge it?",
        told=lambda plan: fact_lines(_facts(plan)),
        done=lambda _, one: [
            f"Incident {one.id} is acknowledged by {one.acknowledged_by}: there are no more reminders of it."
        ],
        json=acknowledged,
    )


def _facts(one: Incident, names: Mapping[str, str] = NAMELESS) -> dict[str, str]:
    """The incident as people read it."""
    return facts(fact_fields(names), one)
