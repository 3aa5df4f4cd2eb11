"""The commands for silences: incidents silence, silences, unsilence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.commands.incidents import incidents
from synkron.cli.confirm import Change, Reason, changing
from synkron.cli.lasting import Ended, show_lasting
from synkron.cli.options import NUMBER, AsJson, For, Integration, Organization, Type, Until, written
from synkron.cli.table import minute
from synkron.incidents.lifecycle import Incident, Silence
from synkron.reports.names.match import AskedScope
from synkron.service.changes.incidents import silenced
from synkron.text import several

if TYPE_CHECKING:
    from synkron.operations.silences import RecordedSilence, SilencePlan

MOST_NAMED = 10


@incidents.command()
@changing
def silence(
    reason: Reason,
    org: Organization = None,
    integration_type: Type = None,
    endpoint: Annotated[
        str | None, typer.Option(parser=written, metavar="ENDPOINT", help="Only this vendor's endpoint.")
    ] = None,
    until: Until = None,
    for_: For = None,
) -> Change[SilencePlan, RecordedSilence]:
    """Silence an organization, a type or an endpoint for a while. Given several, only what fits all of them.

    Incidents still open and close. Those that are open when the silence ends are announced then. Runs go on: to stop
    them, use `synkron pause`.

    \b
    Examples:
      synkron incidents silence --type xledger --for 4h --reason "their maintenance"
      synkron incidents silence --org fjordlys --until 2026-12-01T08:00Z --reason "moving"
    """
    if (until is None) == (for_ is None):
        raise typer.BadParameter("a silence has an end: give --until or --for, and not both")
    if (org, integration_type, endpoint) == (None, None, None):
        raise typer.BadParameter("give --org, --type or --endpoint, or several of them")
    from synkron.operations import silences

    asked = silences.AskedSilence(Silence(org, integration_type, endpoint), reason, until or for_ or timedelta())

    def told(plan: SilencePlan) -> Iterator[str]:
        yield f"Announce nothing of {plan.subject} until {minute(plan.until)} UTC."
        count = several(len(plan.incidents), "open incident")
        yield f"{count} of it: no reminder, and no word when it closes meanwhile."
        yield from _named(plan.incidents)

    def done(_: SilencePlan, made: RecordedSilence) -> Iterator[str]:
        yield f"Silence {made.id}: of {made.subject} nothing is announced until {minute(made.until)} UTC."
        yield f"End it before with `synkron incidents unsilence {made.id}`."

    return Change(
        plan=lambda connection, settings, now: silences.plan_silence(connection, settings, asked, now),
        do=lambda connection, settings, author: silences.silence(connection, settings, asked, author),
        question="Silence it?",
        told=told,
        done=done,
        json=silenced,
    )


@incidents.command("silences")
def list_silences(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    ended: Ended = False,
    as_json: AsJson = False,
) -> None:
    """Show the silences in effect, the newest first.

    Those of an organization, a type or an integration are its own and the wider ones.

    \b
    Examples:
      synkron incidents silences
      synkron incidents silences --org fjordlys
      synkron incidents silences --ended --json
    """
    from synkron.operations.silences import silences

    named = AskedScope(org, integration_type, integration)
    show_lasting(context, silences, named, "silence", "silenced", ended=ended, as_json=as_json)


@incidents.command()
@changing
def unsilence(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The silence's number.", **NUMBER)],
) -> Change[SilencePlan, RecordedSilence]:
    """End a silence early. Incidents that it kept quiet and that are still open are announced within a minute.

    \b
    Examples:
      synkron incidents unsilence 3
      synkron incidents unsilence 3 --dry-run
    """
    from synkron.operations import silences

    def told(plan: SilencePlan) -> Iterator[str]:
        yield f"End silence {number} of {plan.subject}, which lasts until {minute(plan.until)} UTC."
        quiet = [one for one in plan.incidents if one.announced_at is None]
        yield f"{several(len(quiet), 'open incident')} of it that nobody was told of: announced then."
        yield from _named(quiet)

    return Change(
        plan=lambda connection, settings, now: silences.plan_unsilence(connection, settings, number, now),
        do=lambda connection, settings, author: silences.unsilence(connection, settings, number, author),
        question="End it?",
        told=told,
        done=lambda _, ended: [f"Silence {ended.id} has ended: {ended.subject} is announced again."],
        json=silenced,
    )


def _named(found: Sequence[Incident]) -> Iterator[str]:
    yield from (f"  {one.id}: {one.condition.title}" for one in found[:MOST_NAMED])
    if len(found) > MOST_NAMED:
        yield f"  and {len(found) - MOST_NAMED} more"
