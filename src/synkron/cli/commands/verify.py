"""The command that proves: verify."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer, scope_of
from synkron.cli.options import PAST, AsJson, Integration, Organization, SinceADay, Type, past, span
from synkron.cli.output import ExitCode, say, show_json, show_table
from synkron.cli.table import Field, minute, organization
from synkron.cli.when import WrittenTime
from synkron.errors import Refused
from synkron.reports.names.match import AskedScope
from synkron.reports.verify.basis import LATE
from synkron.text import several

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.verify.store import Report
    from synkron.settings.load import Settings

LIMIT_OF_A_TABLE = 50
LIMIT_OF_JSON = 10_000


def verify(
    context: typer.Context,
    from_: SinceADay = None,
    until: Annotated[
        WrittenTime | None,
        typer.Option(parser=past, metavar="TIME", help=f"Up to when: 1h (ago), {PAST}.", show_default="now"),
    ] = None,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    late_after: Annotated[
        timedelta | None,
        typer.Option(parser=span, metavar="SPAN", help="How late a start is a finding.", show_default="5m"),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="What was decided and not delivered is a finding, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify that everything that was due ran, once and in time.

    Works out from ticks, decisions and schedules what should have run, and shows what was missed, doubled, late, or is
    unexplained. Ends with 3 when there is any of it. What nothing proves is counted and is no finding; nor is, without
    --strict, what was decided and not delivered, and time that no run covers.

    \b
    Examples:
      synkron verify --since yesterday --until today
      synkron verify --since 7d --until 1d --type xledger
      synkron verify --since 30d --strict
      synkron verify --since 2026-11-23T00:00Z --json
    """
    most = LIMIT_OF_JSON if as_json else LIMIT_OF_A_TABLE

    async def ask(connection: Connection, settings: Settings) -> tuple[Report, Mapping[str, str]]:
        from synkron.postgres.clock import database_clock
        from synkron.reports.verify import store
        from synkron.source.reader import read_names

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        now = await database_clock(connection)
        since, end = await moments(connection, settings, from_, until, now=now, scope=scope)
        begin, end = since or now - store.DAY, end or now
        if begin >= end:
            raise Refused(f"The range ends ({minute(end)} UTC) before it begins ({minute(begin)} UTC).")
        report = await store.verify(
            connection,
            settings,
            begin,
            end,
            scope=scope,
            late_after=late_after or LATE,
            is_strict=strict,
            most=most,
        )
        return report, await read_names(connection, settings.source)

    report, names = answer(context, ask)
    if as_json:
        from synkron.service.nouns.verification import verification

        show_json(verification(report), names)
    elif report.findings:
        show_table(finding_fields(names), report.findings)
    _say_totals(report)
    if report.found:
        raise typer.Exit(ExitCode.DATA)


def finding_fields(names: Mapping[str, str]) -> list[Field]:
    """What should not be so."""
    return [
        Field("finding", "kind"),
        Field("at (UTC)", "at"),
        organization(names),
        Field("type", "integration_type", shrink=True),
        Field("run", "run_id", right=True),
        Field("integration id", "integration_id", optional=True),
        Field("what", "message", wrap=True),
    ]


def _say_totals(report: Report) -> None:
    from synkron.service.nouns.verification import HOUR, counts, undelivered

    if report.watermark is None:
        say("Nobody has ticked yet, so there is nothing to verify. Start a scheduler: `synkron run`.")
        return
    found = ", ".join(f"{count} {kind}" for kind, count in counts(report).items())
    start, end = minute(report.window.start), minute(report.window.end)
    say(
        f"Checked {several(report.integrations, 'integration')}, {several(report.occurrences, 'occurrence')} "
        f"and {several(report.ticks, 'tick')} "
        f"from {start} to {end} UTC: {found}."
    )
    not_delivered = undelivered(report)
    reasons = ", ".join(f"{count} {reason}" for reason, count in not_delivered.items() if count)
    stretches = "stretch" if report.gaps == 1 else "stretches"
    notes = {
        "more findings than are shown": sum(report.found.values()) - len(report.findings),
        "not provable: nothing shows that the row stood then as it stands now": report.unprovable,
        "not due: the row was invalid then, as `synkron incidents --all` says": report.could_not_run,
        f"not delivered: {reasons}; `synkron backfill` runs what is past": sum(not_delivered.values()),
        f"{stretches} of time that no run covers, {report.gap / HOUR:,.1f} h in all": report.gaps,
        "failed after the last attempt: `synkron runs --state failed`": report.failed,
        f"{'row' if report.invalid == 1 else 'rows'} that can't run: `synkron check`": report.invalid,
    }
    for note, count in notes.items():
        if count > 0:
            say(f"  {count:,} {note}")
    if report.now - report.watermark > timedelta(minutes=2):
        say(f"No scheduler has ticked lately: what is due after {minute(report.watermark)} UTC is undecided yet.")
