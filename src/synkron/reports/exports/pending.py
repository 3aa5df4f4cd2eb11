"""Reads the undecided periods of a range: of rows that are paused or can't run, and those since the last tick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from asyncpg import Record

from synkron.ledger.claims import continued
from synkron.model import Fault, Integration, InvalidIntegration, Occurrences, Scope, Steps, Window
from synkron.postgres.connection import Connection
from synkron.reports.exports.coverage import LONGEST_DETAIL, Period, Reason
from synkron.runtime import by_turns
from synkron.scheduler.holds import read_paused
from synkron.scheduler.undecided import undecided
from synkron.settings.load import Settings
from synkron.source.due import occurrences_in_steps
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of, read_window
from synkron.text import one_line

HALF_MINUTE = timedelta(seconds=30)
# Why a row can't run, for people who don't run systems; `synkron check` says it exactly.
PLAINLY: Mapping[Fault, str] = {
    Fault.SCHEDULE: "its schedule is invalid",
    Fault.ORGANIZATION: "its organization is missing",
    Fault.ZONE: "its organization's time zone is unknown",
    Fault.TYPE: "its integration type is unknown",
    Fault.ROW: "its row is invalid",
    Fault.INTERNAL: "Synkron has an internal fault",
}

Key: TypeAlias = tuple[str, str, str]
"""An integration's id, its organization's, and its type."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The time now, up to where everything is decided, and where the ticks on record begin; None before the first."""

    now: datetime
    watermark: datetime | None
    recorded_since: datetime | None

    def is_before_records(self, window: Window) -> bool:
        """Whether the window ends before there was a tick."""
        return self.recorded_since is not None and self.recorded_since >= window.end


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that no tick decides: on hold since a moment, or with a value that can't be used."""

    row: Integration
    since: datetime | None


async def read_pending(
    connection: Connection, source: SourceQueries, settings: Settings, window: Window, frame: Frame, scope: Scope
) -> dict[Key, list[Period]]:
    """The undecided periods by integration, in the caller's secured transaction. The window does not extend beyond now.

    The present rows say what is undecided. A row that is invalid was so since its last decided moment.
    """
    if frame.watermark is None:
        return {}
    sql = source.sql("reports/exports/pending")
    rows = await connection.fetch(sql["left_out"], *scope)
    held, invalid = await by_turns(_left_out([_left_out_row(row) for row in rows], window, settings))
    known = {row["integration_id"] for row in rows}
    # The rows with an invalid schedule are read with whatever is due; for these alone, half a minute is read.
    read = await read_window(
        connection, Window(min(frame.watermark, window.end - HALF_MINUTE), window.end), source, settings.types
    )
    invalid += [one for one in read.invalid if one.integration_id not in known and scope.holds(one)]
    after = max(frame.watermark, window.start)
    due = [
        one
        for one in read.due
        if one.moments[-1] > after and one.integration.integration_id not in known and scope.holds(one.integration)
    ]
    found: dict[Key, list[Period]] = defaultdict(list)
    for one in await _without_decided(connection, sql["decided"], due, Window(after, window.end)):
        found[_key(one.integration)] += _periods(one, Reason.UNDECIDED, "no scheduler has ticked since", window)
    pauses = await read_paused(connection, [one.integration for one in held], frame.now)
    for one in await _without_decided(connection, sql["decided"], held, window):
        pause = pauses.get(one.integration.integration_id)
        detail = "" if pause is None else one_line(pause.told, LONGEST_DETAIL)
        found[_key(one.integration)] += _periods(one, Reason.PAUSED, detail, window)
    last = await connection.fetch(sql["last"], [one.integration_id for one in invalid])
    decided_until = {row["integration_id"]: row["at"] for row in last}
    for bad in invalid:
        known_from = decided_until.get(bad.integration_id) or frame.recorded_since or window.start
        if frame.is_before_records(window) and bad.integration_id not in decided_until:
            # Nobody saw which of its moments were due. The row is named, for what it is now.
            known_from, bad = window.start, replace(bad, due=None)
        since = max(window.start, known_from)
        found[bad.integration_id, bad.org_id, bad.integration_type] += _of_invalid(bad, Window(since, window.end))
    return {key: periods for key, periods in found.items() if periods}


def _left_out_row(row: Record) -> LeftOut:
    return LeftOut(integration_of(row), row["held_since"])


def _left_out(
    rows: Iterable[LeftOut], window: Window, settings: Settings
) -> Steps[tuple[list[Occurrences], list[InvalidIntegration]]]:
    """What is due of the rows on hold, and the invalid rows. Rows on hold since the same moment share the work."""
    alike: dict[datetime, list[Integration]] = defaultdict(list)
    for one in rows:
        alike[max(window.start, one.since or window.start)].append(one.row)
    due: list[Occurrences] = []
    invalid: list[InvalidIntegration] = []
    for since, group in alike.items():
        some, faulty = yield from occurrences_in_steps(group, Window(since, window.end), settings.types)
        due += some
        invalid += faulty
    return due, invalid


async def _without_decided(
    connection: Connection, statement: str, due: Sequence[Occurrences], window: Window
) -> list[Occurrences]:
    """Those that pg_cron has not claimed and nobody has backfilled, with the periods that a tick would give them."""
    if not due:
        return []
    ids = [one.integration.integration_id for one in due]
    rows = await connection.fetch(statement, ids, window.start, window.end)
    decided: Mapping[str, set[datetime]] = {row["integration_id"]: set(row["moments"]) for row in rows}
    parts: list[Occurrences] = []
    for one in due:
        parts += undecided(one, decided.get(one.integration.integration_id, ()))
    return await continued(connection, parts)


def _periods(one: Occurrences, reason: Reason, detail: str, window: Window) -> Iterator[Period]:
    for since, moment in zip(one.starts(), one.moments, strict=True):
        if window.start < moment <= window.end:
            yield Period(max(since or window.start, window.start), moment, reason, 1, detail)


def _of_invalid(one: InvalidIntegration, window: Window) -> Iterator[Period]:
    """The moments of an invalid row, or, where they can't be known, its time alone."""
    detail = PLAINLY[one.fault]
    if one.due is None:
        if window.start < window.end:
            yield Period(window.start, window.end, Reason.INVALID, 0, detail)
        return
    since = window.start
    for moment in one.due.moments:
        if window.start < moment <= window.end:
            yield Period(since, moment, Reason.INVALID, 1, detail)
            since = moment


def _key(one: Integration) -> Key:
    return one.integration_id, one.org_id, one.integration_type
