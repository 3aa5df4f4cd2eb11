"""Pause and resume: for a while, nothing in a scope runs, and nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import NotFound, Refused
from synkron.model import EVERYTHING, Integration, Scope
from synkron.operations.audit import record
from synkron.operations.pause_effects import MissedInPause, PauseEffect, due_after, foreseen, look_ahead
from synkron.operations.scope import (
    Covered,
    covered,
    end_of,
    in_words,
    live,
    look_up,
    meet,
    read_names,
    read_rows_by_id,
)
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_held, read_pauses
from synkron.scheduler.pauses import Pause, until_when
from synkron.scheduler.policies import read_policies
from synkron.settings.load import Settings

SQL = statements("operations/operations")


@dataclass(frozen=True, slots=True)
class AskedPause:
    """A requested pause; ``until`` is a moment, a duration from now, or None: until it is resumed."""

    scope: Scope
    reason: str
    until: datetime | timedelta | None = None


@dataclass(frozen=True, slots=True)
class PausePlan:
    """What a pause would do to ``live`` integrations. The ``running`` runs continue, the ``claimed`` ones wait."""

    subject: str
    until: datetime | None
    live: int
    ahead: MissedInPause
    running: int
    claimed: int
    consequences: Sequence[PauseEffect]


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What resuming would do. Another pause covers ``still_paused`` integrations; the next tick decides the others."""

    pause: Pause
    subject: str
    still_paused: int
    consequences: Sequence[PauseEffect]


@dataclass(frozen=True, slots=True)
class RecordedPause(Pause):
    """A recorded pause, with its subject in words; ``state`` is active, over or ended."""

    subject: str
    ended_at: datetime | None
    ended_by: str | None
    state: str


async def plan_pause(connection: Connection, settings: Settings, asked: AskedPause, now: datetime) -> PausePlan:
    """What the pause would do. Raises NotFound and Refused as ``pause`` does."""
    found, until = await _pausable(connection, settings, asked, now)
    rows = live(found.rows, settings.types)
    policies = await read_policies(connection, settings.policies, rows)
    [unfinished] = await connection.fetch(SQL["unfinished"], *asked.scope)
    return PausePlan(
        found.subject,
        until,
        len(rows),
        look_ahead(rows, now, until, settings.types),
        unfinished["running"],
        unfinished["claimed"],
        foreseen(rows, policies),
    )


async def pause(connection: Connection, settings: Settings, asked: AskedPause, author: str) -> RecordedPause:
    """Pause the scope.

    Raises NotFound if the scope does not exist; Refused if the end is in the past, or exactly this scope is paused.
    """
    async with write_transaction(connection) as now:
        found, until = await _pausable(connection, settings, asked, now)
        number = await connection.fetchval(SQL["add_pause"], *asked.scope, asked.reason, author, until)
        after = {"pause": number, "reason": asked.reason, "until": until}
        await record(connection, author=author, action="pause", subject=found.subject, before=None, after=after)
        [made] = [one for one in await _pauses(connection, settings, ended=False) if one.id == number]
    return made


async def plan_resume(connection: Connection, settings: Settings, asked: int | Scope, now: datetime) -> ResumePlan:
    """What ending the pause with this number or exactly this scope would do. Raises NotFound as ``resume`` does."""
    paused, others = await _active(connection, settings, asked, now)
    found = await covered(connection, settings, paused.scope)
    free = [row for row in found.rows if not any(other.scope.holds(row) for other in others)]
    held = await read_held(connection, [row.integration_id for row in free])
    known = [row for row in live(free, settings.types) if row.integration_id in held]
    policies = await read_policies(connection, settings.policies, known)
    undecided = [(row, held[row.integration_id]) for row in known]
    return ResumePlan(
        paused, found.subject, len(found.rows) - len(free), due_after(undecided, now, policies, settings.types)
    )


async def resume(connection: Connection, settings: Settings, asked: int | Scope, author: str) -> RecordedPause:
    """End the pause with this number or exactly this scope. Raises NotFound if there is no such active pause."""
    async with write_transaction(connection) as now:
        paused, _ = await _active(connection, settings, asked, now)
        await connection.execute(SQL["end_pause"], paused.id, author)
        [ended] = [one for one in await _pauses(connection, settings, ended=True) if one.id == paused.id]
        before = {"pause": paused.id, "reason": paused.reason, "until": paused.until, "author": paused.author}
        after = {"pause": paused.id, "ended_at": ended.ended_at}
        await record(connection, author=author, action="resume", subject=ended.subject, before=before, after=after)
    return ended


async def pauses(
    connection: Connection, settings: Settings, around: Scope = EVERYTHING, *, ended: bool = False
) -> list[RecordedPause]:
    """The active pauses, the newest first; with ``ended``, all. Only those that hold something of the scope.

    ``around`` has the organization and the type of its integration. The pause of an integration that is gone is in no
    other scope: nothing says whose it was.
    """
    async with read_transaction(connection):
        found = await _pauses(connection, settings, ended=ended)
        if around == EVERYTHING:
            return found
        ids = [one.scope.integration_id for one in found if one.scope.integration_id is not None]
        rows = {row.integration_id: row for row in await read_rows_by_id(connection, settings, ids)}
    return [one for one in found if _is_about(one.scope, rows, around)]


def _is_about(scope: Scope, rows: Mapping[str, Integration], around: Scope) -> bool:
    if scope.integration_id is None:
        return meet(scope, around)
    row = rows.get(scope.integration_id)
    if row is None:
        return scope.integration_id == around.integration_id
    return meet(Scope(row.org_id, row.integration_type, row.integration_id), around)


async def _pausable(
    connection: Connection, settings: Settings, asked: AskedPause, now: datetime
) -> tuple[Covered, datetime | None]:
    """What would be paused, and until when."""
    found = await look_up(connection, settings, asked.scope)
    until = None if asked.until is None else end_of("pause", asked.until, now)
    for other in await read_pauses(connection, now):
        if other.scope == asked.scope:
            raise Refused(
                f"{found.subject[0].upper()}{found.subject[1:]} is already paused: pause {other.id} by {other.author} "
                f"({other.reason}) lasts {until_when(other.until)}. To change it, end it with "
                f"`synkron resume --number {other.id}`, and pause again."
            )
    return found, until


async def _active(
    connection: Connection, settings: Settings, asked: int | Scope, now: datetime
) -> tuple[Pause, list[Pause]]:
    """The pause that is meant, and the other active ones."""
    active = await read_pauses(connection, now)
    meant = [one for one in active if asked in (one.id, one.scope)]
    if not meant:
        raise NotFound(f"{await _unknown(connection, settings, asked)} `synkron pauses` lists the active ones.")
    return meant[0], [one for one in active if one is not meant[0]]


async def _unknown(connection: Connection, settings: Settings, asked: int | Scope) -> str:
    if isinstance(asked, int):
        known = [one for one in await _pauses(connection, settings, ended=True) if one.id == asked]
        return f"Pause {asked} has already ended." if known else f"There is no pause {asked}."
    names = await read_names(connection, settings, [asked.org_id])
    return f"There is no active pause of exactly {in_words(asked, names)}."


async def _pauses(connection: Connection, settings: Settings, *, ended: bool) -> list[RecordedPause]:
    rows = await connection.fetch(SQL["pauses"], ended)
    names = await read_names(connection, settings, {row["org_id"] for row in rows})
    return [read(RecordedPause, row, subject=in_words(read(Scope, row), names)) for row in rows]
