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
    unset = {name for name, one in settings.types.items() if not one.target}
    if not unset:
        return []
    if types is None:
        types = [row["integration_type"] for row in await connection.fetch(SQL["firing_types"], sorted(unset))]
    called = {row["integration_type"] for row in await connection.fetch(SQL["called_lately"])}
    return sorted(unset & set(types) - called)


def target_of(integration_type: str) -> str:
    """The key of the settings that names what is called."""
    return f"{section_of(integration_type)}.target"
