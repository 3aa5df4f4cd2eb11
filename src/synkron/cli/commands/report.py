"""The command that tells what was exported: report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import answer, organization_names
from synkron.cli.options import EARLIEST, LATEST, AsJson, Organization, Since, Type, since
from synkron.cli.output import show_json
from synkron.errors import NotFound, Refused, ZoneError
from synkron.model import Scope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.exports.ranges import Range
    from synkron.reports.exports.sentences import Told
    from synkron.settings.load import Settings

DATE, WEEK, MONTH = "2026-11-27", "2026-W48", "2026-11"


@dataclass(frozen=True, slots=True)
class Which:
    """A day, week or month: by a date in it, or so many before now."""

    written: date | int

    def day(self, before: Callable[[int], date]) -> date:
        """A date in it; ``before`` finds the one that is so many before now."""
        return before(self.written) if isinstance(self.written, int) else self.written


def _which(words: dict[str, int], form: str, example: str, day_of: Callable[[str], date]) -> Callable[[str], Which]:
    """The parser of an option: one of the words, a text of the form, or a date."""

    def parsed(text: str) -> Which:
        if text in words:
            return Which(words[text])
        try:
            found = day_of(text) if re.fullmatch(form, text) else date.fromisoformat(text)
        except ValueError:
            found = date.min
        if not EARLIEST.date() < found < LATEST.date() - timedelta(days=31):
            written = " or ".join(dict.fromkeys((*words, example, DATE)))
            raise typer.BadParameter(f'"{text}" is none of: {written}; the years 1972 to 2199 are allowed.')
        return Which(found)

    return parsed


day_or_word = _which({"today": 0, "yesterday": 1}, r"\d{4}-\d\d-\d\d", DATE, date.fromisoformat)
week_or_word = _which(
    {"this": 0, "last": 1},
    r"\d{4}-W\d\d",
    WEEK,
    lambda text: date.fromisocalendar(int(text[:4]), int(text[6:]), 1),
)
month_or_word = _which({"this": 0, "last": 1}, r"\d{4}-\d\d", MONTH, lambda text: date.fromisoformat(f"{text}-01"))


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
        Which | None, typer.Option("--day", parser=day_or_word, metavar="DAY", help="today, yesterday, or a date.")
    ] = None,
    of_week: Annotated[
        Which | None,
        typer.Option("--week", parser=week_or_word, metavar="WEEK", help="this, last, 2026-W48, or a date in it."),
    ] = None,
    of_month: Annotated[
        Which | None,
        typer.Option("--month", parser=month_or_word, metavar="MONTH", help="this, last, 2026-11, or a date in it."),
    ] = None,
    from_: Annotated[
        Since | None,
        typer.Option("--since", parser=since, metavar="WHEN", help="From when on: 30m, 24h, 7d, or an instant."),
    ] = None,
    until: Annotated[
        Since | None,
        typer.Option("--until", parser=since, metavar="WHEN", help="With --since, up to when.", show_default="now"),
    ] = None,
    in_zone: Annotated[
        tzinfo | None,
        typer.Option("--zone", parser=zone, metavar="ZONE", help="Whose nights and days, and the zone of all times."),
    ] = None,
    org: Organization = None,
    integration_type: Type = None,
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

        today = now.astimezone(zone).date()
        if from_:
            return ranges.between(from_.moment(now), until.moment(now) if until else now, zone)
        if on_day:
            return ranges.day(on_day.day(lambda days: today - timedelta(days=days)), zone)
        if of_week:
            return ranges.week(of_week.day(lambda weeks: today - timedelta(weeks=weeks)), zone)
        if of_month:
            return ranges.month(of_month.day(lambda months: _months_before(today, months)), zone)
        return ranges.last_night(now, zone)

    async def ask(connection: Connection, settings: Settings) -> Told:
        from synkron.postgres.clock import database_clock
        from synkron.reports.exports.sentences import Told
        from synkron.reports.exports.store import read_exports

        now = await database_clock(connection)
        found = asked(now, in_zone or UTC)
        _check(found, now)
        exports = await read_exports(connection, settings, found.window, Scope(org, integration_type))
        names = await organization_names(connection, settings)
        if org is not None and org not in names and not exports.exports:
            raise NotFound(f"There is no organization {org}. `synkron due --json` shows ids; a name is not enough.")
        return Told(exports, found, names)

    told = answer(context, ask)
    from synkron.cli.commands import report_forms

    if as_json:
        show_json(report_forms.as_json(told))
    elif as_csv:
        report_forms.show_csv(told)
    elif as_html:
        report_forms.show_page(told)
    else:
        report_forms.show_text(told)


def _months_before(today: date, months: int) -> date:
    first = today.replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return first


def _check(found: Range, now: datetime) -> None:
    if found.is_empty:
        raise Refused(f"There is no time in {found.title}: it ends before it begins, or the zone's clocks skipped it.")
    if found.window.start >= now:
        raise Refused(f"{found.title} has not begun. Give a range in the past.")
