"""What an operation applies to: an integration, an organization, a type, a type of an organization, or everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import Advice, NotFound, Refused, SourceTableMissing
from synkron.model import Integration, InvalidIntegration, Scope
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.source.due import misplaced, schedule_of
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of
from synkron.text import called

# Of the ids that nothing has, so many are named.
MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class Covered:
    """What is in a scope: the scope in words, its rows, and the names of its organizations.

    It is ``about`` the scope; of an integration, also about its organization and type, unless its row is gone.
    """

    subject: str
    about: Scope
    rows: list[Integration]
    names: Mapping[str, str]


async def look_up(connection: Connection, settings: Settings, scope: Scope) -> Covered:
    """What is in the scope now, in the caller's transaction. Raises NotFound if the scope does not exist."""
    [found] = await look_up_each(connection, settings, [scope])
    return found


async def look_up_each(connection: Connection, settings: Settings, scopes: Sequence[Scope]) -> list[Covered]:
    """What is in each of the scopes now. Raises NotFound if one does not exist."""
    found = await covered_each(connection, settings, scopes)
    by_scope = list(zip(scopes, found, strict=True))
    # An empty text names nothing, either: it is no way to leave the integration out.
    ids = [scope.integration_id for scope, one in by_scope if not one.rows]
    if missing := [one or '""' for one in ids if one is not None]:
        raise no_integration(*missing)
    for scope, one in by_scope:
        if scope.org_id is not None and scope.org_id not in one.names:
            raise no_organization(settings, scope.org_id)
        if scope.integration_type is not None and scope.integration_type not in settings.types:
            raise NotFound(" ".join([no_type(scope.integration_type), *known_types(settings, scope.org_id)]))
    return found


def no_integration(*ids: str) -> NotFound:
    """That there are none with these ids. Who may not know of one is told the same."""
    listed = ", ".join(ids[:MOST_LISTED]) + (", ..." if len(ids) > MOST_LISTED else "")
    return NotFound(f"There is no integration {listed}.", Advice.LIST_INTEGRATIONS)


def no_type(integration_type: str) -> str:
    """That there is no such type."""
    return f'There is no integration type "{integration_type}".'


def known_types(settings: Settings, org_id: str | None) -> list[str]:
    """The types of the settings, in a sentence; none within an organization: who is tied to it knows its own alone."""
    return [f"The settings know {', '.join(sorted(settings.types))}."] if org_id is None else []


def no_organization(settings: Settings, org_id: str) -> NotFound:
    """That there is no such organization. Who may not know of it is told the same."""
    table = f"{settings.source.schema_name}.{settings.source.organizations.table}"
    return NotFound(f"There is no organization {org_id} in {table}.")


async def covered(connection: Connection, settings: Settings, scope: Scope) -> Covered:
    """What is in the scope, perhaps nothing."""
    [found] = await covered_each(connection, settings, [scope])
    return found


async def covered_each(connection: Connection, settings: Settings, scopes: Sequence[Scope]) -> list[Covered]:
    """What is in each of the scopes, perhaps nothing: however many there are, the tables are read twice."""
    named: defaultdict[str | None, list[Integration]] = defaultdict(list)
    for row in await read_named_rows(connection, settings, [one.integration_id for one in scopes]):
        named[row.integration_id].append(row)
    wide = await _read_wide(connection, settings, [one for one in scopes if one.integration_id is None])
    owned: defaultdict[str | None, list[Integration]] = defaultdict(list)
    for row in wide:
        owned[row.org_id].append(row)

    def near(one: Scope) -> list[Integration]:
        if one.integration_id is not None:
            return named[one.integration_id]
        return wide if one.org_id is None else owned[one.org_id]

    rows = [[row for row in near(one) if one.holds(row)] for one in scopes]
    org_ids = {one.org_id for one in scopes} | {row.org_id for own in rows for row in own}
    names = await read_names(connection, settings, org_ids)
    return [
        Covered(subject_of(one, next(iter(own), None), names), _about(one, own), own, names)
        for one, own in zip(scopes, rows, strict=True)
    ]


async def read_rows(connection: Connection, settings: Settings, scope: Scope) -> list[Integration]:
    """The integrations of the scope, enabled or not, by organization."""
    source = await secured(connection, settings)
    rows = await connection.fetch(source.sql("source/reader")["rows"], *scope)
    return [integration_of(row) for row in rows]


async def read_named_rows(connection: Connection, settings: Settings, ids: Collection[str | None]) -> list[Integration]:
    """The integrations that have exactly these ids. Any text may be given: what the id's column can't hold is no id."""
    texts = {one for one in ids if one is not None}
    rows = await read_rows_by_id(connection, settings, texts) if texts else []
    return [row for row in rows if row.integration_id in texts]


