"""Turns conditions into incidents, and incidents into announcements; reads both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from asyncpg import Record

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.lifecycle import (
    FLAPPING,
    Incident,
    IncidentChange,
    Occasion,
    OpenIncidents,
    Rules,
    Silence,
    Transition,
    plan,
)
from synkron.incidents.message import BEGINNINGS
from synkron.model import EVERYTHING, Scope
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.runtime import log
from synkron.settings.load import Settings
from synkron.text import one_line

SQL = statements("incidents/store")


@dataclass(frozen=True, slots=True)
class RecordedAnnouncement:
    """One message to one channel. ``state`` is sent, given up, failing or waiting."""

    id: int
    transition: str
    channel: str
    made_at: datetime
    next_attempt_at: datetime
    attempts: int
    sent_at: datetime | None
    given_up_at: datetime | None
    error: str | None

    @property
    def state(self) -> str:
        """Whether it was sent, given up, or is still to be sent."""
        if self.sent_at is not None:
            return "sent"
        if self.given_up_at is not None:
            return "given up"
        return "waiting" if self.error is None else "failing"


async def is_alone(connection: Connection) -> bool:
    """Whether no other scheduler turns conditions into incidents now, or can until this transaction ends."""
    return bool(await connection.fetchval(SQL["alone"]))


# requirement R17.5
async def reconcile(
    connection: Connection, conditions: Iterable[Condition], settings: Settings, at: datetime
) -> list[Transition]:
    """Open, update and close the incidents for the conditions at ``at``, and announce them, in one transaction.

    Returns what happened to each incident; nothing if another scheduler is doing this now.
    """
    async with connection.transaction(isolation="read_committed"):
        if not await is_alone(connection):
            return []
        known = await _known(connection, at)
        rules = Rules(settings.announce.settle, settings.announce.remind_every)
        transitions = await _add(connection, plan(conditions, known, rules, at))
        await _write(connection, SQL["keep"], transitions, IncidentChange.KEPT)
        closed = [one.incident.id for one in transitions if one.change is IncidentChange.CLOSED]
        if closed:
            await connection.execute(SQL["close"], closed, at)
        await _announce(connection, transitions, list(settings.announce.channels), at)
    return transitions


async def is_reported(connection: Executor, report: str, moment: datetime) -> bool:
    """Whether the report of that moment was announced."""
    return bool(await connection.fetchval(SQL["is_reported"], report, moment))


async def announce_report(
    connection: Executor,
    report: str,
    moment: datetime,
    message: Mapping[str, object],
    channels: Sequence[str],
    at: datetime,
) -> bool:
    """Announce the report of that moment, once to each channel; False if another process has done so."""
    written = json.dumps(message, ensure_ascii=False)
    return bool(await connection.fetch(SQL["announce_report"], report, moment, written, list(channels), at))


def log_transitions(transitions: Iterable[Transition]) -> None:
    """Log all that is announced: the log is a channel that is always there."""
    for one in transitions:
        if one.occasion is not None:
            condition = one.incident.condition
            write = log.info if one.occasion is Occasion.CLOSED else log.warning
            write(
                f"incident {BEGINNINGS[one.occasion]}",
                incident_id=one.incident.id,
                kind=str(condition.kind),
                title=one_line(condition.title, 200),
                remedy=condition.remedy,
            )


async def incidents(
    connection: Executor,
    *,
    closed: bool = False,
    since: datetime | None = None,
    kind: IncidentKind | None = None,
    scope: Scope = EVERYTHING,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[Incident]:
    """The open incidents, the newest first; with ``closed``, all incidents. An integration's are not told apart.

    ``before`` are the opening and the number of the incident that they come after.
    """
    rows = await connection.fetch(SQL["incidents"], closed, since, kind, *scope[:2], limit, *(before or (None, None)))
    return [incident_of(row) for row in rows]


async def incident(connection: Executor, number: int) -> tuple[Incident, list[RecordedAnnouncement]] | None:
    """One incident, with its announcements, the oldest first; None if there is no such incident."""
    row = await connection.fetchrow(SQL["incident"], number)
    if row is None:
        return None
    announcements = await connection.fetch(SQL["announcements"], number)
    return incident_of(row), [RecordedAnnouncement(**one) for one in announcements]


async def forget(connection: Executor, at: datetime, retention: timedelta) -> None:
    """Delete incidents that closed, and silences that ended, longer ago than ``retention``."""
    await connection.execute(SQL["forget"], at - retention)


def incident_of(row: Record) -> Incident:
    """The incident in a row of ``synkron.incidents``."""
    condition = read(Condition, row, kind=_kind(row["kind"]), touches=json.loads(row["touches"]))
    return read(Incident, row, condition=condition)


def _kind(text: str) -> IncidentKind:
    """The kind; a kind of a later release stays text."""
    return IncidentKind(text) if text in list(IncidentKind) else cast("IncidentKind", text)


async def _known(connection: Connection, at: datetime) -> OpenIncidents:
    return OpenIncidents(
        open=[incident_of(row) for row in await connection.fetch(SQL["open"], list(IncidentKind))],
        recent={
            (_kind(row["kind"]), row["subject"]): row["times"]
            for row in await connection.fetch(SQL["recent"], at - FLAPPING)
        },
        silences=[Silence(**row) for row in await connection.fetch(SQL["silencing"], at)],
    )


async def _add(connection: Connection, transitions: Sequence[Transition]) -> list[Transition]:
    """Insert the new incidents; returns the transitions with their numbers."""
    added = await _write(connection, SQL["add"], transitions, IncidentChange.OPENED)
    numbers = {(row["kind"], row["subject"]): row["id"] for row in added}
    return [
        replace(one, incident=replace(one.incident, id=numbers.get(one.incident.condition.key, one.incident.id)))
        for one in transitions
    ]


async def _write(
    connection: Connection, statement: str, transitions: Sequence[Transition], change: IncidentChange
) -> list[Record]:
    """Send the incidents with that change to the statement, as a JSON array of their columns."""
    rows = [asdict(one.incident.condition) | asdict(one.incident) for one in transitions if one.change is change]
    # A database in SQL_ASCII takes no escapes of other characters.
    written = json.dumps(rows, default=datetime.isoformat, ensure_ascii=False)
    return await connection.fetch(statement, written) if rows else []


async def _announce(
    connection: Connection, transitions: Sequence[Transition], channels: list[str], at: datetime
) -> None:
    told = [(one.incident.id, one.occasion) for one in transitions if one.occasion is not None]
    if told and channels:
        await connection.execute(SQL["announce"], *map(list, zip(*told, strict=True)), channels, at)
