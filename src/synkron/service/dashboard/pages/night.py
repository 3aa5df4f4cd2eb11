"""Last night: what was exported, what was not and why, for people who do not run systems."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from markupsafe import Markup
from starlette.responses import Response

from synkron.reports.exports import plot
from synkron.reports.exports.coverage import Reason
from synkron.reports.exports.figures import RANK, Line
from synkron.reports.exports.phrases import PHRASES
from synkron.reports.exports.ranges import Range
from synkron.reports.exports.sentences import Told
from synkron.reports.exports.sheet import sheet_name
from synkron.reports.exports.store import read_exports
from synkron.service.api.heavy import Heavy
from synkron.service.api.parameters import Day, OrEmpty
from synkron.service.api.ranges import asked_range
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard import times
from synkron.service.dashboard.axis import Ruler, axis
from synkron.service.dashboard.parameters import Whom
from synkron.service.dashboard.viewer import View, Viewer
from synkron.service.dashboard.zones import Zone
from synkron.service.names import organization_names
from synkron.settings.reports import RangeKind
from synkron.text import called

router = APIRouter(include_in_schema=False)
# What one page shows; the sheet has everything.
MOST_FAULTS, MOST_WHOLE, MOST_STRETCHES = 100, 200, 4
DAYS = {RangeKind.DAY: 1, RangeKind.WEEK: 7, RangeKind.MONTH: 31}
KINDS = {
    Reason.FAILED: "failed",
    Reason.INVALID: "invalid",
    Reason.UNDECIDED: "late",
    Reason.EXPIRED: "expired",
    Reason.CANCELLED: "skipped",
    Reason.MERGED: "merged",
    Reason.SKIPPED: "skipped",
    Reason.SUPERSEDED: "skipped",
    Reason.PAUSED: "held",
    Reason.OPEN: "waiting",
}


@router.get("/night")
async def night(
    view: View,
    zone: Zone,
    _: Heavy,
    scope: Whom,
    connection: Db,
    parts: Parts,
    range_name: Annotated[RangeKind, Query(alias="range")] = RangeKind.LAST_NIGHT,
    on: Annotated[Day | None, OrEmpty] = None,
) -> Response:
    """The report of a night, a day, a week or a month."""
    view = zone.of(view)
    on = None if range_name is RangeKind.LAST_NIGHT else on
    asked = asked_range(range_name, on, view.now, zone.zone)
    asked.check(view.now)
    exports = await read_exports(connection, parts.settings, asked.window, scope)
    names = await organization_names(connection, parts.settings, {one.org_id for one in exports.exports})
    names = {org_id: called(name, org_id) for org_id, name in names.items()}
    told = Told(exports, _in_words(view, range_name, asked), names, PHRASES[view.words.language])
    ruler = Ruler(exports.window.start, max(exports.window.end, exports.window.start + timedelta(minutes=1)))
    whole = [line for line in exports.lines if line.is_whole]
    whole.sort(key=lambda line: (line.integration_type, told.name_of(line)))
    sheet = view.address(
        "/v1/report",
        range=range_name,
        on=on,
        zone=zone.name,
        format="csv",
        org=scope.org_id,
        type=scope.integration_type,
    )
    return zone.kept(
        view.page(
            "night.html",
            told=told,
            chosen=range_name,
            ranges=list(RangeKind),
            title=told.range.title,
            types=[(one, kind_of(one), _bars(told, one)) for one in exports.types],
            faults=[(one, kind_of(one), _strip(told, one), _stretches(told, one)) for one in told.faults[:MOST_FAULTS]],
            more_faults=max(len(told.faults) - MOST_FAULTS, 0),
            whole=whole[:MOST_WHOLE],
            whole_count=len(whole),
            axis=axis(view, ruler),
            earlier=_neighbour(range_name, on, asked, view, -1),
            later=_neighbour(range_name, on, asked, view, 1),
            sheet=sheet,
            sheet_name=sheet_name(told),
            asked_zone=zone.name,
        )
    )


def kind_of(line: Line) -> str:
    """The mark of a line: the worst that it has."""
    reasons = {*line.missing, *(one.reason for one in line.uncovered)}
    return KINDS[min(reasons, key=RANK.__getitem__)] if reasons else "done"


def _in_words(view: Viewer, range_name: RangeKind, asked: Range) -> Range:
    """The range with its title and its name in the language of the page."""
    say = view.words.say
    first = asked.window.start.astimezone(asked.zone)
    last = (asked.window.end - timedelta(microseconds=1)).astimezone(asked.zone)
    values = {
        "first": times.day(view.words, first, first),
        "last": times.day(view.words, last),
        "from_": f"{first:%H:%M}",
        "to": f"{asked.window.end.astimezone(asked.zone):%H:%M}",
        "week": str(first.isocalendar().week),
        "month": say(f"times.month.{first.month}"),
        "year": str(first.year),
    }
    title = say(f"night.of.{range_name}.title", **values)
    return replace(asked, title=title[0].upper() + title[1:], name=say(f"night.of.{range_name}.name", **values))


def _bars(told: Told, line: Line) -> Markup:
    return Markup(plot.bars(line, told.report.window, told.of_type(line)))  # noqa: S704 (it escapes what it is given)


def _strip(told: Told, line: Line) -> Markup:
    return Markup(plot.strip(line, told.report.window))  # noqa: S704 (numbers and classes)


def _stretches(told: Told, line: Line) -> list[dict[str, object]]:
    """The times that are not covered: when, why, and the run that tells more."""
    return [
        {
            "when": told.when(one.window),
            "reason": told.phrases.reasons[one.reason],
            "detail": one.detail,
            "run_id": one.run_id,
            "more": max(len(line.uncovered) - MOST_STRETCHES, 0) if number == MOST_STRETCHES else 0,
        }
        for number, one in enumerate(line.uncovered[:MOST_STRETCHES], 1)
    ]


def _neighbour(range_name: RangeKind, on: date | None, asked: Range, view: Viewer, step: int) -> str | None:
    """The address of the range before or after; None for a night, and for what has not begun."""
    if range_name not in DAYS:
        return None
    first = on or view.now.astimezone(asked.zone).date()
    if range_name is RangeKind.MONTH:
        first = first.replace(day=1) + timedelta(days=31 if step > 0 else -1)
    else:
        first += timedelta(days=step * DAYS[range_name])
    begin = asked_range(range_name, first, view.now, asked.zone).window.start
    return view.address(on=first) if begin < view.now else None
