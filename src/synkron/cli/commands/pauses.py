"""The commands that stop what fires for a while: pause, resume, pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, Reason, changing
from synkron.cli.lasting import Ended, show_lasting
from synkron.cli.options import NUMBER, AsJson, For, Integration, Organization, Type, Until
from synkron.cli.table import minute
from synkron.model import Scope
from synkron.reports.names.match import AskedScope
from synkron.service.changes import pauses as changes
from synkron.text import duration_text, several

if TYPE_CHECKING:
    from synkron.operations.pause_effects import PauseEffect
    from synkron.operations.pauses import PausePlan, ResumePlan
    from synkron.operations.recorded_pauses import RecordedPause

Everything = Annotated[bool, typer.Option("--all", help="Everything.")]


@changing
def pause(
    reason: Reason,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    everything: Everything = False,
    until: Until = None,
    for_: For = None,
) -> Change[PausePlan, Sequence[RecordedPause]]:
    """Pause an integration, an organization, a type, or everything.

    Nothing of it starts until the pause ends; what is running goes on. What would have fired meanwhile is decided when
    the pause ends, by each type's catch-up policy, which is said before you are asked. --org and --type together mean
    that type of that organization.

    \b
    Examples:
      synkron pause --type xledger --reason "their maintenance" --for 4h
      synkron pause --org fjordlys --reason "contract ended"
      synkron pause --all --reason "incident 12" --until "tomorrow 18:00" --dry-run
    """
    if until is not None and for_ is not None:
        raise typer.BadParameter("give --until or --for, not both")
    scope = _scope(org, integration_type, integration, everything=everything)
    from synkron.operations import pauses

    asked = pauses.AskedPause([scope], reason, until if until is not None else for_)
    return Change(
        plan=lambda connection, settings, now: pauses.plan_pause(connection, settings, asked, now),
        do=lambda connection, settings, author: pauses.pause(connection, settings, asked, author),
        question="Pause it?",
        told=_pausing,
        done=lambda _, made: [
            f"Pause {made[0].id}: {made[0].subject} is paused {_end(made[0].until)}.",
            f"End it with `synkron resume --number {made[0].id}`.",
        ],
        json=changes.paused,
    )


@changing
def resume(
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    everything: Everything = False,
    number: Annotated[int | None, typer.Option(metavar="NUMBER", help="The pause of this number.", **NUMBER)] = None,
) -> Change[ResumePlan, Sequence[RecordedPause]]:
    """End a pause, named by its number or by exactly its scope.

    The next tick decides what would have fired meanwhile, by the catch-up policy. A pause that reaches further, such as
    one of the whole organization, goes on.

    \b
    Examples:
      synkron resume --number 3
      synkron resume --type xledger --yes
      synkron resume --all --dry-run
    """
    named = (org, integration_type, integration) != (None, None, None) or everything
    if (number is not None) == named:
        raise typer.BadParameter("give the pause's number, or whom it holds (--org, --type, --integration or --all)")
    asked = number if number is not None else _scope(org, integration_type, integration, everything=everything)
    from synkron.operations import pauses

    return Change(
        plan=lambda connection, settings, now: pauses.plan_resume(connection, settings, [asked], now),
        do=lambda connection, settings, author: pauses.resume(connection, settings, [asked], author),
        question="Resume it?",
        told=_resuming,
        done=lambda plan, ended: [
            f"Pause {ended[0].id} has ended: {ended[0].subject} is resumed.",
            *([_still_paused(plan)] if plan.still_paused else []),
        ],
        json=changes.resumed,
    )


def list_pauses(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    ended: Ended = False,
    as_json: AsJson = False,
) -> None:
    """Show the pauses in effect, the newest first.

    Those that hold an organization, a type or an integration are its own and the wider ones.

    \b
    Examples:
      synkron pauses
      synkron pauses --org fjordlys
      synkron pauses --ended --json
    """
    from synkron.operations.recorded_pauses import pauses

    named = AskedScope(org, integration_type, integration)
    show_lasting(context, pauses, named, "pause", "paused", ended=ended, as_json=as_json)


def _scope(org: str | None, integration_type: str | None, integration: str | None, *, everything: bool) -> Scope:
    narrowed = (org, integration_type) != (None, None)
    if sum([narrowed, integration is not None, everything]) != 1:
        raise typer.BadParameter("give --org, --type or both; or --integration; or --all")
    return Scope(org, integration_type, integration)


def _pausing(plan: PausePlan) -> Iterator[str]:
    yield f"Pause {plan.subject} {_end(plan.until)}."
    yield f"It covers {several(plan.live, 'live integration')}{_ahead(plan)}"
    if plan.consequences:
        yield "What would fire meanwhile is decided when the pause ends:"
        yield from (f"  {_consequence(one)}" for one in plan.consequences)
    yield f"{several(plan.running, 'run')} running now: they go on. {several(plan.claimed, 'run')} claimed: they wait."


def _ahead(plan: PausePlan) -> str:
    if plan.live == 0:
        return "."
    if plan.ahead.first is None:
        return ", none of which would fire meanwhile." if plan.until else ", none of which fires within a year."
    count = "" if plan.ahead.occurrences is None else f" {several(plan.ahead.occurrences, 'time')}, first"
    return f". They would fire{count} at {minute(plan.ahead.first)} UTC{'' if count else ' next'}."


def _resuming(plan: ResumePlan) -> Iterator[str]:
    [paused] = plan.pauses
    yield f"Resume {plan.subject}: pause {paused.id} by {paused.author} since {minute(paused.starts_at)} UTC."
    yield f"Its reason: {paused.reason}"
    if plan.still_paused:
        yield _still_paused(plan)
    if plan.consequences:
        yield "The next tick decides what would have fired:"
        yield from (f"  {_consequence(one)}" for one in plan.consequences)
    else:
        yield "Nothing would have fired meanwhile that is decided now."


def _still_paused(plan: ResumePlan) -> str:
    return f"{several(plan.still_paused, 'integration')} of it: still paused, by another pause (`synkron pauses`)."


def _consequence(one: PauseEffect) -> str:
    from synkron.operations.pause_effects import WORDS

    but = ", but for the newest," if one.treatment.catch_up_newest else ""
    occurrences = "" if one.occurrences is None else f", {several(one.occurrences, 'occurrence')}"
    return (
        f"{one.treatment.catch_up} ({several(one.integrations, 'integration')}{occurrences}): "
        f"{WORDS[one.treatment.catch_up]}; those older than {duration_text(one.treatment.catch_up_window)}{but} expire"
    )


def _end(until: datetime | None) -> str:
    return f"until {minute(until)} UTC" if until else "until somebody resumes it"
