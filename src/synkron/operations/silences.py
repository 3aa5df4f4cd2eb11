"""Silences: incidents of an organization, a type or an endpoint are recorded but not announced for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import Advice, NotFound
from synkron.incidents.lifecycle import Incident, Silence
from synkron.incidents.store import incidents
from synkron.model import EVERYTHING, Scope
from synkron.operations.audit import record
from synkron.operations.scope import end_of, in_words, known_types, no_type, read_names
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.settings.load import Settings

SQL = statements("incidents/store")


@dataclass(frozen=True, slots=True)
class AskedSilence:
    """A requested silence; ``until`` is a moment, or a duration from now."""

    silence: Silence
    reason: str
    until: datetime | timedelta


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """What a silence would do: its subject in words, its end, and the open incidents that it covers."""

    subject: str
    until: datetime
    incidents: Sequence[Incident]


@dataclass(frozen=True, slots=True)
class RecordedSilence:
    """A recorded silence, with its subject in words; ``state`` is active, over or ended."""

    id: int
    subject: str
    org_id: str | None
    integration_type: str | None
    endpoint: str | None
    reason: str
    author: str
    starts_at: datetime
    until: datetime
    ended_at: datetime | None
    ended_by: str | None
    state: str

    @property
    def silence(self) -> Silence:
        """What it covers."""
        return Silence(self.org_id, self.integration_type, self.endpoint)


async def plan_silence(
    connection: Connection, settings: Settings, asked: AskedSilence, now: datetime, *, within: str | None = None
) -> SilencePlan:
    """What the silence would do. Raises NotFound and Refused as ``silence`` does."""
    until = end_of("silence", asked.until, now)
    subject = await _subject(connection, settings, asked.silence, within)
    return SilencePlan(subject, until, await _fitting(connection, asked.silence))


async def silence(
    connection: Connection, settings: Settings, asked: AskedSilence, author: str, *, within: str | None = None
) -> RecordedSilence:
    """Add the silence.

    Raises NotFound if its subject is unknown; Refused if its end is in the past. ``within`` an organization, what only
    others have is unknown, and so are all endpoints, which belong to everybody.
    """
    one = asked.silence
    async with write_transaction(connection) as now:
        plan = await plan_silence(connection, settings, asked, now, within=within)
        columns = (one.org_id, one.integration_type, one.endpoint, asked.reason, author, now, plan.until)
        number = await connection.fetchval(SQL["add_silence"], *columns)
        after = {"silence": number, "reason": asked.reason, "until": plan.until, "endpoint": one.endpoint}
        about = Scope(one.org_id, one.integration_type)
        await record(
            connection, author=author, action="silence", subject=plan.subject, about=about, before=None, after=after
        )
        return await _silence(connection, settings, number, now)


async def plan_unsilence(
    connection: Connection, settings: Settings, number: int, now: datetime, *, within: str | None = None
) -> SilencePlan:
    """The silence that would end, and the incidents that it covers. Raises NotFound as ``unsilence`` does."""
    found = await _active(connection, settings, number, now, within)
    return SilencePlan(found.subject, found.until, await _fitting(connection, found.silence))


async def unsilence(
    connection: Connection, settings: Settings, number: int, author: str, *, within: str | None = None
) -> RecordedSilence:
    """End the silence with this number.

    Raises NotFound if there is no active one; ``within`` an organization, those of others are unknown.
    """
    async with write_transaction(connection) as now:
        found = await _active(connection, settings, number, now, within)
        await connection.execute(SQL["end_silence"], number, now, author)
        before = {
            "silence": number,
            "reason": found.reason,
            "until": found.until,
            "author": found.author,
            "endpoint": found.endpoint,
        }
        after = {"silence": number, "ended_at": now}
        about = Scope(found.org_id, found.integration_type)
        await record(
            connection,
            author=author,
            action="unsilence",
            subject=found.subject,
            about=about,
            before=before,
            after=after,
        )
        return await _silence(connection, settings, number, now)


async def silences(
    connection: Connection,
    settings: Settings,
    around: Scope = EVERYTHING,
    *,
    ended: bool = False,
    within: str | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[RecordedSilence]:
    """The active silences, the newest first; with ``ended``, all. Only those about something of the scope.

    ``around`` has the organization and the type of its integration. ``within`` an organization, only its own. A page
    begins after the moment and the number ``before``.
    """
    async with read_transaction(connection) as now:
        return await _silences(
            connection, settings, now, around, ended=ended, within=within, before=before, limit=limit
        )


async def _subject(connection: Connection, settings: Settings, one: Silence, within: str | None) -> str:
    """The subject in words. Raises NotFound if it is not known."""
    if within is not None and one.endpoint is not None:
        raise NotFound(f"There is no endpoint {one.endpoint}.")
    names = await read_names(connection, settings, [one.org_id])
    # A subject that is not in the tables or settings may still have an incident, and can then be silenced.
    unknown = Silence(
        None if one.org_id in names else one.org_id,
        None if one.integration_type in settings.types else one.integration_type,
        one.endpoint,
    )
    asked = (unknown.org_id, unknown.integration_type, unknown.endpoint, within)
    if not await connection.fetchval(SQL["is_known"], *asked):
        raise NotFound(await _nothing_known(connection, settings, unknown, within))
    return _words(one, names)


async def _nothing_known(connection: Connection, settings: Settings, unknown: Silence, within: str | None) -> str:
    if unknown.org_id is not None:
        table = f"{settings.source.schema_name}.{settings.source.organizations.table}"
        return f"There is no organization {unknown.org_id} in {table}, and no incident about it."
    if unknown.integration_type is not None:
        said = f"{no_type(unknown.integration_type).removesuffix('.')}, and no incident about it."
        return " ".join([said, *known_types(settings, within)])
    known = [row["endpoint"] for row in await connection.fetch(SQL["endpoints"])]
    return f"There is no endpoint {unknown.endpoint}. Known endpoints: {', '.join(known) or 'none yet'}."


async def _fitting(connection: Connection, one: Silence) -> list[Incident]:
    return [found for found in await incidents(connection) if one.fits(found.condition)]


async def _active(
    connection: Connection, settings: Settings, number: int, now: datetime, within: str | None
) -> RecordedSilence:
    found = await _silences(connection, settings, now, ended=True, within=within, number=number)
    if found and found[0].state == "active":
        return found[0]
    said = f"Silence {number} has already ended." if found else f"There is no silence {number}."
    raise NotFound(said, Advice.LIST_SILENCES)


async def _silence(connection: Connection, settings: Settings, number: int, now: datetime) -> RecordedSilence:
    [found] = await _silences(connection, settings, now, ended=True, number=number)
    return found


async def _silences(
    connection: Connection,
    settings: Settings,
    now: datetime,
    around: Scope = EVERYTHING,
    *,
    ended: bool,
    within: str | None = None,
    number: int | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[RecordedSilence]:
    """The same as of ``now``; with a ``number``, that one."""
    about, page = around[:2], (*(before or (None, None)), limit)
    rows = await connection.fetch(SQL["silences"], ended, now, *about, within, number, *page)
    names = await read_names(connection, settings, {row["org_id"] for row in rows})
    return [read(RecordedSilence, row, subject=_words(read(Silence, row), names)) for row in rows]


def _words(one: Silence, names: dict[str, str]) -> str:
    about = "" if one.endpoint is None else f"endpoint {one.endpoint}"
    if one.org_id is None and one.integration_type is None:
        return about
    scope = in_words(Scope(one.org_id, one.integration_type), names)
    return f"{scope}, {about}" if about else scope
