"""The command that shows where time is lost: drift."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import AsJson, Integration, Organization, SinceADay, Type
from synkron.cli.output import facts_in_json, lateness, lines_beside, say, show_json, show_lines, show_table
from synkron.cli.table import Field, minute, organization
from synkron.ledger.drift import LateRun, Stage, lost_in, stages
from synkron.ledger.drift import lateness as late_by
from synkron.reports.names.match import AskedScope
from synkron.service.forms import milliseconds

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
            min=1,
            max=100_000,
            help="Show so many of the worst runs.",
            show_default="10; 1000 with --json",
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
        show_json(_as_answer(found, names), names)
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
        show_table(TYPE, met)
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


def _enqueued_at(run: LateRun) -> datetime | None:
    """None where its turn has not come: until now, it waits for that."""
    has_no_job = not run.has_started and run.moments.enqueued_at == run.moments.started_at
    return None if has_no_job else run.moments.enqueued_at


def _answered_at(run: LateRun) -> datetime | None:
    return None if run.moments.duration is None else run.moments.started_at + run.moments.duration


def _worst_fields(names: Mapping[str, str]) -> list[Field]:
    """One of the runs that started, or are, latest."""
    return [
        Field("run", key="run_id", right=True),
        Field(key="integration_id"),
        Field(key="org_id"),
        Field("scheduled (UTC)", "moments.scheduled_for"),
        organization(names),
        Field("type", key="integration_type", shrink=True),
        Field(key="source", value="moments.source"),
        Field(key="scheduled_for", value="moments.scheduled_for"),
        Field(key="execute_after", value="moments.execute_after"),
        Field(key="claimed_at", value="moments.claimed_at"),
        Field(key="enqueued_at", value=_enqueued_at),
        Field(key="started_at", value=lambda run: run.moments.started_at if run.has_started else None),
        Field(key="answered_at", value=_answered_at),
        Field("late", lambda run: late_by(run.moments), lateness, right=True),
        Field(key="late_ms", value=lambda run: late_by(run.moments)),
        Field("lost in", lambda run: lost_in(run.moments), lambda stage: stage or "not on record", key="lost_in"),
        Field("", lambda run: "" if run.has_started else "waits"),
        Field(key="stages_ms", value=lambda run: _by_stage(stages(run.moments))),
    ]


def _percentiles(found: Percentiles | None) -> dict[str, object] | None:
    if found is None:
        return None
    spans = {"p50_ms": found.p50, "p95_ms": found.p95, "p99_ms": found.p99, "max_ms": found.most}
    return {"runs": found.runs, **spans}


def _by_stage(known: Mapping[Stage, object]) -> dict[str, object]:
    """What is known of each stage; None of the others."""
    return {stage.value: known.get(stage) for stage in Stage}


def _warm_share(one: TypeDrift) -> float | None:
    known = one.warm + one.cold
    return round(one.warm / known, 4) if known else None


# The table has what the targets were when they were met; the stages have one of their own.
TYPE = [
    Field("type", key="integration_type", shrink=True),
    Field(key="runs"),
    Field(key="late"),
    Field(key="waiting"),
    Field(key="waiting_late"),
    Field(key="start", value=lambda one: _percentiles(one.start)),
    Field(key="stages", value=lambda one: _by_stage({stage: _percentiles(of) for stage, of in one.stages.items()})),
    Field("warm", key="warm", shown="{:,}".format, right=True),
    Field("cold", key="cold", shown="{:,}".format, right=True),
    Field("warm share", lambda one: f"{100 * one.warm / (one.warm + one.cold):.1f} %", right=True),
    Field(key="warm_share", value=_warm_share),
]


def _as_answer(found: DriftReport, names: Mapping[str, str]) -> dict[str, object]:
    """The form is documented in docs/commands.md, and stable."""
    return {
        "since": found.since,
        "until": found.until,
        "late_after_ms": milliseconds(found.late_after),
        "types": [facts_in_json(one, TYPE) for one in found.types],
        "worst": [facts_in_json(run, _worst_fields(names)) for run in found.worst],
    }
