"""What is asked of the Data API: one embedded select, page after page. Pure.

The columns get the same names whatever the application calls them. Ids and texts are cast to text, so that they are
written as a connection to PostgreSQL reads them. The syntax is that of https://docs.postgrest.org/en/stable/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from synkron.settings.sections import SourceTables

# As many as a project answers by default (max_rows). A server that answers fewer is asked more often.
PAGE = 1000
Filter = tuple[str, str, str]
"""A column, an operator, a value."""


@dataclass(frozen=True, slots=True)
class Select:
    """Rows of a table in the order of its key, which every row holds as text under the name ``id``."""

    schema: str
    table: str
    key: str
    columns: str
    filters: tuple[Filter, ...] = ()

    def after(self, last: str | None) -> Select:
        """The rows behind the one with this key. Rows without a key come first: behind them, every row has one."""
        behind = (self.key, "not.is", "null") if last is None else (self.key, "gt", last)
        return replace(self, filters=(*self.filters, behind))

    def among(self, ids: Sequence[str]) -> Select:
        """The rows with these keys."""
        quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in ids)
        return replace(self, filters=(*self.filters, (self.key, "in", f"({','.join(quoted)})")))

    def parameters(self) -> list[tuple[str, str]]:
        """The parameters of the request."""
        return [
            ("select", self.columns),
            *((column, f"{operator}.{value}") for column, operator, value in self.filters),
            ("order", f"{self.key}.asc.nullsfirst"),
            ("limit", str(PAGE)),
        ]


# requirement R1, R9
def schedules(tables: SourceTables) -> Select:
    """The enabled integrations with a schedule, each with its organization: one join, in the server.

    The foreign key is named by its column, so that a second one between the two tables makes nothing ambiguous.
    """
    names, owners = tables.integrations, tables.organizations
    every = all_integrations(tables)
    return replace(
        every,
        columns=f"{every.columns},organization:{owners.table}!{names.org_id}({_of_organization(tables)})",
        filters=((names.is_enabled, "is", "true"), (names.cron_schedule, "not.is", "null")),
    )


def all_integrations(tables: SourceTables) -> Select:
    """Every integration, enabled or not."""
    names = tables.integrations
    edited = f",updated_at:{names.updated_at}" if names.updated_at else ""
    columns = (
        f"id:{names.id}::text,org_id:{names.org_id}::text,integration_type:{names.integration_type}::text,"
        f"is_enabled:{names.is_enabled},cron_schedule:{names.cron_schedule}::text{edited}"
    )
    return Select(tables.schema_name, names.table, names.id, columns)


def all_organizations(tables: SourceTables) -> Select:
    """Every organization, with its name."""
    owners = tables.organizations
    columns = f"{_of_organization(tables)},name:{owners.name}::text"
    return Select(tables.schema_name, owners.table, owners.id, columns)


def _of_organization(tables: SourceTables) -> str:
    owners = tables.organizations
    return f"id:{owners.id}::text" + (f",timezone:{owners.timezone}" if owners.timezone else "")
