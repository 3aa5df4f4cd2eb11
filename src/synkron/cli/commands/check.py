"""The command that checks the application's rows: check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from synkron.cli.commands.schedules import zone_of
from synkron.cli.context import answer, from_ledger
from synkron.cli.options import AsJson
from synkron.cli.output import ExitCode, facts_in_json, say, show_json, show_table
from synkron.cli.serving import say_without_target
from synkron.cli.table import NAME, Field
from synkron.text import several

if TYPE_CHECKING:
    from synkron.model import Integration
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings
    from synkron.source.check import RowFinding


def finding_fields(names: Mapping[str, str]) -> list[Field]:
    """What is wrong with a row, or probably not meant."""
    return [
        Field("level", key="level"),
        Field("rule", key="rule"),
        Field(key="message"),
        Field(key="org_id", value="row.org_id"),
        Field("organization", lambda one: names.get(one.row.org_id) or one.row.org_id, shrink=True, least=NAME),
        Field(key="integration_id", value="row.integration_id"),
        Field("type", "row.integration_type", key="integration_type", shrink=True),
        Field("finding", lambda one: f"integration {one.row.integration_id}: {one.message}", wrap=True),
        Field(key="is_enabled", value="row.is_enabled"),
        Field(key="cron_schedule", value="row.cron_schedule"),
        Field(key="timezone", value=lambda one: zone_of(one.row.timezone)),
    ]


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
    ) -> tuple[list[Integration], list[RowFinding], list[str], Mapping[str, str], str | None]:
        from synkron.ledger.installation import why_nothing_is_fired
        from synkron.postgres.clock import database_clock
        from synkron.source import check
        from synkron.source.reader import read_all, read_names

        rows = await read_all(connection, settings.source)
        findings = check.check(rows, settings.types, year=(await database_clock(connection)).year)
        reason = await from_ledger(why_nothing_is_fired(connection, settings), settings)
        untargeted = _without_target(rows, settings)
        return rows, findings, untargeted, await read_names(connection, settings.source), reason

    rows, findings, untargeted, names, reason = answer(context, ask, fresh=True)
    invalid = len({id(one.row) for one in findings if one.level == "invalid"})
    warnings = sum(one.level == "warning" for one in findings)
    if as_json:
        found = [facts_in_json(one, finding_fields(names)) for one in findings]
        answered = {"rows": len(rows), "invalid": invalid, "warnings": warnings, "nothing_is_fired": reason}
        show_json(answered | {"types_without_target": untargeted, "findings": found}, names)
    elif findings:
        show_table(finding_fields(names), findings)
    say(f"{several(len(rows), 'row')} checked: {invalid} can't be fired, {several(warnings, 'warning')}.")
    say_without_target(untargeted)
    if reason is not None:
        say(f"error: nothing is fired. {reason}")
    if invalid or reason is not None:
        raise typer.Exit(ExitCode.DATA)


def _without_target(rows: Sequence[Integration], settings: Settings) -> list[str]:
    """The types of enabled, scheduled rows whose runs will be skipped, as nothing is set to be called."""
    wanted = {row.integration_type for row in rows if row.is_enabled and row.cron_schedule is not None}
    return [name for name, one in settings.types.items() if name in wanted and not one.target]
