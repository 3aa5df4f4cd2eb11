"""The names of organizations, where they can be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from synkron.errors import Refused, SourceTableMissing
from synkron.postgres.connection import Connection
from synkron.source import reader

if TYPE_CHECKING:
    from synkron.settings.load import Settings


async def organization_names(
    connection: Connection, settings: Settings, org_ids: Collection[str | None] | None = None
) -> Mapping[str, str]:
    """The names of these organizations, or of all; none where the application's tables can't be read.

    The ledger stands without them.
    """
    if org_ids is not None:
        # A command that lists runs starts without the operations, which need all of the settings' code.
        from synkron.operations.scope import known_names

        return await known_names(connection, settings, org_ids)
    try:
        return await reader.read_names(connection, settings.source)
    except (Refused, SourceTableMissing):
        return {}
