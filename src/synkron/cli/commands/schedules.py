"""The commands that read the schedules: due, next, check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.commands.up import say_without_target
from synkron.cli.context import answer
from synkron.cli.options import AsJson, At, Organization
from synkron.cli.output import ExitCode, counted, minute, say, show_json, show_table
from synkron.cli.table import Column

if TYPE_CHECKING:
    from synkron.model import DueIntegration, Integration
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.source.check import Finding
    from synkron.source.upcoming import Fire


def due(context: typer.Context, at: At = None, as_json: AsJson = False) -> None:
    """Show which integrations fire in the minute around an instant.

    That is, within 30 seconds before or after it. Nothing is claimed and nothing is run.

    \b
    Examples:
      synkron due
      synkron due --at 2026-11-30T02:00+01:00
      synkron due --at 2026-11-30T01:00Z --json
    """

    async def ask(connection: Connection, settings: Settings) -> list[DueIntegration]:
        from synkron.postgres.clock import database_clock
        from synkron.source.reader import read_due_integrations

        moment = at or await database_clock(connection)
        return await read_due_integrations(moment, connection, source=settings.source, types=settings.types)

    found = answer(context, ask)
    if as_json:
        show_json(found)
    elif found:
        columns = [
            Column("scheduled for (UTC)"),
            Column("type"),
            Column("organization id", shrink=True),
            Column("integration id", shrink=True),
        ]
        show_table(columns, [_due_cells(one) for one in found])
    else:
        say("Nothing is due.")


def coming_next(
    context: typer.Context,
    org: Organization = None,
    hours: Annotated[int, typer.Option(metavar="HOURS", min=1, max=8784, help="How far ahead to look.")] = 24,
    limit: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=100_000, help="Show at most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what fires next, over all organizations, soonest first.

    \b
    Examples:
      synkron next
      synkron next --hours 168 --limit 500
      synkron next --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11 --json
    """

    async def ask(connection: Connection, settings: Settings) -> tuple[list[Fire], Mapping[str, str], int]:
        from synkron.model import Window
        from synkron.postgres.clock import database_clock
        from synkron.source.reader import read_all, read_names
        from synkron.source.upcoming import coming

        now = await database_clock(connection)
        rows = [row for row in await read_all(connection, settings.source) if org in (None, row.org_id)]
        fires = coming(rows, Window(now, now + timedelta(hours=hours)), settings.types)
        names = await read_names(connection, settings.source)
        return list(islice(fires, limit + 1)), names, await _active_pauses(connection, settings, now)

    fires, names, pauses = answer(context, ask)
    _show_fires(fires[:limit], names, as_json)
    if pauses:
        say("Some of it may not: `synkron pauses` shows what is paused.")
    if not fires:
        say(f"Nothing fires in the next {hours} hours.")
    if len(fires) > limit:
        say(f"Cut after {limit}: more fires in the next {hours} hours. Raise --limit, or name one --org.")


