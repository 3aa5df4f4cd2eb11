"""Each moment of an integration's month, with what was decided about it and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from asyncpg import Record

from synkron.cron import Cron
from synkron.errors import NotFound
from synkron.model import Action, Integration, Source, State
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.reports.verify.evidence import Undelivered
from synkron.scheduler.holds import read_pauses_over
from synkron.scheduler.pauses import Hold, Pause
from synkron.settings.load import Settings
from synkron.source.check import faults
from synkron.source.due import schedule_of
from synkron.source.parsed_texts import KNOWN
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of

SQL = statements("reports/overview/calendar")


class Decided(StrEnum):
    """What was decided about a moment. The last three are not in the ledger: they follow from the row as it is now."""

    RUN = "run"
    MERGED = "merged"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HELD = "held"
    UNDECIDED = "undecided"
    COMING = "coming"


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment. ``source`` and what follows it are None unless the ledger has a row for it.

    A row that stands for several moments that expired is that of each of them. A run that was cancelled under way is
    ``CANCELLED`` and in the state failed.
    """

    at: datetime
    decided: Decided
    reason: str
    source: Source | None = None
    run_id: int | None = None
    state: State | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The moments from ``start`` up to ``end``, a month in the zone of the integration; UTC if that is not known.

    What a schedule before the present one would have fired and no tick decided is not known, and not in it.
    """

    start: datetime
    end: datetime
    zone: tzinfo
    moments: Sequence[Moment]


async def calendar(connection: Connection, settings: Settings, integration_id: str, month: date) -> Calendar:
    """The month that contains the day. Raises NotFound if neither the table nor the ledger knows the integration."""
    row = await _row(connection, settings, integration_id)
    schedule = None if row is None or row.cron_schedule is None else schedule_of(row, row.cron_schedule)
    cron, zone = schedule if isinstance(schedule, tuple) else (None, UTC)
    start = datetime(month.year, month.month, 1, tzinfo=zone)
    following = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=zone)
    start, end = start.astimezone(UTC), following.astimezone(UTC)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        [standing] = await connection.fetch(SQL["standing"], integration_id)
        found = await connection.fetch(SQL["decided"], integration_id, start, end)
        pauses = await read_pauses_over(connection, [row], standing["now"]) if row is not None else []
    if row is None and not found:
        raise NotFound(
            f"There is no integration {integration_id}, and the ledger has no record of one in {month:%Y-%m}."
        )
    decided = list(_decided(found, start, end))
    if row is not None and row.is_enabled and cron is not None and not faults(row, settings.types):
        known = {one.at for one in decided if one.source in (Source.SCHEDULE, Source.CATCH_UP)}
        due = cron.occurrences(start - timedelta(microseconds=1), end - timedelta(microseconds=1), zone)
        decided += _standing([moment for moment in due if moment not in known], standing, pauses)
    return Calendar(start, end, zone, sorted(decided, key=lambda one: (one.at, one.run_id or 0)))


async def _row(connection: Connection, settings: Settings, integration_id: str) -> Integration | None:
    """The row as it is now; None if it is gone, or its id is on several rows."""
    source = SourceQueries(settings.source)
    async with source.reading(connection):
        rows = await connection.fetch(source.sql("reports/overview/page")["rows"], [integration_id])
    return integration_of(rows[0]) if len(rows) == 1 and rows[0]["integration_id"] == integration_id else None


def _decided(rows: Iterable[Record], start: datetime, end: datetime) -> Iterator[Moment]:
    """The moments of the rows that are in the month."""
    rows = list(rows)
    own = {row["scheduled_for"] for row in rows if row["source"] in (Source.SCHEDULE, Source.CATCH_UP)}
    for row in rows:
        of_others = _others(row, start, end) if row["occurrences"] > 1 else []
        moments = [one for one in of_others if one not in own]
        if row["scheduled_for"] < end:
            moments.append(row["scheduled_for"])
        state = State(row["state"])
        decided, reason = Decided.RUN, row["reason"]
        if row["action"] != Action.RUN or state is State.SKIPPED:
            decided = Decided(Undelivered.of(row["action"], reason))
        elif row["was_cancelled"]:
            decided, reason = Decided.CANCELLED, row["error"]
        for moment in moments:
            yield Moment(
                moment,
                decided,
                reason,
                Source(row["source"]),
                row["run_id"],
                state,
                row["started_at"],
                row["finished_at"],
            )


def _others(row: Record, start: datetime, end: datetime) -> list[datetime]:
    """The other moments that a row stands for: those of the schedule that it recorded, since its period began."""
    cron, zone = KNOWN.expression(row["cron_schedule"]), KNOWN.recorded_zone(row["timezone"])
    if not isinstance(cron, Cron) or not isinstance(zone, tzinfo):
        return []
    since = max(start - timedelta(microseconds=1), row["period_start"] or start - timedelta(microseconds=1))
    until = min(end - timedelta(microseconds=1), row["scheduled_for"] - timedelta(microseconds=1))
    return cron.occurrences(since, until, zone) if since < until else []


def _standing(due: Iterable[datetime], standing: Record, pauses: Sequence[Pause]) -> Iterator[Moment]:
    """The moments of the present schedule that the ledger has no row for: on hold, not decided yet, or to come."""
    now, watermark, since = standing["now"], standing["watermark"], standing["held_since"]
    for moment in due:
        pause = next((one for one in pauses if one.lasts_at(max(moment, now))), None)
        paused = f"paused {pause.told}" if pause else ""
        if moment > now:
            yield Moment(moment, Decided.COMING, paused)
        elif since is not None and moment > since:
            yield Moment(moment, Decided.HELD, paused or Hold(standing["held_for"]).cause)
        elif watermark is not None and moment > watermark:
            yield Moment(moment, Decided.UNDECIDED, "no scheduler has ticked since")
