"""The command that runs what did not run: backfill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Author, DryRun, Yes, consent, operate
from synkron.cli.options import AsJson, Integration, Organization, Type, instant
from synkron.cli.output import counted, minute, show_json, show_lines, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.operations.backfill import BackfillPlan
    from synkron.operations.backfill_plan import Planned

SHOWN = 50


def backfill(
    context: typer.Context,
    from_: Annotated[
        datetime, typer.Option("--from", parser=instant, metavar="INSTANT", help="The first moment; it is included.")
    ],
    to: Annotated[datetime, typer.Option("--to", parser=instant, metavar="INSTANT", help="The end; it is left out.")],
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Run the occurrences of a past range that did not run.

    They are those of the schedules as they stand now, from --from (included) to --to (left out). Each that was
    skipped, expired or never decided gets a run with its own key and period; what ran, or is in hand, is shown and not
    run again. Runs go oldest first, one at a time for each integration, at the type's pace; newer runs of an
    integration wait.

    \b
    Examples:
      synkron backfill --from 2026-11-23T00:00Z --to 2026-11-24T00:00Z --type xledger --dry-run
      synkron backfill --from 2026-11-23T08:00Z --to 2026-11-23T09:00Z --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11
      synkron backfill --from 2026-11-23T08:00+01:00 --to 2026-11-23T12:00+01:00 --type bufdir --yes --json
    """
    if (org, integration_type) == (None, None) and integration is None:
        raise typer.BadParameter(
            "give --org, --type or --integration, or several; a backfill of everything is not made"
        )
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.model import Scope
    from synkron.operations import backfill

    asked = backfill.AskedBackfill(Scope(org, integration_type, integration), from_, to)
    most = None if yes or dry_run else backfill.MOST_UNASKED

    def tell(plan: BackfillPlan) -> None:
        agreed.tell(_telling(plan))
        if plan.occurrences and not yes and not as_json:
            _show(plan, err=not dry_run)

    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, settings: backfill.plan_backfill(connection, settings, asked, most=most),
        tell=tell,
        question="Run them?",
        do=lambda connection, settings: backfill.backfill(connection, settings, asked, agreed.author, most=most),
        changes=lambda plan: bool(plan.runs),
    )
    made, run_ids = done or (plan, ())
    if as_json:
        show_json(
            {
                "dry_run": dry_run,
                "from": from_,
                "to": to,
                "counts": made.counts,
                "left_out": made.left_out,
                "paused": made.paused,
                "overlap_skip": made.skipping,
                "run_ids": run_ids,
                "occurrences": [_as_json(one) for one in made.occurrences],
            }
        )
    elif run_ids:
        claimed = "1 run is claimed" if len(run_ids) == 1 else f"{len(run_ids):,} runs are claimed"
        show_lines(f"{claimed}, of {made.subject}. `synkron runs` shows what comes of it.")
    elif not dry_run:
        show_lines("There is nothing to run; nothing was changed.")


def _telling(plan: BackfillPlan) -> Iterator[str]:
    yield f"Backfill {plan.subject}: {len(plan.runs):,} of {len(plan.occurrences):,} occurrences would run."
    others = [(fate, number) for fate, number in plan.counts.items() if fate != "runs" and number]
    if others:
        yield "Not run: " + ", ".join(f"{number:,} {fate}" for fate, number in others) + "."
    if plan.left_out:
        yield f"Left out, as disabled, without a schedule, or at fault: {counted(plan.left_out, 'integration')}."
    if plan.paused:
        yield f"Paused: {plan.paused:,} of the runs wait until the pause ends (`synkron pauses`)."
    if plan.runs:
        yield "Newer runs of these integrations wait until the older ones have ended."
    if plan.skipping:
        yield (
            f"Overlap skip: runs on schedule of {_integrations(plan.skipping)} that come due before these have ended "
            "are skipped."
        )


def _integrations(count: int) -> str:
    return "1 integration" if count == 1 else f"{count:,} integrations"


def _show(plan: BackfillPlan, *, err: bool) -> None:
    columns = [
        Column("scheduled (UTC)"),
        Column("period from (UTC)", optional=True),
        Column("organization", shrink=True),
        Column("type"),
        Column("integration id", optional=True),
        Column("key", optional=True),
        Column("fate"),
        Column("why", wrap=True),
    ]
    show_table(columns, [_cells(one, plan.names) for one in plan.occurrences[:SHOWN]], err=err)
    if len(plan.occurrences) > SHOWN:
        show_lines(f"... and {len(plan.occurrences) - SHOWN:,} more; --json has them all.", err=err)


def _cells(one: Planned, names: Mapping[str, str]) -> list[str]:
    return [
        minute(one.scheduled_for),
        minute(one.period_start) if one.period_start else "",
        names.get(one.integration.org_id) or one.integration.org_id,
        one.integration.integration_type,
        one.integration.integration_id,
        one.key,
        one.fate,
        one.why,
    ]


def _as_json(one: Planned) -> dict[str, object]:
    return {
        "org_id": one.integration.org_id,
        "integration_id": one.integration.integration_id,
        "integration_type": one.integration.integration_type,
        "scheduled_for": one.scheduled_for,
        "period_start": one.period_start,
        "key": one.key,
        "fate": one.fate,
        "run_id": one.run_id,
        "why": one.why,
    }
