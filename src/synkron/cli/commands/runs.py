"""The commands for runs: runs, runs show, runs retry, runs cancel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.commands.run_fields import ATTEMPT, fact_fields, run_fields
from synkron.cli.completion import complete_run
from synkron.cli.confirm import Change, Reason, changing
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import LIMIT, NUMBER, AsJson, Integration, Organization, SinceWhen, Type, refuse_options
from synkron.cli.output import lateness, lines_beside, say_cut, show, show_facts, show_json
from synkron.cli.table import facts, minute, name_and_id
from synkron.errors import NotFound
from synkron.model import State
from synkron.reports.names.match import AskedScope
from synkron.service.changes.runs import cancelled, retried
from synkron.text import several

if TYPE_CHECKING:
    from synkron.ledger.history import RecordedAttempt, RecordedRun
    from synkron.operations.runs import CancelPlan, Merged, NamedRun, RetryPlan
    from synkron.postgres.connection import Connection
    from synkron.scheduler.pauses import Pause
    from synkron.settings.load import Settings

LIMIT_OF_A_TABLE, LIMIT_OF_JSON = 50, 10_000

runs = typer.Typer(invoke_without_command=True)
RunNumbers = Annotated[
    list[int],
    typer.Argument(metavar="ID...", autocompletion=complete_run, help="The numbers of the runs.", **NUMBER),
]


@runs.callback()
def list_runs(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    state: Annotated[State | None, typer.Option(help="Only runs in this state.")] = None,
    from_: SinceWhen = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Show at most so many.", show_default="50; 10000 with --json", **LIMIT),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was decided and what ran, the newest first.

    \b
    Examples:
      synkron runs
      synkron runs --since yesterday --state failed
      synkron runs --org fjordlys --type xledger
      synkron runs --integration 0b8f6f0e --json
      synkron runs show 4711
    """
    if context.invoked_subcommand is not None:
        refuse_options(context, "ID --json")
        return
    most = limit or (LIMIT_OF_JSON if as_json else LIMIT_OF_A_TABLE)

    async def ask(connection: Connection, settings: Settings) -> tuple[list[RecordedRun], Mapping[str, str]]:
        from synkron.ledger import history

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        [since] = await moments(connection, settings, from_, scope=scope)
        found = await history.runs(
            connection,
            scope,
            state=state,
            since=since,
            limit=most + 1,
        )
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    shown = show(
        found[:most],
        run_fields(names),
        as_json=as_json,
        empty="There are no such runs.",
        noun="run",
        names=names,
        beside=lines_beside(context),
    )
    say_cut(found, shown, "--since or --org")


@runs.command("show")
def show_run(
    context: typer.Context,
    run_id: Annotated[
        int, typer.Argument(metavar="ID", autocompletion=complete_run, help="The run's number.", **NUMBER)
    ],
    as_json: AsJson = False,
) -> None:
    """Show one run with all its attempts. Ends with 4 when there is none of that number.

    \b
    Examples:
      synkron runs show 4711
      synkron runs show 4711 --json
    """
    from synkron.ledger import history
    from synkron.scheduler.holds import holding

    async def ask(
        connection: Connection, settings: Settings
    ) -> tuple[RecordedRun, list[RecordedAttempt], Pause | None, Mapping[str, str]]:
        found = await history.run(connection, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id}. `synkron runs` lists those there are.")
        return *found, await holding(connection, found[0]), await organization_names(connection, settings)

    run, attempts, pause, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.runs import shown_run

        show_json(shown_run(run, attempts), names)
        return
    spans = history.stages_of(run, attempts)
    stages = ", ".join(f"{stage} {lateness(length)}" for stage, length in spans.items())
    show_facts(facts(fact_fields(names, pause), run) | ({"stages": stages} if spans else {}), ATTEMPT, attempts)


@runs.command()
@changing
def retry(ids: RunNumbers) -> Change[RetryPlan, RetryPlan]:
    """Retry failed runs, with the same key: all that are named, or none.

    Each gets all its attempts again. `synkron runs --state failed` lists them.

    \b
    Examples:
      synkron runs retry 4711
      synkron runs retry 4711 4712 4713 --yes
      synkron runs retry 4711 --dry-run --json
    """
    from synkron.operations import runs as operations

    def told(plan: RetryPlan) -> Iterator[str]:
        for one in plan.runs:
            paused = "; it is paused, and waits until that ends" if one.id in plan.paused else ""
            yield f"Retry {_described(one, plan.names)}: {one.error}{paused}"

    def done(_: RetryPlan, plan: RetryPlan) -> Iterator[str]:
        are = "run is" if len(plan.runs) == 1 else "runs are"
        yield f"{len(plan.runs)} {are} claimed again: {', '.join(str(one.id) for one in plan.runs)}."

    return Change(
        plan=lambda connection, settings, now: operations.plan_retry(connection, settings, ids, now),
        do=lambda connection, settings, author: operations.retry(connection, settings, ids, author),
        question="Retry?",
        told=told,
        done=done,
        json=retried,
    )


@runs.command()
@changing
def cancel(ids: RunNumbers, reason: Reason) -> Change[CancelPlan, CancelPlan]:
    """Cancel runs that are claimed or running: all that are named, or none.

    A claimed run is skipped. A running one fails at once; the worker breaks its call off, but what the target has
    begun may go on. The runs behind it get their turn. What was merged into it is cancelled too, and shown.

    \b
    Examples:
      synkron runs cancel 4711 --reason "wrong period"
      synkron runs cancel 4711 4712 --reason "incident 12" --yes
      synkron runs cancel 4711 --reason "wrong period" --dry-run --json
    """
    from synkron.operations import runs as operations

    def told(plan: CancelPlan) -> Iterator[str]:
        for one in plan.runs:
            what = "not be delivered" if one.state == "claimed" else "fail; what its target has begun may go on"
            yield f"Cancel {_described(one, plan.names)}, which is {one.state}: it would {what}"
            yield from _merged(one, plan.merged.get(one.id))

    def done(_: CancelPlan, plan: CancelPlan) -> Iterator[str]:
        for one in plan.runs:
            kept = "as failed; what its target has begun may go on" if one.state == "failed" else "as skipped"
            yield f"Run {one.id} is cancelled, and recorded {kept}."
            yield from _merged(one, plan.merged.get(one.id))

    return Change(
        plan=lambda connection, settings, _: operations.plan_cancel(connection, settings, ids),
        do=lambda connection, _, author: operations.cancel(connection, ids, author, reason),
        question="Cancel?",
        told=told,
        done=done,
        json=cancelled,
    )


def _merged(one: NamedRun, merged: Merged | None) -> Iterator[str]:
    """What goes with the run, and the command that runs it: a failed run can be retried with all of its period."""
    if merged is None:
        return
    count = several(merged.occurrences, "merged occurrence")
    start, end = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (merged.start, one.scheduled_for))
    backfill = f"synkron backfill --integration {one.integration_id} --from {start} --to {end}"
    command = f"synkron runs retry {one.id}" if one.state in ("running", "failed") else backfill
    yield f"  Its period stands for {count} too, which go with it. To run them afterwards: `{command}`"


def _described(one: NamedRun, names: Mapping[str, str]) -> str:
    whose = name_and_id(one.org_id, names)
    return f"run {one.id} of {minute(one.scheduled_for)} UTC, {one.integration_type} of {whose}"