async def _read_wide(connection: Connection, settings: Settings, scopes: Sequence[Scope]) -> list[Integration]:
    """The integrations of organizations, types or everything, by organization, and some that are in no scope."""
    if not scopes:
        return []
    source = await secured(connection, settings)
    org_ids = [one.org_id for one in scopes if one.org_id is not None]
    types = [one.integration_type for one in scopes if one.org_id is None]
    asked = org_ids, [one for one in types if one is not None], None in types
    rows = await connection.fetch(source.sql("operations/operations")["of_scopes"], *asked)
    return [integration_of(row) for row in rows]


async def read_rows_by_id(connection: Connection, settings: Settings, ids: Collection[str]) -> list[Integration]:
    """The integrations with these ids that exist, enabled or not."""
    source = await secured(connection, settings)
    rows = await connection.fetch(source.sql("operations/operations")["by_id"], list(ids))
    return [integration_of(row) for row in rows]


async def last_known(connection: Connection, ids: Collection[str]) -> dict[str, Scope]:
    """Whose those of the integrations were that are on record, by id: for those whose rows are gone."""
    rows = await connection.fetch(statements("operations/operations")["last_known"], list(ids)) if ids else []
    return {row["id"]: Scope(row["org_id"], row["integration_type"], row["id"]) for row in rows}


async def read_names(connection: Connection, settings: Settings, org_ids: Collection[str | None]) -> dict[str, str]:
    """The names of those organizations that exist."""
    source = await secured(connection, settings)
    rows = await connection.fetch(source.sql("source/reader")["names"], [one for one in org_ids if one is not None])
    return {row["org_id"]: row["name"] for row in rows}


async def known_names(connection: Connection, settings: Settings, org_ids: Collection[str | None]) -> dict[str, str]:
    """The same; none where the application's tables can't be read, as what is on record stands without them."""
    try:
        async with SourceQueries(settings.source).in_words(), connection.transaction():
            return await read_names(connection, settings, org_ids)
    except (Refused, SourceTableMissing):
        return {}


async def secured(connection: Connection, settings: Settings) -> SourceQueries:
    """The queries of the tables, which the caller's transaction may read from now on."""
    source = SourceQueries(settings.source)
    await source.secure(connection)
    return source


async def unfinished(connection: Connection, scopes: Sequence[Scope]) -> tuple[int, int]:
    """How many runs of what is in the scopes are running, and how many are waiting."""
    ids = [one.integration_id for one in scopes if one.integration_id is not None]
    wide = [one for one in scopes if one.integration_id is None]
    columns = [one.org_id for one in wide], [one.integration_type for one in wide]
    [row] = await connection.fetch(statements("operations/operations")["unfinished"], ids, *columns)
    return row["running"], row["claimed"]


def live(rows: Iterable[Integration], types: Collection[str]) -> list[Integration]:
    """Those that are enabled, have a schedule, and can run."""
    return [
        row
        for row in rows
        if row.is_enabled
        and row.cron_schedule is not None
        and misplaced(row, types) is None
        and not isinstance(schedule_of(row, row.cron_schedule), InvalidIntegration)
    ]


def in_words(scope: Scope, names: Mapping[str, str]) -> str:
    """The scope as people and the audit read it."""
    if scope.integration_id is not None:
        return f"integration {scope.integration_id}"
    organization = f"organization {scope.org_id}"
    if name := called(names.get(scope.org_id or ""), ""):
        organization += f" ({name})"
    if scope.integration_type is None:
        return "everything" if scope.org_id is None else organization
    return f"type {scope.integration_type}" + ("" if scope.org_id is None else f" of {organization}")


def subject_of(scope: Scope, row: Integration | None, names: Mapping[str, str]) -> str:
    """The same; of an integration, which has this ``row``, also its type and organization, or that its row is gone."""
    words = in_words(scope, names)
    if scope.integration_id is None:
        return words
    if row is None:
        return f"{words} (its row is gone)"
    return f"{words} ({row.integration_type} of {called(names.get(row.org_id), row.org_id)})"


def _about(scope: Scope, rows: Sequence[Integration]) -> Scope:
    return scope_of_row(rows[0]) if scope.integration_id is not None and rows else scope


def scope_of_row(row: Integration) -> Scope:
    """The scope of one integration, with its organization and type."""
    return Scope(row.org_id, row.integration_type, row.integration_id)


def end_of(what: str, until: datetime | timedelta, now: datetime) -> datetime:
    """When a pause or silence ends, which is asked for by a moment or a duration. Raises Refused if that is past."""
    end = now + until if isinstance(until, timedelta) else until
    if end <= now:
        raise Refused(
            f"The {what} would end at {end:%Y-%m-%dT%H:%M:%SZ}, which is in the past: the database's clock shows "
            f"{now:%Y-%m-%dT%H:%M:%SZ}.",
            Advice.END_LATER,
        )
    return end
