"""The command that shows where time is lost: drift."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.commands.runs import organization_names
from synkron.cli.context import answer
from synkron.cli.options import AsJson, Organization, Since, Type, since
from synkron.cli.output import lateness, milliseconds, minute, say, show_json, show_lines, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.ledger.drift import LateRun
    from synkron.postgres.connection import Connection
    from synkron.reports.drift import Drift, Percentiles, TypeDrift
    from synkron.settings.load import Settings

DAY = timedelta(hours=24)
LIMIT_OF_A_TABLE = 10
LIMIT_OF_JSON = 1_000


def drift(
    context: typer.Context,
    from_: Annotated[
        Since | None,
        typer.Option(
            "--since",
            parser=since,
            metavar="WHEN",
            help="Of moments from when on: 30m, 24h, 7d, or an instant.",
            show_default="24h",
        ),
    ] = None,
    integration_type: Type = None,
    org: Organization = None,
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

    async def ask(connection: Connection, settings: Settings) -> tuple[Drift, Mapping[str, str]]:
        from synkron.postgres.clock import database_clock
        from synkron.reports.drift import read_drift

        now = await database_clock(connection)
        found = await read_drift(
            connection,
            from_.moment(now) if from_ else now - DAY,
            now,
            settings.announce.late_after,
            integration_type=integration_type,
            org_id=org,
            most=most,
        )
        return found, await organization_names(connection, settings)

    found, names = answer(context, ask)
    if as_json:
        show_json(_as_answer(found, names))
    elif found.types:
        _show(found, names)
    else:
        say(f"No run was to start since {minute(found.since)} UTC.")


def _show(found: Drift, names: Mapping[str, str]) -> None:
    late_after = lateness(found.late_after)
    columns = [Column("type", shrink=True), Column("stage"), Column("runs", right=True)]
    columns += [Column(title, right=True) for title in ("p50", "p95", "p99", "max", f"> {late_after}")]
    show_table(columns, [row for one in found.types for row in _type_rows(one)])
    if any(run for run in found.worst if _late(run)):
        show_lines("")
        _show_worst(found, names)
    if met := [one for one in found.types if one.warm or one.cold]:
        show_lines("")
        titles = [Column("type", shrink=True), *(Column(title, right=True) for title in ("warm", "cold", "warm share"))]
        show_table(titles, [[one.integration_type, f"{one.warm:,}", f"{one.cold:,}", _share(one)] for one in met])
    _say_waiting(found)


def _type_rows(one: TypeDrift) -> list[list[str]]:
    """Its stages, and behind those that make a start late how late it was."""
    from synkron.ledger.drift import Stage

    lines = [(stage.value, one.stages.get(stage), "") for stage in Stage]
    lines.insert(-1, ("start", one.start, f"{one.late:,}"))
    shown = [_line(name, percentiles, late) for name, percentiles, late in lines if percentiles is not None]
    if not shown:
        shown = [["start", "0", *[""] * 4, "0"]]
    return [[one.integration_type if index == 0 else "", *cells] for index, cells in enumerate(shown)]


def _line(name: str, found: Percentiles, late: str) -> list[str]:
    return [name, f"{found.runs:,}", *map(lateness, (found.p50, found.p95, found.p99, found.most)), late]


def _show_worst(found: Drift, names: Mapping[str, str]) -> None:
    columns = [
        Column("run", right=True),
        Column("scheduled (UTC)"),
        Column("organization", shrink=True),
        Column("type", shrink=True),
        Column("late", right=True),
        Column("lost in"),
        Column(""),
    ]
    show_table(columns, [_worst_cells(run, names) for run in found.worst if _late(run)])


def _worst_cells(run: LateRun, names: Mapping[str, str]) -> list[str]:
    return [
        str(run.run_id),
        minute(run.moments.scheduled_for),
        names.get(run.org_id) or run.org_id,
        run.integration_type,
        lateness(_late(run)),
        _lost_in(run) or "not on record",
        "" if run.has_started else "waits",
    ]


def _lost_in(run: LateRun) -> str | None:
    from synkron.ledger.drift import lost_in

    stage = lost_in(run.moments)
    return None if stage is None else stage.value


def _late(run: LateRun) -> timedelta | None:
    from synkron.ledger.drift import lateness as late

    return late(run.moments)


def _share(one: TypeDrift) -> str:
    return f"{100 * one.warm / (one.warm + one.cold):.1f} %"


def _say_waiting(found: Drift) -> None:
    for one in found.types:
        if one.waiting_late:
            say(
                f"{one.integration_type}: {one.waiting_late:,} of {one.waiting:,} that wait for their start are more "
                f"than {lateness(found.late_after)} late. `synkron nodes` lists the workers."
            )


def _as_answer(found: Drift, names: Mapping[str, str]) -> dict[str, object]:
    """The form is documented in docs/commands.md, and stable."""
    return {
        "since": found.since,
        "until": found.until,
        "late_after_ms": milliseconds(found.late_after),
        "types": [_type_as_json(one) for one in found.types],
        "worst": [_run_as_json(run, names) for run in found.worst],
    }


def _type_as_json(one: TypeDrift) -> dict[str, object]:
    from synkron.ledger.drift import Stage

    known = one.warm + one.cold
    return {
        "integration_type": one.integration_type,
        "runs": one.runs,
        "late": one.late,
        "waiting": one.waiting,
        "waiting_late": one.waiting_late,
        "start": _percentiles_as_json(one.start),
        "stages": {stage.value: _percentiles_as_json(one.stages.get(stage)) for stage in Stage},
        "warm": one.warm,
        "cold": one.cold,
        "warm_share": round(one.warm / known, 4) if known else None,
    }


def _percentiles_as_json(found: Percentiles | None) -> dict[str, object] | None:
    if found is None:
        return None
    spans = {"p50": found.p50, "p95": found.p95, "p99": found.p99, "max": found.most}
    return {"runs": found.runs, **{f"{name}_ms": milliseconds(span) for name, span in spans.items()}}


def _has_no_job(run: LateRun) -> bool:
    """Whether its turn has not come: until now, it waits for that."""
    return not run.has_started and run.moments.enqueued_at == run.moments.started_at


def _run_as_json(run: LateRun, names: Mapping[str, str]) -> dict[str, object]:
    from synkron.ledger.drift import Stage, stages

    moments, spans = run.moments, stages(run.moments)
    return {
        "run_id": run.run_id,
        "integration_id": run.integration_id,
        "org_id": run.org_id,
        "organization": names.get(run.org_id),
        "integration_type": run.integration_type,
        "source": moments.source.value,
        "scheduled_for": moments.scheduled_for,
        "execute_after": moments.execute_after,
        "claimed_at": moments.claimed_at,
        "enqueued_at": None if _has_no_job(run) else moments.enqueued_at,
        "started_at": moments.started_at if run.has_started else None,
        "answered_at": None if moments.duration is None else moments.started_at + moments.duration,
        "late_ms": milliseconds(_late(run)),
        "lost_in": _lost_in(run),
        "stages_ms": {stage.value: milliseconds(spans.get(stage)) for stage in Stage},
    }
