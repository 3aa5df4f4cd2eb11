"""The command that runs what did not run: backfill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, Consent, changing
from synkron.cli.options import PAST, Integration, Organization, Type, past
from synkron.cli.output import show_lines, show_table
from synkron.cli.table import Field, organization
from synkron.model import Scope
from synkron.service.changes.runs import backfilled
from synkron.text import several

if TYPE_CHECKING:
    from synkron.operations.backfill import BackfillPlan

SHOWN = 50
# So many of the failed runs are named in the command that tries them again.
MOST_NAMED = 10
NOTHING = "There is nothing to run; nothing was changed."
Done = tuple["BackfillPlan", Sequence[int]]


def occurrence_fields(names: Mapping[str, str]) -> list[Field]:
    """An occurrence of the range, and what becomes of it."""
    return [
        Field("scheduled (UTC)", "scheduled_for"),
        Field("period from (UTC)", "period_start", optional=True),
        organization(names, "integration.org_id"),
        Field("type", "integration.integration_type"),
        Field("integration id", "integration.integration_id", optional=True),
        Field("key", "key", optional=True),
        Field("fate", "fate"),
        Field("why", "why", wrap=True),
    ]


@changing
def backfill(
    agreed: Consent,
    from_: Annotated[
        datetime, typer.Option("--from", parser=past, metavar="TIME", help=f"The first moment, included: {PAST}.")
    ],
    to: Annotated[datetime, typer.Option("--to", parser=past, metavar="TIME", help="The end, left out.")],
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
) -> Change[BackfillPlan, Done]:
    """Run the occurrences of a past range that did not run.

    They are those of the schedules as they stand now, from --from (included) to --to (left out). Each that was
    skipped, expired or never decided gets a run with its own key and period; what ran, or is in hand, is shown and not
    run again. Runs go oldest first, one at a time for each integration, at the type's pace; newer runs of an
    integration wait.

    \b
    Examples:
      synkron backfill --from yesterday --to today --type xledger --dry-run
      synkron backfill --from 2026-11-23T08:00Z --to 2026-11-23T09:00Z --org fjordlys
      synkron backfill --from 2026-11-23T08:00+01:00 --to 2026-11-23T12:00+01:00 --type bufdir --yes --json
    """
    if (org, integration_type) == (None, None) and integration is None:
        raise typer.BadParameter(
            "give --org, --type or --integration, or several; a backfill of everything is not made"
        )
    from synkron.operations import backfill

    asked = backfill.AskedBackfill(Scope(org, integration_type, integration), from_, to)
    most = None if agreed.yes or agreed.dry_run else backfill.MOST_UNASKED

    return Change(
        plan=lambda connection, settings, now: backfill.plan_backfill(connection, settings, asked, now, most),
        do=lambda connection, settings, author: backfill.backfill(connection, settings, asked, author, most=most),
        question="Run them?",
        told=_told,
        show=_show,
        done=_done,
        json=lambda plan, done: backfilled(asked, plan, done),
        changes=lambda plan: bool(plan.runs),
        nothing=NOTHING,
    )


def _told(plan: BackfillPlan) -> Iterator[str]:
    yield f"Backfill {plan.subject}: {len(plan.runs):,} of {len(plan.occurrences):,} occurrences would run."
    others = [(fate, number) for fate, number in plan.counts.items() if fate != "runs" and number]
    if others:
        yield "Not run: " + ", ".join(f"{number:,} {fate}" for fate, number in others) + "."
    if failed := [str(one.run_id) for one in plan.occurrences if one.fate == "failed"]:
        numbers = " ".join(dict.fromkeys(failed)) if len(failed) <= MOST_NAMED else "NUMBER ..."
        yield f"Failed: `synkron runs retry {numbers}` tries them again."
    if plan.left_out:
        yield f"Left out, as disabled, without a schedule, or at fault: {several(plan.left_out, 'integration')}."
    if plan.paused:
        yield f"Paused: {plan.paused:,} of the runs wait until the pause ends (`synkron pauses`)."
    if plan.runs:
        yield "Newer runs of these integrations wait until the older ones have ended."
    if plan.skipping:
        yield (
            f"Overlap skip: runs on schedule of {several(plan.skipping, 'integration')} that come due before these "
            "have ended are skipped."
        )


def _show(plan: BackfillPlan, err: bool) -> None:
    if plan.occurrences:
        show_table(occurrence_fields(plan.names), plan.occurrences[:SHOWN], err=err)
    if len(plan.occurrences) > SHOWN:
        show_lines(f"... and {len(plan.occurrences) - SHOWN:,} more; --json has them all.", err=err)


def _done(_: BackfillPlan, done: Done) -> Iterator[str]:
    made, run_ids = done
    if not run_ids:
        yield NOTHING
        return
    claimed = "1 run is claimed" if len(run_ids) == 1 else f"{len(run_ids):,} runs are claimed"
    yield f"{claimed}, of {made.subject}. `synkron runs` shows what comes of it."
