"""The types that a page can be limited to."""

from __future__ import annotations

from collections.abc import Sequence

from synkron.postgres.connection import Connection
from synkron.reports.names.store import read_types_of_copy
from synkron.service.api.served import Served
from synkron.service.dashboard.viewer import Viewer


async def filter_types(view: Viewer, connection: Connection, parts: Served) -> Sequence[str]:
    """The types of the settings and of the rows, in their order.

    Who is tied to an organization gets those of the settings: a row's own type would tell of others.
    """
    known = set(parts.settings.types)
    return sorted(known if view.is_tied else known | await read_types_of_copy(connection, parts.settings))
