"""The mirror: the application's two tables in Synkron's own database, as they were last read through its Data API.

For a deployment that reaches nothing but the Data API. Each tick and each run first refreshes what it reads, and then
works on the mirror as on the application's own tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synkron.postgres.connection import Connection, Pool
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.settings.secrets import fault, read_secret
from synkron.settings.sections import SourceTables
from synkron.source.data_api.client import DataApi
from synkron.source.data_api.mirrored import integration_columns, organization_columns
from synkron.source.data_api.pages import Row
from synkron.source.data_api.read import Ask, read_whole
from synkron.source.data_api.select import all_integrations, all_organizations

SQL = statements("source/mirror")
# Ids in one request, so that its address stays short enough for every server.
AT_ONCE = 50


def mirror_of(settings: Settings, environment: Mapping[str, str]) -> Mirror | None:
    """The mirror that the settings ask for; None if they name no Data API.

    Raises SettingsError, and ServiceRoleRequired if the key is not the service role's.
    """
    project = settings.supabase
    if not settings.source.data_api:
        return None
    if project.url is None or project.secret_key is None:
        raise fault("source.data_api", "the Data API needs the project: add url and secret_key to [supabase]")
    key = read_secret("supabase.secret_key", project.secret_key, environment).get_secret_value()
    return Mirror(DataApi(project.url, key), settings.source)


class Mirror:
    """Refreshes the mirror. A read that fails, or is not whole, changes nothing: the mirror stays as it was."""

    def __init__(self, api: DataApi, tables: SourceTables) -> None:
        self.api = api
        self._tables = tables

    async def refresh(self, connection: Connection) -> None:
        """Make the mirror equal to both tables. Raises what reading the Data API raises, before anything is changed."""
        async with connection.transaction():
            await connection.execute(SQL["one_reader"])
            async with self.api.opened(self._tables) as ask:
                # The organizations last: one that was added together with its integration must be there.
                integrations = await read_whole(ask, all_integrations(self._tables), self.api.place)
                organizations = await read_whole(ask, all_organizations(self._tables), self.api.place)
            await self._write(connection, integrations, organizations)

    async def refresh_rows_of(self, pool: Pool, run_ids: Sequence[int]) -> None:
        """Make the mirror equal to the runs' integrations, and to their organizations, as they are now."""
        integration_ids = [row["id"] for row in await pool.fetch(SQL["integrations_of"], list(run_ids))]
        for first in range(0, len(integration_ids), AT_ONCE):
            ids = integration_ids[first : first + AT_ONCE]
            async with self.api.opened(self._tables) as ask:
                integrations = await read_whole(ask, all_integrations(self._tables).among(ids), self.api.place)
                owners = sorted({str(row["org_id"]) for row in integrations if row["org_id"] is not None})
                organizations = await self._organizations(ask, owners)
            async with pool.acquire() as connection, connection.transaction():
                await self._write(connection, integrations, organizations, ids, owners)

    async def _organizations(self, ask: Ask, ids: Sequence[str]) -> Sequence[Row]:
        if not ids:
            return []
        return await read_whole(ask, all_organizations(self._tables).among(ids), self.api.place)

    async def _write(
        self,
        connection: Connection,
        integrations: Sequence[Row],
        organizations: Sequence[Row],
        ids: Sequence[str] | None = None,
        owners: Sequence[str] | None = None,
    ) -> None:
        rows, groups = integration_columns(integrations, self._tables), organization_columns(organizations)
        await connection.execute(SQL["one_writer"])
        await connection.execute(SQL["integrations"], *rows, ids)
        await connection.execute(SQL["organizations"], *groups, owners)
