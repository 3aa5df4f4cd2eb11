"""Whether the Data API can be read whole, if it is the source."""

from __future__ import annotations

from collections.abc import AsyncIterator

from synkron.service.doctor.finding import Finding, ok, warning
from synkron.settings.sections import SourceTables
from synkron.settings.supabase import KeyKind
from synkron.source.data_api.client import DataApi
from synkron.source.data_api.key import LEGACY_WARNING
from synkron.source.data_api.pages import Page
from synkron.source.data_api.select import PAGE, all_integrations, all_organizations
from synkron.text import several

# Fewer rows in one answer make many requests of each tick.
FEW = 100


async def pages(api: DataApi, tables: SourceTables) -> AsyncIterator[tuple[str, Page]]:
    """The first page of each table. Raises what reading the Data API raises."""
    async with api.opened(tables) as ask:
        yield tables.integrations.table, await ask(all_integrations(tables))
        yield tables.organizations.table, await ask(all_organizations(tables))


def key(kind: KeyKind) -> Finding:
    """Whose key it is."""
    if kind is KeyKind.JWT:
        return warning(f"{LEGACY_WARNING[0].upper()}{LEGACY_WARNING[1:]}.")
    return ok("The key is a secret key, which is the service role's.")


def page(table: str, found: Page) -> Finding:
    """How many rows there are, and whether the server answers with as many as are asked for."""
    rows = f"{table}: {several(found.total, 'row')}"
    if len(found.rows) >= min(found.total, PAGE):
        return ok(f"{rows}, in pages of {PAGE:,}.")
    told = f"{rows}, of which an answer holds {len(found.rows):,}: that is the project's max_rows."
    if len(found.rows) >= FEW:
        return ok(f"{told} Nothing is left out; there are more requests.")
    return warning(told, remedy="Nothing is left out, but each tick sends many requests. Raise max_rows to 1,000.")
