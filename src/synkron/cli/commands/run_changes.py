"""The commands that change runs: runs retry, runs cancel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Author, DryRun, Yes, consent, operate
from synkron.cli.options import AsJson, written
from synkron.cli.output import minute, show_json, show_lines

if TYPE_CHECKING:
    from synkron.operations.cancel import CancelPlan, Merged
    from synkron.operations.retry import RetryPlan
    from synkron.operations.runs import NamedRun

RunNumbers = Annotated[
    list[int], typer.Argument(metavar="ID...", min=1, max=2**63 - 1, help="The numbers of the runs.")
]


def retry(
    context: typer.Context,
    ids: RunNumbers,
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give failed runs another chance, with the same key. All of those that are named, or none.

    Each has all its attempts again. `synkron runs --state failed` lists them.

    \b
    Examples:
      synkron runs retry 4711
      synkron runs retry 4711 4712 4713 --yes
      synkron runs retry 4711 --dry-run --json
    """
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import retry

    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, settings: retry.plan_retry(connection, settings, ids),
        tell=lambda plan: agreed.tell(_retrying(plan)),
        question="Retry?",
        do=lambda connection, settings: retry.retry(connection, settings, ids, agreed.author),
    )
    if as_json:
        runs = (done or plan).runs
        show_json(
            {"dry_run": done is None, "runs": [_as_json(one) | {"paused": one.id in plan.paused} for one in runs]}
        )
    elif done is not None:
        show_lines(f"{_count(done.runs)} claimed again: {_numbers(done.runs)}.")


def cancel(
    context: typer.Context,
    ids: RunNumbers,
    reason: Annotated[str, typer.Option(parser=written, metavar="TEXT", help="Why, for those who wonder.")],
    author: Author = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel runs that are claimed or running. All of those that are named, or none.

    A claimed run is skipped. A running one fails at once; the worker breaks its call off, but what the target has
    begun may go on. The runs behind it get their turn. What was merged into the run goes with it, and it is said.

    \b
    Examples:
      synkron runs cancel 4711 --reason "wrong period"
      synkron runs cancel 4711 4712 --reason "incident 12" --yes
      synkron runs cancel 4711 --reason "wrong period" --dry-run --json
    """
    agreed = consent(context, author=author, dry_run=dry_run, yes=yes, as_json=as_json)
    from synkron.operations import cancel

    plan, done = operate(
        context,
        agreed,
        plan=lambda connection, _: cancel.plan_cancel(connection, ids),
        tell=lambda plan: agreed.tell(_cancelling(plan)),
        question="Cancel?",
        do=lambda connection, _: cancel.cancel(connection, ids, agreed.author, reason),
    )
    if as_json:
        made = done or plan
        show_json(
            {
                "dry_run": done is None,
                "runs": [_as_json(one) | _merged_json(made.merged.get(one.id)) for one in made.runs],
            }
        )
    elif done is not None:
        for one in done.runs:
            show_lines(f"Run {one.id} is {one.state}.", *_merged(one, done))


def _retrying(plan: RetryPlan) -> Iterator[str]:
    for one in plan.runs:
        paused = "; it is paused, and waits until that ends" if one.id in plan.paused else ""
        yield f"Retry {_described(one)}: {one.error}{paused}"


def _cancelling(plan: CancelPlan) -> Iterator[str]:
    for one in plan.runs:
        what = "not be delivered" if one.state == "claimed" else "fail; what its target has begun may go on"
        yield f"Cancel {_described(one)}, which is {one.state}: it would {what}"
        yield from _merged(one, plan)


def _merged(one: NamedRun, plan: CancelPlan) -> Iterator[str]:
    """What goes with the run, and the command that runs it: a failed run can be retried with all of its period."""
    if (merged := plan.merged.get(one.id)) is None:
        return
    count = "1 merged occurrence" if merged.occurrences == 1 else f"{merged.occurrences:,} merged occurrences"
    retried = one.state in ("running", "failed")
    start, end = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (merged.start, one.scheduled_for))
    backfill = f"synkron backfill --integration {one.integration_id} --from {start} --to {end}"
    command = f"synkron runs retry {one.id}" if retried else backfill
    yield f"  Its period stands for {count} too, which go with it. To run them afterwards: `{command}`"


def _described(one: NamedRun) -> str:
    return f"run {one.id} ({one.integration_type} of {one.org_id}, {minute(one.scheduled_for)} UTC)"


def _as_json(one: NamedRun) -> dict[str, object]:
    return {
        "id": one.id,
        "key": one.key,
        "integration_id": one.integration_id,
        "org_id": one.org_id,
        "integration_type": one.integration_type,
        "scheduled_for": one.scheduled_for,
        "state": one.state,
    }


def _merged_json(merged: Merged | None) -> dict[str, object]:
    return {"merged": merged.occurrences if merged else 0, "merged_from": merged.start if merged else None}


def _count(runs: Sequence[NamedRun]) -> str:
    return f"{len(runs)} run is" if len(runs) == 1 else f"{len(runs)} runs are"


def _numbers(runs: Sequence[NamedRun]) -> str:
    return ", ".join(str(one.id) for one in runs)
