"""The commands that change what is announced: incidents acknowledge, silence, silences, unsilence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.commands.incidents import Number, facts
from synkron.cli.confirm import Author, DryRun, Yes, consent, operate
from synkron.cli.context import answer
from synkron.cli.lasting import show_lasting
from synkron.cli.options import AsJson, Organization, Type, instant, span, written
from synkron.cli.output import counted, fact_lines, minute, show_json, show_lines
from synkron.incidents import Incident, facts_of

if TYPE_CHECKING:
    from synkron.operations.silences import RecordedSilence, SilencePlan
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

MOST_NAMED = 10


def acknowledge(
    context: typer.Context,
    number: Number,
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Say that you are at it: nobody is reminded of the incident any more. Its end is announced all the same.

    \b
    Examples:
      synkron incidents acknowledge 17
      synkron incidents acknowledge 17 --yes --json
    """
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import acknowledge as acknowledging

    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, _: acknowledging.plan_acknowledge(connection, number),
        tell=lambda one: agreed.tell(fact_lines(facts(one))),
        question="Acknowledge it?",
        do=lambda connection, _: acknowledging.acknowledge(connection, number, agreed.author),
    )
    if as_json:
        show_json({"dry_run": dry_run, "incident": facts_of(done or plan)})
    elif done is not None:
        show_lines(f"Incident {number} is acknowledged by {agreed.author}: there are no more reminders of it.")


def silence(
    context: typer.Context,
    reason: Annotated[str, typer.Option(parser=written, metavar="TEXT", help="Why, for those who wonder.")],
    org: Organization = None,
    integration_type: Type = None,
    endpoint: Annotated[
        str | None, typer.Option(parser=written, metavar="ENDPOINT", help="Only this vendor's endpoint.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="When it ends.")] = None,
    for_: Annotated[
        timedelta | None, typer.Option("--for", parser=span, metavar="SPAN", help="How long it lasts: 30m, 24h, 7d.")
    ] = None,
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Announce nothing of an organization, a type or an endpoint for a while; of several, what fits all.

    Incidents open and close as ever. What is still open when the silence ends is announced then. Nothing is paused: for
    that, there is `synkron pause`.

    \b
    Examples:
      synkron incidents silence --type xledger --for 4h --reason "their maintenance"
      synkron incidents silence --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11 --until 2026-12-01T08:00Z --reason "moving"
    """
    if (until is None) == (for_ is None):
        raise typer.BadParameter("a silence has an end: give --until or --for, and not both")
    if (org, integration_type, endpoint) == (None, None, None):
        raise typer.BadParameter("give --org, --type or --endpoint, or several of them")
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.incidents import Silence
    from synkron.operations import silences

    end: datetime | timedelta = until or for_ or timedelta()
    asked = silences.AskedSilence(Silence(org, integration_type, endpoint), reason, end)
    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, settings: silences.plan_silence(connection, settings, asked),
        tell=lambda plan: agreed.tell(_silencing(plan)),
        question="Silence it?",
        do=lambda connection, settings: silences.silence(connection, settings, asked, agreed.author),
    )
    if as_json:
        show_json({"dry_run": dry_run, "silence": done, "plan": _plan_as_json(plan)})
    elif done is not None:
        show_lines(f"Silence {done.id}: of {done.subject} nothing is announced until {minute(done.until)} UTC.")
        show_lines(f"End it before with `synkron incidents unsilence {done.id}`.")


def unsilence(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="The silence's number.")],
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End a silence before its time. What it kept quiet and is still open is announced within a minute.

    \b
    Examples:
      synkron incidents unsilence 3
      synkron incidents unsilence 3 --dry-run
    """
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import silences

    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, settings: silences.plan_unsilence(connection, settings, number),
        tell=lambda plan: agreed.tell(_unsilencing(number, plan)),
        question="End it?",
        do=lambda connection, settings: silences.unsilence(connection, settings, number, agreed.author),
    )
    if as_json:
        show_json({"dry_run": dry_run, "silence": done, "plan": _plan_as_json(plan)})
    elif done is not None:
        show_lines(f"Silence {done.id} has ended: {done.subject} is announced again.")


def silences(
    context: typer.Context,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that have ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the silences that last, the newest first.

    \b
    Examples:
      synkron incidents silences
      synkron incidents silences --ended --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[RecordedSilence]:
        from synkron.operations import silences

        return await silences.silences(connection, settings, ended=ended)

    show_lasting(answer(context, ask), "silence", "silenced", ended=ended, as_json=as_json)


def _silencing(plan: SilencePlan) -> Iterator[str]:
    yield f"Announce nothing of {plan.subject} until {minute(plan.until)} UTC."
    yield f"{counted(len(plan.incidents), 'open incident')} of it: no reminder, and no word when it closes meanwhile."
    yield from _named(plan.incidents)


def _unsilencing(number: int, plan: SilencePlan) -> Iterator[str]:
    yield f"End silence {number} of {plan.subject}, which lasts until {minute(plan.until)} UTC."
    quiet = [one for one in plan.incidents if one.announced_at is None]
    yield f"{counted(len(quiet), 'open incident')} of it that nobody was told of: announced then."
    yield from _named(quiet)


def _named(found: Sequence[Incident]) -> Iterator[str]:
    yield from (f"  {one.id}: {one.condition.title}" for one in found[:MOST_NAMED])
    if len(found) > MOST_NAMED:
        yield f"  and {len(found) - MOST_NAMED} more"


def _plan_as_json(plan: SilencePlan) -> dict[str, object]:
    return asdict(plan) | {"incidents": [one.id for one in plan.incidents]}
