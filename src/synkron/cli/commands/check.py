"""The command that checks the application's rows: check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import answer, from_ledger, scope_of
from synkron.cli.options import AsJson, Integration, Organization, Type
from synkron.cli.output import ExitCode, facts_in_json, say, show_json, show_table
from synkron.cli.serving import say_without_target
from synkron.cli.table import Field, organization
from synkron.model import EVERYTHING
from synkron.reports.names.match import AskedScope
from synkron.service.nouns.fires import zone_name
from synkron.text import several

if TYPE_CHECKING:
    from synkron.model import Integration as Row
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
        organization(names, "row.org_id"),
        Field(key="integration_id", value="row.integration_id"),
        Field("type", "row.integration_type", key="integration_type", shrink=True),
        Field("finding", lambda one: f"integration {one.row.integration_id}: {one.message}", wrap=True),
        Field(key="is_enabled", value="row.is_enabled"),
        Field(key="cron_schedule", value="row.cron_schedule"),
        Field(key="timezone", value=lambda one: zone_name(one.row.timezone)),
    ]


@dataclass(frozen=True, slots=True)
class Kind:
    """The findings of one kind: how many rows have it, and one of them."""

    level: str
    kind: str
    rows: int
    example: RowFinding

    @property
    def words(self) -> str:
        """What is wrong with the rows."""
        return WORDS.get(self.kind, self.kind)


WORDS = {
    "schedule": "the schedule is invalid",
    "zone": "the organization's time zone is unknown",
    "type": "the type is not in the settings",
    "organization": "the organization is missing",
    "row": "a value can't be used",
    "too_often": "it fires more often than its vendor expects",
    "disabled": "disabled, and could not run if enabled",
    "W1": "W1: it never fires",
    "W2": "W2: a step is uneven",
    "W3": "W3: either day field is enough",
    "W4": "W4: a coming change of clocks is in its way",
}


def kind_fields(names: Mapping[str, str]) -> list[Field]:
    """A kind of findings, with an example."""
    return [
        Field("level", key="level"),
        Field("rows", key="rows", right=True),
        Field(key="kind"),
        Field("finding", "words"),
        Field("for example", lambda one: _example(one.example, names), shrink=True),
        Field(key="example", value=lambda one: facts_in_json(one.example, finding_fields(names))),
    ]


def kinds_of(findings: Sequence[RowFinding]) -> list[Kind]:
    """The findings by kind, the worst first: invalid rows before warnings, and the most rows before fewer."""
    by_kind: dict[tuple[str, str], list[RowFinding]] = {}
    for one in findings:
        by_kind.setdefault((one.level, one.kind), []).append(one)
    kinds = [Kind(*key, len({id(one.row) for one in alike}), alike[0]) for key, alike in by_kind.items()]
    return sorted(kinds, key=lambda one: (one.level != "invalid", -one.rows))


def check(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    details: Annotated[bool, typer.Option("--details", help="Show every finding, with its row.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every row of the table of integrations.

    That is: its schedule, zone, type and organization, and whether its type has a target and a sufficient pace. Shows
    what was found by kind, the worst first.

    Ends with 3 when an enabled row can't run, or none may, as the ledger is a copy or was restored. A schedule that
    can be read and is probably not meant so (W1 never fires, W2 uneven steps, W3 both day fields, W4 a time that a
    coming change of clocks skips or repeats, more often than the vendor expects) is a warning, and so is any fault of a
    disabled row; warnings alone end with 0.

    \b
    Examples:
      synkron check
      synkron check --org fjordlys
      synkron check --details
      synkron check --json | jq '.findings[] | select(.level == "invalid")'
    """

    async def ask(connection: Connection, settings: Settings) -> Checked:
        from synkron.ledger.installation import why_nothing_is_fired
        from synkron.postgres.clock import database_clock
        from synkron.source import check
        from synkron.source.reader import read_all, read_names

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        rows, now = await read_all(connection, settings.source, scope), await database_clock(connection)
        return Checked(
            len(rows),
            check.check(rows, settings.types, today=now.date()),
            _without_target(rows, settings),
            await _below_load(connection, settings, now) if scope == EVERYTHING else [],
            await read_names(connection, settings.source),
            await from_ledger(why_nothing_is_fired(connection, settings), settings),
        )

    found = answer(context, ask, fresh=True)
    from synkron.source.check import Count

    kinds, names, count = kinds_of(found.findings), found.names, Count()
    count.add(found.findings)
    if as_json:
        show_json(
            {
                "rows": found.rows,
                "invalid": count.invalid,
                "warnings": count.warnings,
                "rows_with_warnings": count.warned,
                "nothing_is_fired": found.nothing_is_fired,
                "types_without_target": found.untargeted,
                "pace_below_load": found.below_load,
                "kinds": [facts_in_json(one, kind_fields(names)) for one in kinds],
                "findings": [facts_in_json(one, finding_fields(names)) for one in found.findings],
            },
            names,
        )
    elif found.findings and details:
        show_table(finding_fields(names), found.findings)
    elif found.findings:
        show_table(kind_fields(names), kinds)
    say(f"{several(found.rows, 'row')} checked: {count.invalid} can't run, {count.told}.")
    if found.findings and not (details or as_json):
        say("`synkron check --details` shows every finding, with its row.")
    say_without_target(found.untargeted)
    for message in found.below_load:
        say(f"warning: {message}.")
    if found.nothing_is_fired is not None:
        say(f"error: nothing is fired. {found.nothing_is_fired}")
    if count.invalid or found.nothing_is_fired is not None:
        raise typer.Exit(ExitCode.DATA)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: in the rows, and about the types."""

    rows: int
    findings: list[RowFinding]
    untargeted: list[str]
    below_load: list[str]
    names: Mapping[str, str]
    nothing_is_fired: str | None


def _example(one: RowFinding, names: Mapping[str, str]) -> str:
    return f"{names.get(one.row.org_id) or one.row.org_id}, {one.row.integration_type}: {one.message}"


async def _below_load(connection: Connection, settings: Settings, now: datetime) -> list[str]:
    """A sentence for each type whose pace is below the load of a day."""
    from synkron.reports.forecast.store import forecast_fleet
    from synkron.reports.forecast.warnings import WarningKind, warnings

    if all(one.pace is None for one in settings.policies.values()):
        return []
    outlook = await forecast_fleet(connection, settings, now, 24)
    return [one.message for one in warnings(outlook.as_set) if one.kind is WarningKind.PACE_BELOW_LOAD]


def _without_target(rows: Sequence[Row], settings: Settings) -> list[str]:
    """The types of enabled, scheduled rows whose runs will be skipped, as nothing is set to be called."""
    from synkron.service.status.targets import types_without_target

    return types_without_target(
        settings, (row.integration_type for row in rows if row.is_enabled and row.cron_schedule is not None)
    )
