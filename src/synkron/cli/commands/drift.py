"""The command that shows where time is lost: drift."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, Integration, Organization, SinceADay, Type, whole
from synkron.cli.output import lateness, lines_beside, say, show_json, show_lines, show_table
from synkron.cli.table import Field, minute, organization
from synkron.ledger.drift import Stage, lost_in
from synkron.ledger.drift import lateness as late_by
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.drift import DriftReport, Percentiles, TypeDrift
    from synkron.settings.load import Settings

DAY = timedelta(hours=24)
LIMIT_OF_A_TABLE = 10
LIMIT_OF_JSON = 1_000


def drift(
    context: typer.Context,
    from_: SinceADay = None,
    integration_type: Type = None,
    org: Organization = None,
    integration: Integration = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Show so many of the worst runs.",
            show_default="10; 1000 with --json",
            **whole(1, 100_000),
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how late runs start, by type, in which stage the time is lost, and the worst runs.

    The stages: spread (meant), tick (claimed late), turn (behind an older run, a pause or a hold), worker (none was
    free), target (its answer). The line start is how late runs start; beyond the setting announce.late_after it is an
    incident.

    \b
    Examples:
      synkron drift
      synkron drift --since 7d --type xledger
      synkron drift --json | jq '.types[] | {integration_type, p95: .start.p95_ms, late}'
    """
    most = limit or (LIMIT_OF_JSON if as_json else LIMIT_OF_A_TABLE)

    async def ask(connection: Connection, settings: Settings) -> tuple[DriftReport, Mapping[str, str]]:
        from synkron.postgres.clock import database_clock
        from synkron.reports.drift import read_drift

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        now = await database_clock(connection)
        [since] = await moments(connection, settings, from_, now=now, scope=scope)
        found = await read_drift(
            connection,
            since or now - DAY,
            now,
            settings.announce.late_after,
            scope,
            most=most,
        )
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.drift import drift_facts

        show_json(drift_facts(found), names)
    elif found.types:
        _show(found, names, lines_beside(context))
    else:
        say(f"No run was to start since {minute(found.since)} UTC.")


def _show(found: DriftReport, names: Mapping[str, str], beside: int | None) -> None:
    lines = [line for one in found.types for line in _lines(one)]
    met = [one for one in found.types if one.warm or one.cold]
    show_table(_stage_fields(lateness(found.late_after)), lines)
    if late := [run for run in found.worst if late_by(run.moments)]:
        show_lines("")
        # Each of the other two tables has titles, and a blank line beside it.
        show_table(_worst_fields(names), late, beside=beside and beside + len(lines) + len(met) + 2 * bool(met))
    if met:
        show_lines("")
        show_table(MET, met)
    for one in found.types:
        if one.waiting_late:
            say(
                f"{one.integration_type}: {one.waiting_late:,} of {one.waiting:,} that wait for their start are more "
                f"than {lateness(found.late_after)} late. `synkron nodes` lists the workers."
            )


def _stage_fields(late_after: str) -> list[Field]:
    """A line of a type: the type on its first, the stage, what is known of it, and how many of its starts were late."""
    return [
        Field("type", lambda line: line[0], shrink=True),
        Field("stage", lambda line: line[1]),
        Field("runs", lambda line: f"{line[2].runs:,}" if line[2] else "0", right=True),
        Field("p50", lambda line: line[2] and line[2].p50, lateness, right=True),
        Field("p95", lambda line: line[2] and line[2].p95, lateness, right=True),
        Field("p99", lambda line: line[2] and line[2].p99, lateness, right=True),
        Field("max", lambda line: line[2] and line[2].most, lateness, right=True),
        Field(f"> {late_after}", lambda line: line[3], right=True),
    ]


def _lines(one: TypeDrift) -> list[tuple[str, str, Percentiles | None, str]]:
    """Its stages, and behind those that make a start late how late it was."""
    lines = [(stage.value, one.stages.get(stage), "") for stage in Stage]
    lines.insert(-1, ("start", one.start, f"{one.late:,}"))
    shown = [line for line in lines if line[1] is not None] or [("start", None, "0")]
    return [("" if index else one.integration_type, *line) for index, line in enumerate(shown)]


def _worst_fields(names: Mapping[str, str]) -> list[Field]:
    """One of the runs that started, or are, latest."""
    return [
        Field("run", "run_id", right=True),
        Field("scheduled (UTC)", "moments.scheduled_for"),
        organization(names),
        Field("type", "integration_type", shrink=True),
        Field("late", lambda run: late_by(run.moments), lateness, right=True),
        Field("lost in", lambda run: lost_in(run.moments), lambda stage: stage or "not on record"),
        Field("", lambda run: "" if run.has_started else "waits"),
    ]


# What the targets were when they were met.
MET = [
    Field("type", "integration_type", shrink=True),
    Field("warm", "warm", "{:,}".format, right=True),
    Field("cold", "cold", "{:,}".format, right=True),
    Field("warm share", lambda one: f"{100 * one.warm / (one.warm + one.cold):.1f} %", right=True),
]
