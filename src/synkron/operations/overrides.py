"""Overrides: settings of one integration that replace those of its type's policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from asyncpg import Record
from pydantic import ValidationError

from synkron.errors import Advice, NotFound, Refused, SettingsError
from synkron.model import EVERYTHING, Integration, Scope
from synkron.operations.audit import record
from synkron.operations.scope import (
    Covered,
    covered,
    last_known,
    look_up,
    no_integration,
    read_named_rows,
    read_names,
    read_rows_by_id,
    secured,
)
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.scheduler.policies import OVERRIDABLE, overridden
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings, TypeSettings, fault_in
from synkron.text import duration_text

SQL = statements("operations/operations")
# The values by key, as in the database; a missing key is not set.
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Override:
    """The overrides of one integration. ``integration`` is None if the application has deleted it."""

    integration_id: str
    integration: Integration | None
    organization: str
    values: Values


@dataclass(frozen=True, slots=True)
class OverrideChange:
    """The values of an override before and after a change, and whom it is ``about``; otherwise as ``Override``."""

    subject: str
    about: Scope
    integration_id: str
    integration: Integration | None
    before: Values
    after: Values


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value of a policy in effect; ``origin`` is override, settings or default."""

    key: str
    value: object
    origin: str


def checked(texts: Mapping[str, object], settings: Settings) -> dict[str, object]:
    """The values, checked in the same way as those in the settings. Raises SettingsError with every fault."""
    try:
        read = TypeSettings.model_validate(dict(texts))
    except ValidationError as error:
        raise SettingsError([fault_in(detail) for detail in error.errors()]) from None
    values = {key: getattr(read, key) for key in texts}
    window = values.get("catch_up_window")
    if isinstance(window, timedelta) and window >= settings.retention:
        limit = duration_text(settings.retention)
        raise SettingsError([f"catch_up_window: expected a duration shorter than the retention ({limit})"])
    return values


async def plan_set(
    connection: Connection, settings: Settings, integration_id: str, values: Values, *, within: str | None = None
) -> OverrideChange:
    """What setting these would change. Raises NotFound as ``set_override`` does."""
    found = await look_up(connection, settings, Scope(within, integration_id=integration_id))
    before = _values(await _row(connection, integration_id))
    after = before | dict(values)
    after = {key: after[key] for key in OVERRIDABLE if key in after}
    return OverrideChange(found.subject, found.about, integration_id, found.rows[0], before, after)


async def set_override(
    connection: Connection,
    settings: Settings,
    integration_id: str,
    values: Values,
    author: str,
    *,
    within: str | None = None,
) -> OverrideChange:
    """Set the values for the integration; other overrides stay.

    Raises NotFound if there is no such integration; ``within`` an organization, those of others are unknown.
    """
    async with write_transaction(connection):
        change = await plan_set(connection, settings, integration_id, values, within=within)
        await _write(connection, change, "override", author)
    return change


async def plan_unset(
    connection: Connection, settings: Settings, integration_id: str, keys: Collection[str], *, within: str | None = None
) -> OverrideChange:
    """What removing the overrides of these keys (all, if none is named) would change. Raises NotFound."""
    found = await covered(connection, settings, Scope(within, integration_id=integration_id))
    if within is not None and not found.rows and not await _was_of(connection, settings, integration_id, within):
        raise no_integration(integration_id)
    before = _values(await _row(connection, integration_id))
    missing = [key for key in keys if key not in before]
    if missing:
        raise NotFound(f"Integration {integration_id} has no override of {', '.join(missing)}.")
    if not before:
        raise NotFound(f"Integration {integration_id} has no overrides.", Advice.LIST_OVERRIDES)
    after = {key: value for key, value in before.items() if keys and key not in keys}
    return OverrideChange(found.subject, found.about, integration_id, next(iter(found.rows), None), before, after)


