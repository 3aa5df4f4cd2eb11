"""Pause and resume: for a while, nothing in a scope runs, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import Advice, NotFound, Refused
from synkron.model import Integration, Scope
from synkron.operations.audit import Change, record_each
from synkron.operations.pause_effects import MissedInPause, PauseEffect, due_after, foreseen, look_ahead
from synkron.operations.recorded_pauses import AnyPause, RecordedPause, recorded_pauses, with_owner
from synkron.operations.scope import (
    Covered,
    covered,
    covered_each,
    end_of,
    in_words,
    last_known,
    live,
    look_up_each,
    read_named_rows,
    read_names,
    unfinished,
)
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.scheduler.holds import read_held, read_pauses
from synkron.scheduler.pauses import Pause, scopes_over, until_when
from synkron.scheduler.policies import read_policies
from synkron.settings.load import Settings

SQL = statements("operations/operations")


@dataclass(frozen=True, slots=True)
class AskedPause:
    """A requested pause of each scope; ``until`` is a moment, a duration from now, or None: until it is resumed."""

    scopes: Sequence[Scope]
    reason: str
    until: datetime | timedelta | None = None


@dataclass(frozen=True, slots=True)
class PausePlan:
    """What pauses would do to ``live`` integrations. The ``running`` runs continue, the ``claimed`` ones wait."""

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

    pauses: Sequence[Pause]
    subject: str
    still_paused: int
    consequences: Sequence[PauseEffect]


async def plan_pause(
    connection: Connection, settings: Settings, asked: AskedPause, now: datetime, *, within: str | None = None
) -> PausePlan:
    """What the pauses would do. Raises NotFound and Refused as ``pause`` does."""
    found, until = await _pausable(connection, settings, asked, now, within)
    rows = live({row.integration_id: row for one in found for row in one.rows}.values(), settings.types)
    policies = await read_policies(connection, settings.policies, rows)
    running, claimed = await unfinished(connection, asked.scopes)
    ahead = look_ahead(rows, now, until, settings.types)
    return PausePlan(_together(found), until, len(rows), ahead, running, claimed, foreseen(rows, policies))


async def pause(
    connection: Connection, settings: Settings, asked: AskedPause, author: str, *, within: str | None = None
) -> list[RecordedPause]:
    """Pause each of the scopes, or none; returns the pauses in their order.

    Raises NotFound if a scope does not exist; Refused if the end is in the past, or exactly one of them is paused.
    ``within`` an organization, the integrations of others are unknown.
    """
    async with write_transaction(connection) as now:
        found, until = await _pausable(connection, settings, asked, now, within)
        columns = map(list, zip(*asked.scopes, strict=True))
        rows = await connection.fetch(SQL["add_pauses"], *columns, asked.reason, author, until)
        numbers = [row["id"] for row in rows]
        changes = [
            Change(one.subject, one.about, None, {"pause": number, "reason": asked.reason, "until": until})
            for one, number in zip(found, numbers, strict=True)
        ]
        await record_each(connection, author=author, action="pause", changes=changes)
        made = await recorded_pauses(connection, settings, numbers=numbers)
    return made[::-1]


async def plan_resume(
    connection: Connection,
    settings: Settings,
    asked: Sequence[int | Scope],
    now: datetime,
    *,
    within: str | None = None,
) -> ResumePlan:
    """What ending these pauses would do. Raises NotFound as ``resume`` does."""
    ending, lasting = await _active(connection, settings, asked, now, within)
    found = await covered_each(connection, settings, [one.scope for one in ending])
    rows = {row.integration_id: row for one in found for row in one.rows}
    others = {one.scope for one in lasting}
    free = [row for row in rows.values() if others.isdisjoint(scopes_over(row))]
    held = await read_held(connection, [row.integration_id for row in free])
    known = [row for row in live(free, settings.types) if row.integration_id in held]
    policies = await read_policies(connection, settings.policies, known)
    undecided = [(row, held[row.integration_id]) for row in known]
    consequences = due_after(undecided, now, policies, settings.types)
    owned = [with_owner(one, _row_of(one, own)) for one, own in zip(ending, found, strict=True)]
    return ResumePlan(owned, _together(found), len(rows) - len(free), consequences)


async def resume(
    connection: Connection, settings: Settings, asked: Sequence[int | Scope], author: str, *, within: str | None = None
) -> list[RecordedPause]:
    """End each of the pauses with these numbers or exactly these scopes, or none; returns them in their order.

    Raises NotFound if there is no such active pause; ``within`` an organization, those of others are unknown.
    """
    async with write_transaction(connection) as now:
        ending, _ = await _active(connection, settings, asked, now, within)
        numbers = [one.id for one in ending]
        await connection.execute(SQL["end_pauses"], numbers, author)
        ended = {one.id: one for one in await recorded_pauses(connection, settings, ended=True, numbers=numbers)}
        changes = [
            Change(
                ended[one.id].subject,
                ended[one.id].scope,
                {"pause": one.id, "reason": one.reason, "until": one.until, "author": one.author},
                {"pause": one.id, "ended_at": ended[one.id].ended_at},
            )
            for one in ending
        ]
        await record_each(connection, author=author, action="resume", changes=changes)
    return [ended[number] for number in numbers]


async def _pausable(
    connection: Connection, settings: Settings, asked: AskedPause, now: datetime, within: str | None
) -> tuple[list[Covered], datetime | None]:
    """What would be paused, and until when."""
    known = asked.scopes
    if within is not None:
        known = [one if one.integration_id is None else one._replace(org_id=within) for one in known]
    found = await look_up_each(connection, settings, known)
    until = None if asked.until is None else end_of("pause", asked.until, now)
    active = {one.scope: one for one in await read_pauses(connection, now)}
    for scope, one in zip(asked.scopes, found, strict=True):
        if other := active.get(scope):
            raise Refused(
                f"{one.subject[0].upper()}{one.subject[1:]} is already paused: pause {other.id} by {other.author} "
                f"({other.reason}) lasts {until_when(other.until)}.",
                Advice.PAUSE_ANEW,
                number=other.id,
            )
    return found, until


async def _active(
    connection: Connection, settings: Settings, asked: Sequence[int | Scope], now: datetime, within: str | None
) -> tuple[list[Pause], list[Pause]]:
    """The pauses that are meant, and the other active ones."""
    active = await read_pauses(connection, now)
    known = active if within is None else await _of(connection, settings, active, within)
    by_name: dict[int | Scope, Pause] = {name: one for one in known for name in (one.id, one.scope)}
    for one in asked:
        if one not in by_name:
            said = await _unknown(connection, settings, one, active, within)
            raise NotFound(said, Advice.LIST_PAUSES)
    meant = {by_name[one].id: by_name[one] for one in asked}
    return list(meant.values()), [one for one in active if one.id not in meant]


async def _of(connection: Connection, settings: Settings, found: Sequence[AnyPause], org_id: str) -> list[AnyPause]:
    """Those of the pauses that are of this organization, or of an integration that is its own, or was until it went."""
    ids = {one.integration_id for one in found if one.integration_id is not None}
    owners: dict[str, str | None] = {
        row.integration_id: row.org_id for row in await read_named_rows(connection, settings, ids)
    }
    owners |= {key: one.org_id for key, one in (await last_known(connection, ids - owners.keys())).items()}
    return [one for one in found if org_id in (one.org_id, owners.get(one.integration_id or ""))]


async def _unknown(
    connection: Connection, settings: Settings, asked: int | Scope, active: Sequence[Pause], within: str | None
) -> str:
    """That no such pause is active, and which wider ones hold what is asked for."""
    if isinstance(asked, int):
        known = await recorded_pauses(connection, settings, ended=True, numbers=[asked])
        if within is not None:
            known = await _of(connection, settings, known, within)
        return f"Pause {asked} has already ended." if known else f"There is no pause {asked}."
    about = asked if asked.integration_id is None else (await covered(connection, settings, asked)).about
    names = await read_names(connection, settings, [about.org_id])
    wider = [one for one in active if one.scope.holds(about)] if within in (None, about.org_id) else []
    holding = ", ".join(f"pause {one.id} ({in_words(one.scope, names)})" for one in wider)
    said = f"There is no active pause of exactly {in_words(asked, names)}."
    return f"{said} It is under {holding}." if holding else said


def _row_of(one: Pause, found: Covered) -> Integration | None:
    """The row of the pause's integration, if it is of one and the row is there."""
    return next(iter(found.rows), None) if one.integration_id is not None else None


def _together(found: Sequence[Covered]) -> str:
    """What is covered, in words."""
    return found[0].subject if len(found) == 1 else f"{len(found):,} integrations"
