"""The command that tells what was exported: report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moment, zone_of
from synkron.cli.context import answer, organization_names, scope_of
from synkron.cli.options import PAST, AsJson, Integration, Organization, Type, past
from synkron.cli.output import show_json
from synkron.cli.when import TimeRefused, WrittenTime
from synkron.errors import ZoneError
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.exports.ranges import Range
    from synkron.reports.exports.sentences import Told
    from synkron.settings.load import Settings


def week_day(text: str) -> WrittenTime:
    """A time in the week that is meant."""
    return past({"this": "today", "last": "7d ago"}.get(text, text))


@dataclass(frozen=True, slots=True)
class Month:
    """The month of a time, or the one before."""

    of: WrittenTime
    is_before: bool = False


def month(text: str) -> Month:
    """The month that is meant."""
    if text == "last":
        return Month(past("today"), is_before=True)
    return Month(past("today" if text == "this" else f"{text}-01" if re.fullmatch(r"\d{4}-\d\d", text) else text))


def zone(text: str) -> tzinfo:
    """A time zone, as it is written in the application's tables."""
    from synkron.cron.zone import parse_zone

    try:
        return parse_zone(text)
    except ZoneError as error:
        raise typer.BadParameter(str(error)) from None


def report(
    context: typer.Context,
    last_night: Annotated[
        bool, typer.Option("--last-night", help="From 18:00 yesterday to 08:00 today. This is the default.")
    ] = False,
    on_day: Annotated[
        WrittenTime | None,
        typer.Option("--day", parser=past, metavar="TIME", help="A day: today, yesterday, monday, 2026-11-27."),
    ] = None,
    of_week: Annotated[
        WrittenTime | None,
        typer.Option("--week", parser=week_day, metavar="TIME", help="A week: this, last, 2026-W48, or a day in it."),
    ] = None,
    of_month: Annotated[
        Month | None,
        typer.Option("--month", parser=month, metavar="TIME", help="A month: this, last, 2026-11, or a day in it."),
    ] = None,
    from_: Annotated[
        WrittenTime | None,
        typer.Option("--since", parser=past, metavar="TIME", help=f"From when on: 24h (ago), {PAST}."),
    ] = None,
    until: Annotated[
        WrittenTime | None,
        typer.Option(
            "--until", parser=past, metavar="TIME", help=f"With --since, up to when: {PAST}.", show_default="now"
        ),
    ] = None,
    in_zone: Annotated[
        tzinfo | None,
        typer.Option("--zone", parser=zone, metavar="ZONE", help="Whose nights and days these are."),
    ] = None,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Answer in CSV: a line for each type and organization.")
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Answer with a page to read, keep or print.")] = False,
) -> None:
    """Tell what was exported in a night, a day, a week or a month, and which time no successful export covers.

    Counts the periods that ended in that time: exported, failed, skipped, or still open. A period is exported if a
    successful run covers it, be it a backfill or a later run that took it over.

    \b
    Examples:
      synkron report
      synkron report --day yesterday --zone Europe/Oslo
      synkron report --month last --type xledger --csv > xledger.csv
      synkron report --week 2026-W48 --html > week-48.html
    """
    ranges = {
        "--last-night": last_night,
        "--day": on_day is not None,
        "--week": of_week is not None,
        "--month": of_month is not None,
        "--since": from_ is not None,
    }
    if sum(ranges.values()) > 1:
        raise typer.BadParameter(f"give one of {', '.join(ranges)}")
    if until and not from_:
        raise typer.BadParameter("--until goes with --since")
    if as_json + as_csv + as_html > 1:
        raise typer.BadParameter("give one of --json, --csv, --html")

    def asked(now: datetime, zone: tzinfo) -> Range:
        from synkron.reports.exports import ranges

        def on(asked: WrittenTime) -> date:
            try:
                return asked.moment(now, zone).astimezone(zone).date()
            except TimeRefused as error:
                raise typer.BadParameter(str(error)) from None

        if from_:
            return ranges.between(moment(from_, now, zone), moment(until, now, zone) if until else now, zone)
        if on_day:
            return ranges.day(on(on_day), zone)
        if of_week:
            return ranges.week(on(of_week), zone)
        if of_month:
            of = on(of_month.of)
            return ranges.month(of.replace(day=1) - ranges.DAY if of_month.is_before else of, zone)
        return ranges.last_night(now, zone)

    async def ask(connection: Connection, settings: Settings) -> Told:
        from synkron.postgres.clock import database_clock
        from synkron.reports.exports.sentences import Told
        from synkron.reports.exports.store import read_exports

        scope = await scope_of(AskedScope(org, integration_type, integration), connection, settings)
        now = await database_clock(connection)
        found = asked(now, in_zone or await zone_of(connection, settings, scope))
        found.check(now)
        exports = await read_exports(connection, settings, found.window, scope)
        return Told(exports, found, await organization_names(connection, settings))

    told = answer(context, ask)
    from synkron.cli.commands import report_forms

    if as_json:
        from synkron.service.nouns.exports import export_facts

        show_json(export_facts(told), told.names)
    elif as_csv:
        report_forms.show_csv(told)
    elif as_html:
        report_forms.show_page(told)
    else:
        report_forms.show_text(told)
