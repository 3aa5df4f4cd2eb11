"""The command that runs one integration now: trigger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.options import Integration, Organization, Type, written
from synkron.cli.table import second
from synkron.model import Scope
from synkron.service.changes.runs import triggered

if TYPE_CHECKING:
    from synkron.operations.trigger import Triggered, TriggerPlan


@changing
def trigger(
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    reason: Annotated[
        str | None, typer.Option(parser=written, metavar="TEXT", help="The reason, which others see.")
    ] = None,
) -> Change[TriggerPlan, Triggered]:
    """Run one integration now, outside its schedule.

    The run has a key of its own. Its period reaches from the end of the last period that succeeded to now; where none
    has, from the schedule's last moment before now. The schedule goes on as before.

    \b
    Examples:
      synkron trigger --org fjordlys --type xledger --reason "they asked for it"
      synkron trigger --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --yes
      synkron trigger --integration 0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51 --dry-run --json
    """
    if (org is None) != (integration_type is None) or (org is None) == (integration is None):
        raise typer.BadParameter("give --org and --type together, or --integration")
    from synkron.operations import trigger

    scope = Scope(org, integration_type, integration)
    return Change(
        plan=lambda connection, settings, now: trigger.plan_trigger(connection, settings, scope, now),
        do=lambda connection, settings, author: trigger.trigger(connection, settings, scope, author, reason),
        question="Run it?",
        told=_told,
        done=_done,
        json=triggered,
    )


def _told(plan: TriggerPlan) -> Iterator[str]:
    yield f"Run {plan.subject} now."
    if plan.period_start is None:
        yield "Its period has no beginning: nothing of it has succeeded yet, and no schedule says where to begin."
    else:
        yield f"Its period would be {second(plan.period_start)} to {second(plan.at)} UTC."
    if plan.behind is not None:
        yield f"Run {plan.behind} of it is {plan.behind_state}; this one waits until that has ended."


def _done(_: TriggerPlan, done: Triggered) -> Iterator[str]:
    yield f"Run {done.run_id} of {done.plan.subject} is claimed."
    yield f"  key     {done.key}"
    yield f"  period  {second(done.plan.period_start) or 'the beginning'} to {second(done.plan.at)} UTC"