async def unset_override(
    connection: Connection,
    settings: Settings,
    integration_id: str,
    keys: Collection[str],
    author: str,
    *,
    within: str | None = None,
) -> OverrideChange:
    """Remove the overrides of these keys, or all: the type's policy applies again.

    Raises NotFound if none is set; ``within`` an organization, the integrations of others are unknown.
    """
    async with write_transaction(connection):
        change = await plan_unset(connection, settings, integration_id, keys, within=within)
        await _write(connection, change, "end override", author)
    return change


async def overrides(
    connection: Connection,
    settings: Settings,
    scope: Scope = EVERYTHING,
    *,
    after: tuple[str] | None = None,
    limit: int | None = None,
) -> list[Override]:
    """The integrations of the scope that have overrides, by their ids. One whose row is gone has only its id.

    A page begins after the id ``after``.
    """
    async with read_transaction(connection):
        source = await secured(connection, settings)
        statement = source.sql("operations/operations")["overrides"]
        rows = await connection.fetch(statement, *scope, *(after or (None,)), limit)
        values = {row["integration_id"]: _values(row) for row in rows}
        found = {one.integration_id: one for one in await read_rows_by_id(connection, settings, values)}
        names = await read_names(connection, settings, {one.org_id for one in found.values()})
    organizations = {key: names.get(one.org_id) or one.org_id for key, one in found.items()}
    return [Override(key, found.get(key), organizations.get(key, ""), values[key]) for key in values]


async def in_effect(
    connection: Connection, settings: Settings, integration_id: str
) -> tuple[Covered, list[EffectiveValue]]:
    """The integration's policy in effect, and the origin of each value. Raises NotFound and Refused."""
    async with read_transaction(connection):
        found = await look_up(connection, settings, Scope(integration_id=integration_id))
        return found, await policy_of(connection, settings, found.rows[0])


async def policy_or_reason(
    connection: Connection, settings: Settings, of: Integration
) -> tuple[list[EffectiveValue] | None, str | None]:
    """The policy of a row, or None and why it has none."""
    try:
        return await policy_of(connection, settings, of), None
    except Refused as error:
        return None, str(error)


async def policy_of(connection: Connection, settings: Settings, of: Integration) -> list[EffectiveValue]:
    """The same of a row. Raises Refused if the settings do not have its type."""
    integration_id, kind = of.integration_id, of.integration_type
    row = await _row(connection, integration_id)
    if kind not in settings.types:
        raise Refused(
            f'Integration {integration_id} has the type "{kind}", which is not in the settings, so it has no '
            f"policy. Add [{section_of(kind)}] to synkron.toml, or correct the row."
        )
    own = _values(row)
    policy = settings.types[kind].policy if row is None else overridden(settings.types[kind].policy, row)
    written = settings.types[kind].model_fields_set
    return [
        EffectiveValue(
            key, getattr(policy, key), "override" if key in own else "settings" if key in written else "default"
        )
        for key in (*OVERRIDABLE, "pace", "concurrency")
    ]


async def _was_of(connection: Connection, settings: Settings, integration_id: str, org_id: str) -> bool:
    """Whether the integration is gone, and was of this organization."""
    if await read_named_rows(connection, settings, [integration_id]):
        return False
    known = await last_known(connection, [integration_id])
    return integration_id in known and known[integration_id].org_id == org_id


async def _write(connection: Connection, change: OverrideChange, action: str, author: str) -> None:
    """Write the change and its audit row, if anything changes."""
    if change.before == change.after:
        return
    await connection.execute(SQL["delete_override"], change.integration_id)
    if change.after:
        columns = [change.after.get(key) for key in OVERRIDABLE]
        await connection.execute(SQL["set_override"], change.integration_id, *columns)
    before, after = change.before or None, change.after or None
    await record(
        connection,
        author=author,
        action=action,
        subject=change.subject,
        about=change.about,
        before=before,
        after=after,
    )


async def _row(connection: Connection, integration_id: str) -> Record | None:
    return await connection.fetchrow(SQL["override"], integration_id)


def _values(row: Record | None) -> dict[str, object]:
    return {} if row is None else {key: row[key] for key in OVERRIDABLE if row[key] is not None}
