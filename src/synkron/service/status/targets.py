"""Which types nothing is delivered for, because nothing is set to be called."""

from __future__ import annotations

from collections.abc import Iterable

from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings

SQL = statements("service/status/store")


async def without_target(connection: Executor, settings: Settings, types: Iterable[str] | None = None) -> list[str]:
    """Those of the types of which every run is skipped; by default, of the types of all rows that fire.

    A type whose target was called within a day has one in the settings of some worker, though not in these.
    """
    unset = types_without_target(settings, settings.types if types is None else types)
    if not unset:
        return []
    if types is None:
        unset = [row["integration_type"] for row in await connection.fetch(SQL["firing_types"], unset)]
    called = {row["integration_type"] for row in await connection.fetch(SQL["called_lately"])}
    return sorted(set(unset) - called)


def types_without_target(settings: Settings, types: Iterable[str]) -> list[str]:
    """Those of the types for which these settings have no target: a worker that uses them skips their runs."""
    asked = set(types)
    return [name for name, one in settings.types.items() if name in asked and not one.target]


def target_of(integration_type: str) -> str:
    """The key of the settings that names what is called."""
    return f"{section_of(integration_type)}.target"
