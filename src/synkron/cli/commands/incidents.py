"""The commands for incidents: incidents, incidents show, acknowledge; silences have a file of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer
from synkron.cli.options import AsJson, Limit, Organization, SinceWhen, Type, refuse_options
from synkron.cli.output import fact_lines, held_by, say_cut, show, show_facts, show_json
from synkron.cli.table import Field, cells, minute, second
from synkron.errors import NotFound
from synkron.incidents.condition import IncidentKind
from synkron.incidents.lifecycle import Incident
from synkron.incidents.message import facts_of, touched
from synkron.model import Scope
from synkron.text import instant, one_line

if TYPE_CHECKING:
    from synkron.incidents.store import RecordedAnnouncement
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

MOST = 1000

incidents = typer.Typer(invoke_without_command=True)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="The incident's number.")]
INCIDENT = [
    Field("no", "id", right=True),
    Field("kind", "condition.kind"),
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
    return f"{one.state}, acknowledged by {one.acknowledged_by} at {second(one.acknowledged_at)} UTC"


# One incident as people read it, a fact on a line.
FACTS = [
    Field("number", "id"),
    Field("kind", "condition.kind"),
    Field("state", _state),
    Field("what", "condition.title"),
    Field("detail", lambda one: " / ".join(one.condition.detail.splitlines())),
    Field("what to do", "condition.remedy"),
    Field("organization", "condition.org_id"),
    Field("type", "condition.integration_type"),
    Field("endpoint", "condition.endpoint"),
    Field("touches", lambda one: touched(one.condition)),
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
    limit: Limit = MOST,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong now: the open incidents, the newest first.

    Without an organization or a type in particular, an incident is about several: `synkron incidents show` says whom.

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

    async def ask(connection: Connection, settings: Settings) -> list[Incident]:
        from synkron.incidents import store

        [since] = await moments(connection, settings, from_, scope=Scope(org))
        return await store.incidents(
            connection,
            closed=everything,
            since=since,
            kind=kind,
            org_id=org,
            integration_type=integration_type,
            limit=limit + 1,
        )

    found = answer(context, ask)
    if as_json:
        show_json([_json(one) for one in found[:limit]])
    else:
        empty = "There are no such incidents." if everything else "There is no such incident open."
        show(found[:limit], INCIDENT, as_json=False, empty=empty)
    say_cut(found, limit, "--kind or --since")


@incidents.command("show")
def show_incident(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Show one incident, what to do about it, and what became of its announcements.

    \b
    Examples:
      synkron incidents show 17
      synkron incidents show 17 --json
    """

    async def ask(connection: Connection, _: Settings) -> tuple[Incident, list[RecordedAnnouncement]]:
        from synkron.incidents.store import incident

        found = await incident(connection, number)
        if found is None:
            raise NotFound(f"There is no incident {number}. `synkron incidents --all` lists those there are.")
        return found

    one, announcements = answer(context, ask)
    if as_json:
        told = [held_by(each) | {"state": each.state} for each in announcements]
        show_json(_json(one) | {"announcements": told})
        return
    show_facts(_facts(one), ANNOUNCEMENT, announcements)


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
        json=lambda plan, done: {"incident": facts_of(done or plan)},
    )


def _facts(one: Incident) -> dict[str, str]:
    """The incident as people read it."""
    return {str(field.title): text for field, text in zip(FACTS, cells(FACTS, one), strict=True) if text}


def _json(one: Incident) -> dict[str, object]:
    return facts_of(one) | {"announced_at": None if one.announced_at is None else instant(one.announced_at)}
