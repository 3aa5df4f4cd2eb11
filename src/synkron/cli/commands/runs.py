"""The commands that read the ledger: runs, runs show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, cast

import typer

from synkron.cli.context import answer
from synkron.cli.options import AsJson, Organization, Since, since
from synkron.cli.output import (
    ExitCode,
    lateness,
    milliseconds,
    minute,
    say,
    show_facts,
    show_json,
    show_lines,
    show_table,
)
from synkron.cli.table import Column
from synkron.model import State

if TYPE_CHECKING:
    from synkron.ledger.drift import Stage
    from synkron.ledger.history import RecordedAttempt, RecordedRun
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

LIMIT_OF_A_TABLE = 50
LIMIT_OF_JSON = 10_000

runs = typer.Typer(invoke_without_command=True)
Found = tuple["RecordedRun", list["RecordedAttempt"]]


@runs.callback()
def list_runs(
    context: typer.Context,
    org: Organization = None,
    integration_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this integration type.")
    ] = None,
    state: Annotated[State | None, typer.Option(help="Only runs in this state.")] = None,
    from_: Annotated[
        Since | None,
        typer.Option("--since", parser=since, metavar="WHEN", help="Not before: 30m, 24h, 7d, or an instant."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", min=1, max=1_000_000, help="Show at most so many.", show_default="50; 10000 with --json"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was decided and what ran, the newest first.

    \b
    Examples:
      synkron runs
      synkron runs --since 24h --state failed
      synkron runs --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11 --type xledger --json
      synkron runs show 4711
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    most = limit or (LIMIT_OF_JSON if as_json else LIMIT_OF_A_TABLE)

    async def ask(connection: Connection, settings: Settings) -> tuple[list[RecordedRun], Mapping[str, str]]:
        from synkron.ledger import history
        from synkron.postgres.clock import database_clock

        found = await history.runs(
            connection,
            org_id=org,
            integration_type=integration_type,
            state=state,
            since=from_.moment(await database_clock(connection)) if from_ else None,
            limit=most + 1,
        )
        return found, {} if as_json else await organization_names(connection, settings)

    found, names = answer(context, ask)
    if as_json:
        show_json([_run(one) for one in found[:most]])
    elif found:
        _show_runs(found[:most], names)
    else:
        say("There are no such runs.")
    if len(found) > most:
        say(f"Cut after the newest {most}: there are more. Raise --limit, or ask for fewer with --since or --org.")


@runs.command()
def show(
    context: typer.Context,
    run_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The run's number.")],
    as_json: AsJson = False,
) -> None:
    """Show one run with all its attempts. Ends with 4 when there is none of that number.

    \b
    Examples:
      synkron runs show 4711
      synkron runs show 4711 --json
    """

    async def ask(connection: Connection, settings: Settings) -> Found | None:
        from synkron.ledger import history

        del settings
        return await history.run(connection, run_id)

    found = answer(context, ask)
    if found is None:
        say(f"error: there is no run {run_id}. `synkron runs` lists those there are.")
        raise typer.Exit(ExitCode.NOT_FOUND)
    run, attempts = found
    if as_json:
        spans = {stage: milliseconds(length) for stage, length in _stages(run, attempts).items()}
        show_json(_run(run) | {"stages_ms": spans, "attempts": [_attempt(one) for one in attempts]})
    else:
        _show_run(run, attempts)


def _refuse_options(context: typer.Context) -> None:
    given = [name for name, value in context.params.items() if value not in (None, False)]
    if given:
        raise typer.BadParameter(f"options go behind the command: synkron runs {context.invoked_subcommand} ID --json")


async def organization_names(connection: Connection, settings: Settings) -> Mapping[str, str]:
    """The organizations' names; none where the application's tables can't be read, as the ledger stands without."""
    from synkron.errors import Refused, SourceTableMissing
    from synkron.source.reader import read_names

    try:
        return await read_names(connection, settings.source)
    except (Refused, SourceTableMissing):
        return {}


def _run(run: RecordedRun) -> dict[str, object]:
    """A run as JSON has it: its drift is a number of milliseconds."""
    return _in_milliseconds(asdict(run), "drift")


def _in_milliseconds(values: Mapping[str, object], key: str) -> dict[str, object]:
    """The values with the span of that name as ``NAME_ms``, in its place."""
    span = cast("timedelta | None", values[key])
    return {
        (f"{key}_ms" if name == key else name): milliseconds(span) if name == key else value
        for name, value in values.items()
    }


def _attempt(attempt: RecordedAttempt) -> dict[str, object]:
    """An attempt as JSON has it: its duration is a number of milliseconds."""
    return _in_milliseconds(asdict(attempt), "duration")


def _stages(run: RecordedRun, attempts: list[RecordedAttempt]) -> Mapping[Stage, timedelta]:
    """Where the time went until its first attempt was answered, as far as it is on record; none before it started."""
    from synkron.ledger.drift import Moments, stages
    from synkron.model import Source

    if run.started_at is None or not attempts:
        return {}
    first = attempts[0]
    times = (run.scheduled_for, run.execute_after, run.claimed_at, run.started_at, first.enqueued_at)
    return stages(Moments(Source(run.source), *times, first.duration))


def _show_runs(found: list[RecordedRun], names: Mapping[str, str]) -> None:
    columns = [
        Column("id", right=True),
        Column("scheduled (UTC)"),
        Column("organization", shrink=True),
        Column("type"),
        Column("state"),
        Column("drift", right=True),
        Column("try", right=True, optional=True),
        Column("http", right=True, optional=True),
        Column("why", shrink=True),
    ]
    show_table(columns, [_run_cells(one, names) for one in found])


def _run_cells(run: RecordedRun, names: Mapping[str, str]) -> list[str]:
    return [
        str(run.id),
        minute(run.scheduled_for),
        names.get(run.org_id) or run.org_id,
        run.integration_type,
        run.state,
        lateness(run.drift),
        str(run.attempt or ""),
        str(run.http_status or ""),
        run.error or ("" if run.reason == "on time" else run.reason),
    ]


def _show_run(run: RecordedRun, attempts: list[RecordedAttempt]) -> None:
    spans = ", ".join(f"{stage} {lateness(length)}" for stage, length in _stages(run, attempts).items())
    facts = {name: _text(value) for name, value in _run(run).items()}
    show_facts(facts | ({"stages": spans} if spans else {}))
    if not attempts:
        return
    show_lines("")
    columns = [
        Column("try", right=True),
        Column("started (UTC)"),
        Column("finished (UTC)"),
        Column("outcome"),
        Column("http", right=True),
        Column("worker", optional=True),
        Column("error", shrink=True),
    ]
    cells = [
        (
            one.attempt,
            one.started_at,
            one.finished_at,
            one.outcome or "under way",
            one.http_status,
            one.worker,
            one.error,
        )
        for one in attempts
    ]
    show_table(columns, [[_text(cell) for cell in row] for row in cells])


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return "" if value is None else str(value)
