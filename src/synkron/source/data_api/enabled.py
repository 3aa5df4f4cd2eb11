"""The enabled integrations, from whatever can ask a Data API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synkron.model import Integration
from synkron.settings.sections import SourceTables
from synkron.source.data_api import supabase
from synkron.source.data_api.client import DataApi
from synkron.source.data_api.read import read_whole
from synkron.source.data_api.rows import integrations_in
from synkron.source.data_api.select import schedules

if TYPE_CHECKING:
    from supabase import AsyncClient


async def read_enabled(source: DataApi | AsyncClient, tables: SourceTables) -> list[Integration]:
    """All enabled integrations with a schedule, each with its organization's zone, or an error.

    Raises TypeError if the source is neither, and not what else the reader takes.
    """
    if isinstance(source, DataApi):
        place, opened = source.place, source.opened(tables)
    elif supabase.is_client(source):
        place, opened = supabase.place_of_client(source), supabase.opened(source, tables)
    else:
        raise TypeError(
            "source: expected an asyncpg connection or pool, a synkron.DataApi, or a supabase.AsyncClient; found "
            f"{type(source).__module__}.{type(source).__name__}. For psycopg, SQLAlchemy and Django there is "
            "synkron.read_due_integrations_sync; for a synchronous Supabase client, make an AsyncClient."
        )
    async with opened as ask:
        rows = await read_whole(ask, schedules(tables), place)
    return integrations_in(rows, place)
