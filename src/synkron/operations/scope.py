"""What an operation applies to: an integration, an organization, a type, a type of an organization, or everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.errors import NotFound, Refused, SourceTableMissing
from synkron.model import Integration, InvalidIntegration, Scope
from synkron.postgres.connection import Connection
from synkron.settings.load import Settings
from synkron.source.due import misplaced, schedule_of
from synkron.source.queries import SourceQueries
from synkron.source.reader import integration_of


@dataclass(frozen=True, slots=True)
class Covered:
    """What is in a scope: the scope in words, its rows, and the names of its organizations."""

    subject: str
    rows: list[Integration]
    names: Mapping[str, str]


async def look_up(connection: Connection, settings: Settings, scope: Scope) -> Covered:
    """What is in the scope now, in the caller's transaction. Raises NotFound if the scope does not exist."""
    found = await covered(connection, settings, scope)
    if scope.integration_id is not None and not found.rows:
        raise NotFound(f"There is no integration {scope.integration_id}. `synkron next` lists those due next.")
    if scope.org_id is not None and scope.org_id not in found.names:
        table = f"{settings.source.schema_name}.{settings.source.organizations.table}"
        raise NotFound(f"There is no organization {scope.org_id} in {table}.")
    if scope.integration_type is not None and scope.integration_type not in settings.types:
        raise NotFound(
            f'There is no integration type "{scope.integration_type}". '
            f"The settings know {', '.join(sorted(settings.types))}."
        )
    return found


async def covered(connection: Connection, settings: Settings, scope: Scope) -> Covered:
    """What is in the scope, perhaps nothing."""
    rows = await read_rows(connection, settings, scope)
    names = await read_names(connection, settings, {scope.org_id, *(row.org_id for row in rows)})
    return Covered(subject_of(scope, next(iter(rows), None), names), rows, names)


async def read_rows(connection: Connection, settings: Settings, scope: Scope) -> list[Integration]:
    """The integrations of the scope, enabled or not, by organization."""
    source = await _secured(connection, settings)
    rows = await connection.fetch(source.sql("source/reader")["rows"], *scope)
    return [integration_of(row) for row in rows]


async def read_rows_by_id(connection: Connection, settings: Settings, ids: Collection[str]) -> list[Integration]:
    """The integrations with these ids that exist, enabled or not."""
    source = await _secured(connection, settings)
    statement = await source.fit(connection, source.sql("operations/operations")["by_id"])
    return [integration_of(row) for row in await connection.fetch(statement, list(ids))]


async def read_names(connection: Connection, settings: Settings, org_ids: Collection[str | None]) -> dict[str, str]:
    """The names of those organizations that exist."""
    source = await _secured(connection, settings)
    rows = await connection.fetch(source.sql("source/reader")["names"], [one for one in org_ids if one is not None])
    return {row["org_id"]: row["name"] for row in rows}


async def known_names(connection: Connection, settings: Settings, org_ids: Collection[str | None]) -> dict[str, str]:
    """The same; none where the application's tables can't be read, as what is on record stands without them."""
    try:
        async with SourceQueries(settings.source).in_words(), connection.transaction():
            return await read_names(connection, settings, org_ids)
    except (Refused, SourceTableMissing):
        return {}


async def _secured(connection: Connection, settings: Settings) -> SourceQueries:
    """The queries of the tables, which the caller's transaction may read from now on."""
    source = SourceQueries(settings.source)
    await source.secure(connection)
    return source


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
    if scope.org_id is not None and names.get(scope.org_id):
        organization += f" ({names[scope.org_id]})"
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
    return f"{words} ({row.integration_type} of {names.get(row.org_id) or row.org_id})"


def meet(one: Scope, other: Scope) -> bool:
    """Whether something may be in both scopes, each with the organization and the type of its integration."""
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in zip(one, other, strict=True))


def end_of(what: str, until: datetime | timedelta, now: datetime) -> datetime:
    """When a pause or silence ends, which is asked for by a moment or a duration. Raises Refused if that is past."""
    end = now + until if isinstance(until, timedelta) else until
    if end <= now:
        raise Refused(
            f"The {what} would end at {end:%Y-%m-%dT%H:%M:%SZ}, which is in the past: the database's clock shows "
            f"{now:%Y-%m-%dT%H:%M:%SZ}. Give a later --until, or a duration with --for."
        )
    return end
