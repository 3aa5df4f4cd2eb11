"""An integration: its schedule explained, its past moment by moment, its policy, and why it did or did not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from synkron.errors import NotFound, ZoneError
from synkron.ledger import history
from synkron.model import Integration, Scope
from synkron.operations.overrides import policy_or_reason
from synkron.operations.recorded_pauses import pauses
from synkron.operations.scope import read_named_rows, read_names
from synkron.operations.transaction import read_transaction
from synkron.postgres.connection import Connection
from synkron.reports.overview.calendar import Calendar, Decided, calendar
from synkron.reports.overview.calendar import Moment as PastMoment
from synkron.reports.why.sentences import explain
from synkron.reports.why.store import read_facts
from synkron.scheduler.pauses import Pause
from synkron.service.api.access import visible
from synkron.service.api.parameters import Id
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts, Served
from synkron.service.dashboard.plots import CLASSES
from synkron.service.dashboard.viewer import View, Viewer
from synkron.service.nouns.integrations import IntegrationFacts, integration_facts
from synkron.service.nouns.overrides import as_written
from synkron.source.due import schedule_of
from synkron.source.parsed_texts import KNOWN
from synkron.text import called

router = APIRouter(include_in_schema=False)
RUNS = 20
# A day of the calendar shows each decision up to so many, and counts beyond.
SHOWN_EACH = 6
DAY = timedelta(days=1)
MARKS: Mapping[str, str] = {
    Decided.MERGED: "merged",
    Decided.SKIPPED: "skipped",
    Decided.SUPERSEDED: "skipped",
    Decided.CANCELLED: "invalid",
    Decided.EXPIRED: "expired",
    Decided.HELD: "held",
    Decided.UNDECIDED: "info",
    Decided.COMING: "off",
}


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar: its moments, and how many there are of each kind: (kind, number, the first of them)."""

    date: date
    kinds: Sequence[tuple[str, int, PastMoment]]


@router.get("/integrations/{integration_id:path}")
async def integration(
    view: View,
    connection: Db,
    parts: Parts,
    integration_id: Id,
    month: Annotated[str | None, Query(pattern="^20[0-9][0-9]-(0[1-9]|1[0-2])$")] = None,
    at: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One integration, now, before and after."""
    row, names = await _row(view, connection, parts, integration_id)
    scope = Scope(integration_id=integration_id)
    facts = integration_facts(row, parts.settings.types, view.now, view.words.language)
    schedule = None if row.cron_schedule is None else schedule_of(row, row.cron_schedule)
    cron = schedule[0] if isinstance(schedule, tuple) else None
    known = KNOWN.zone(row.timezone)
    zone, zone_name = (view.zone, str(view.zone)) if isinstance(known, ZoneError) else (known, facts.timezone)
    shown = date.fromisoformat(f"{month}-01") if month else view.now.astimezone(zone).date().replace(day=1)
    async with read_transaction(connection):
        policy, policy_fault = await policy_or_reason(connection, parts.settings, row)
    over = await pauses(connection, parts.settings, Scope(row.org_id, row.integration_type, row.integration_id))
    return view.page(
        "integration.html",
        row=row,
        organization=called(names.get(row.org_id), row.org_id),
        names=names,
        facts=facts,
        cron=cron,
        zone=zone,
        asked_zone=zone_name,
        policy=policy or [],
        policy_fault=policy_fault,
        as_written=as_written,
        pauses=over,
        fires=row.is_enabled and facts.fault is None,
        not_now=_not_now(facts, over),
        is_held=lambda moment: any(one.lasts_at(moment) for one in over),
        is_paused=any(one.integration_id == row.integration_id for one in over),
        weeks=await _weeks(connection, parts, integration_id, shown),
        month=shown,
        before=(shown - DAY).strftime("%Y-%m"),
        after=(shown + 31 * DAY).strftime("%Y-%m"),
        runs=await history.runs(connection, scope, limit=RUNS),
        at=at,
        why=await _why(view, connection, parts, row, zone, at),
    )


def _not_now(facts: IntegrationFacts, over: Sequence[Pause]) -> str | None:
    """The key of the words why it can't be run now, as ``trigger`` would refuse it; None if it can."""
    if not facts.is_enabled:
        return "integration.not_now.disabled"
    if facts.fault is not None:
        return "integration.not_now.invalid"
    return "integration.not_now.paused" if over else None


async def _row(
    view: Viewer, connection: Connection, parts: Served, integration_id: str
) -> tuple[Integration, Mapping[str, str]]:
    async with read_transaction(connection):
        found = await read_named_rows(connection, parts.settings, [integration_id])
        rows = [one for one in found if view.actor is not None and visible(view.actor, one.org_id)]
        if not rows:
            raise Problem(404, f"There is no integration {integration_id}.")
        return rows[0], await read_names(connection, parts.settings, [rows[0].org_id])


async def _weeks(
    connection: Connection, parts: Served, integration_id: str, month: date
) -> Sequence[Sequence[Day | None]]:
    """The weeks of the month from Monday to Sunday, with None for the days of other months."""
    try:
        found = await calendar(connection, parts.settings, integration_id, month)
    except NotFound:
        return []
    by_day: dict[date, list[PastMoment]] = {}
    for one in found.moments:
        by_day.setdefault(one.at.astimezone(found.zone).date(), []).append(one)
    days: list[Day | None] = [None] * _first(found).weekday()
    on = _first(found)
    while on < found.end.astimezone(found.zone).date():
        days.append(Day(on, list(_kinds(by_day.get(on, [])))))
        on += DAY
    days += [None] * (-len(days) % 7)
    return [days[start : start + 7] for start in range(0, len(days), 7)]


def _first(found: Calendar) -> date:
    return found.start.astimezone(found.zone).date()


def _kinds(moments: Iterable[PastMoment]) -> Iterable[tuple[str, int, PastMoment]]:
    grouped: dict[str, list[PastMoment]] = {}
    for one in moments:
        kind = CLASSES[one.state] if one.decided is Decided.RUN and one.state else MARKS.get(one.decided, "info")
        grouped.setdefault(kind, []).append(one)
    for kind, found in grouped.items():
        if len(found) <= SHOWN_EACH:
            yield from ((kind, 1, one) for one in found)
        else:
            yield kind, len(found), found[0]


async def _why(
    view: Viewer, connection: Connection, parts: Served, row: Integration, zone: tzinfo, at: str
) -> Sequence[str]:
    """Why it did or did not run at the minute, on the clocks of the zone."""
    if not at:
        return []
    try:
        moment = datetime.fromisoformat(at)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return [view.words.say("integration.why.malformed")]
    scope = Scope(row.org_id, None, row.integration_id)
    found = await read_facts(connection, parts.settings, moment, scope)
    return [sentence for one in found for sentence in explain(one)]
