"""Reads a page of the overview: its order from the copy, its rows as they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo

from synkron.cron import Cron
from synkron.errors import Refused
from synkron.model import EVERYTHING, Integration, Scope, Source, State
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.reports.overview.cursor import Place, Sort, cursor_of, place_of
from synkron.reports.overview.order import Asked, read_order
from synkron.reports.overview.rows import EndpointHealth, OverviewRow, Page, RowState, StripRun
from synkron.scheduler.holds import is_paused, read_paused
from synkron.scheduler.pauses import Hold
from synkron.settings.load import Settings
from synkron.source.check import faults
from synkron.source.due import schedule_of
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of
from synkron.vendors.watches import watches_of

FILE = "reports/overview/page"
MOST_ROWS = 500
# A row as it is now, with the name of its organization.
Named = tuple[Integration, str]


async def page(
    connection: Connection,
    settings: Settings,
    scope: Scope = EVERYTHING,
    *,
    search: str | None = None,
    state: RowState | None = None,
    sort: Sort = Sort.ORGANIZATION,
    after: str | None = None,
    limit: int = 50,
) -> Page[OverviewRow]:
    """The integrations of the scope in this order, at most ``limit`` of them, after the cursor of the page before.

    ``search`` are beginnings of words of the organization's name and the type, or that of an id. Order, search and
    state are as fresh as the copy that ``synkron.service.overview`` refreshes; a row's values are those of now, and a
    row that is gone is left out. Raises CursorError; Refused for a search or limit that is not allowed;
    ServiceRoleRequired, SourceTableMissing and LedgerMissing.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise Refused(f"limit: {limit} rows; from 1 to {MOST_ROWS} are allowed.")
    begin = place_of(after, sort)
    source = SourceQueries(settings.source)
    async with source.in_words(), connection.transaction(isolation="repeatable_read", readonly=True):
        await source.secure(connection)
        now = await database_clock(connection)
        if state is RowState.PAUSED and await is_paused(connection, EVERYTHING, now):
            state = None
        asked = Asked(scope, search, state, sort, now)
        places = await read_order(connection, asked, begin, limit + 1)
        shown = places[:limit]
        named = await _read_rows(connection, source, shown)
        rows = await _read_details(connection, settings, named, now)
    return Page(rows, cursor_of(sort, shown[-1]) if len(places) > limit else None)


async def _read_rows(connection: Connection, source: SourceQueries, places: Sequence[Place]) -> list[Named]:
    """The rows at the places, in their order. A row without an id of its own is taken from the copy."""
    sql = source.sql(FILE)
    own = [one.integration_id for one in places if one.place == 0]
    others = [(one.integration_id, one.place) for one in places if one.place != 0]
    found: dict[tuple[str, int], Named] = {}
    if own:
        for row in await connection.fetch(sql["rows"], own):
            found.setdefault((row["integration_id"], 0), (integration_of(row), row["organization"]))
    if others:
        for row in await connection.fetch(sql["copies"], *map(list, zip(*others, strict=True))):
            found[row["integration_id"], row["place"]] = integration_of(row), row["organization"]
    return [found[key] for one in places if (key := (one.integration_id, one.place)) in found]


async def _read_details(
    connection: Connection, settings: Settings, named: Sequence[Named], now: datetime
) -> list[OverviewRow]:
    """The rows with what Synkron's own tables know of them."""
    sql = SourceQueries(settings.source).sql(FILE)
    integrations = [one for one, _ in named]
    ids = sorted({one.integration_id for one in integrations if one.has_own_id})
    strips: dict[str, list[StripRun]] = defaultdict(list)
    for row in await connection.fetch(sql["strips"], ids):
        strips[row["integration_id"]].append(
            read(StripRun, row, state=State(row["state"]), source=Source(row["source"]))
        )
    figures = {row["integration_id"]: row for row in await connection.fetch(sql["figures"], ids)}
    held = {row["integration_id"]: row for row in await connection.fetch(sql["held"], ids)}
    pauses = await read_paused(connection, integrations, now)
    endpoint_of = {kind: watch.endpoint for watch in watches_of(settings) for kind in watch.integration_types}
    endpoints = await connection.fetch(sql["endpoints"], sorted(set(endpoint_of.values())))
    health = {row["endpoint"]: read(EndpointHealth, row) for row in endpoints}
    rows = []
    for integration, organization in named:
        key = integration.integration_id if integration.has_own_id else None
        schedule = _schedule(integration)
        fault = next(iter(faults(integration, settings.types)), None)
        fires = schedule is not None and fault is None and integration.is_enabled
        hold = None if key is None else held.get(key)
        measured = None if key is None else figures.get(key)
        rows.append(
            OverviewRow(
                integration=integration,
                organization=organization,
                fault=fault,
                cron=schedule[0] if schedule else None,
                zone=schedule[1] if schedule else None,
                next_fire=schedule[0].next_after(now, schedule[1]) if schedule and fires else None,
                pause=pauses.get(integration.integration_id),
                held_since=hold["since"] if hold else None,
                held_for=Hold(hold["reason"]) if hold else None,
                runs=strips.get(key, []) if key else [],
                drift_p95=measured["drift_p95"] if measured else None,
                failing_since=measured["failing_since"] if measured else None,
                endpoint=health.get(endpoint_of.get(integration.integration_type, "")),
            )
        )
    return rows


def _schedule(integration: Integration) -> tuple[Cron, tzinfo] | None:
    if integration.cron_schedule is None:
        return None
    found = schedule_of(integration, integration.cron_schedule)
    return found if isinstance(found, tuple) else None