def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every row of the table of integrations.

    That is: its schedule, zone, type and organization.

    Ends with 3 when an enabled row can't be fired, or none is, as the ledger is a copy or was restored. A schedule that
    can be fired and is probably not meant so (W1 never fires, W2 uneven steps, W3 both day fields, W4 a time that a
    change of clocks skips or repeats) is a warning, and so is any fault of a disabled row; warnings alone end with 0.

    \b
    Examples:
      synkron check
      synkron check --json | jq '.findings[] | select(.level == "invalid")'
    """

    async def ask(
        connection: Connection, settings: Settings
    ) -> tuple[list[Integration], list[Finding], list[str], Mapping[str, str], str | None]:
        from synkron.postgres.clock import database_clock
        from synkron.source import check
        from synkron.source.reader import read_all, read_names

        rows = await read_all(connection, settings.source)
        findings = check.check(rows, settings.types, year=(await database_clock(connection)).year)
        reason = await _why_nothing_is_fired(connection, settings)
        untargeted = _without_target(rows, settings)
        return rows, findings, untargeted, await read_names(connection, settings.source), reason

    rows, findings, untargeted, names, reason = answer(context, ask)
    invalid = len({id(one.row) for one in findings if one.level == "invalid"})
    warnings = sum(one.level == "warning" for one in findings)
    if as_json:
        found = [_finding(one, names) for one in findings]
        answered = {"rows": len(rows), "invalid": invalid, "warnings": warnings, "nothing_is_fired": reason}
        show_json(answered | {"types_without_target": untargeted, "findings": found})
    else:
        _show_findings(findings, names)
    say(f"{counted(len(rows), 'row')} checked: {invalid} can't be fired, {counted(warnings, 'warning')}.")
    say_without_target(untargeted)
    if reason is not None:
        say(f"error: nothing is fired. {reason}")
    if invalid or reason is not None:
        raise typer.Exit(ExitCode.DATA)


def _due_cells(due: DueIntegration) -> list[str]:
    return [minute(due.scheduled_for), due.integration_type, due.org_id, due.integration_id]


async def _active_pauses(connection: Connection, settings: Settings, now: datetime) -> int:
    """How many pauses last; none where there is no ledger yet."""
    from synkron.errors import LedgerMissing, ServiceRoleRequired
    from synkron.scheduler.policies import read_pauses
    from synkron.source.queries import SourceQueries

    try:
        async with SourceQueries(settings.source).in_words():
            return len(await read_pauses(connection, now))
    except (LedgerMissing, ServiceRoleRequired):
        return 0


async def _why_nothing_is_fired(connection: Connection, settings: Settings) -> str | None:
    """Why none of the rows is fired; None where they are, or where there is no ledger yet."""
    from synkron.errors import LedgerMissing, ServiceRoleRequired
    from synkron.ledger.installation import why_nothing_is_fired
    from synkron.source.queries import SourceQueries

    try:
        async with SourceQueries(settings.source).in_words():
            return await why_nothing_is_fired(connection, settings)
    except (LedgerMissing, ServiceRoleRequired):
        return None


def _without_target(rows: Sequence[Integration], settings: Settings) -> list[str]:
    """The types of enabled, scheduled rows whose runs will be skipped, as nothing is set to be called."""
    wanted = {row.integration_type for row in rows if row.is_enabled and row.cron_schedule is not None}
    return [name for name, one in settings.types.items() if name in wanted and not one.target]


def _show_fires(fires: Sequence[Fire], names: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        show_json([_fire(one, names) for one in fires])
    elif fires:
        columns = [
            Column("fires (UTC)"),
            Column("organization", shrink=True),
            Column("type"),
            Column("schedule", shrink=True),
            Column("zone", shrink=True),
            Column("integration id", optional=True),
        ]
        show_table(columns, [_fire_cells(one, names) for one in fires])


def _fire_cells(fire: Fire, names: Mapping[str, str]) -> list[str]:
    row = fire.integration
    return [
        minute(fire.scheduled_for),
        names.get(row.org_id) or row.org_id,
        row.integration_type,
        row.cron_schedule or "",
        _zone(row.timezone),
        row.integration_id,
    ]


def _fire(fire: Fire, names: Mapping[str, str]) -> dict[str, object]:
    row = fire.integration
    return {
        "scheduled_for": fire.scheduled_for,
        "org_id": row.org_id,
        "organization": names.get(row.org_id),
        "integration_id": row.integration_id,
        "integration_type": row.integration_type,
        "cron_schedule": row.cron_schedule,
        "timezone": _zone(row.timezone),
    }


def _show_findings(findings: Sequence[Finding], names: Mapping[str, str]) -> None:
    if not findings:
        return
    columns = [
        Column("level"),
        Column("rule"),
        Column("organization", shrink=True),
        Column("type", shrink=True),
        Column("finding", wrap=True),
    ]
    show_table(
        columns,
        [
            (
                one.level,
                one.rule or "",
                names.get(one.row.org_id) or one.row.org_id,
                one.row.integration_type,
                f"integration {one.row.integration_id}: {one.message}",
            )
            for one in findings
        ],
    )


def _finding(finding: Finding, names: Mapping[str, str]) -> dict[str, object]:
    row = finding.row
    return {
        "level": finding.level,
        "rule": finding.rule,
        "message": finding.message,
        "org_id": row.org_id,
        "organization": names.get(row.org_id),
        "integration_id": row.integration_id,
        "integration_type": row.integration_type,
        "is_enabled": row.is_enabled,
        "cron_schedule": row.cron_schedule,
        "timezone": _zone(row.timezone),
    }


def _zone(timezone: object) -> str:
    return "UTC" if timezone in (None, "") else str(timezone)
