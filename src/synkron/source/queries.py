"""What each query of the application's two tables needs: their names, and errors in sentences."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from asyncpg import PostgresError
from asyncpg.exceptions import (
    DatatypeMismatchError,
    InsufficientPrivilegeError,
    InvalidSchemaNameError,
    InvalidTextRepresentationError,
    UndefinedColumnError,
    UndefinedFunctionError,
    UndefinedTableError,
)

from synkron.errors import DatabaseError, LedgerMissing, Refused, ServiceRoleRequired, SourceTableMissing
from synkron.postgres.connection import Connection
from synkron.postgres.statements import source_statements

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables

ROWS_HIDDEN = (
    "Row security hides rows from this role, and Synkron must see all rows. Connect as a role with BYPASSRLS (on "
    "Supabase the service role, elsewhere `alter role ROLE bypassrls`), or give this role a policy for select "
    "`using (true)` on both tables."
)
# What ``refusal`` in row.sql finds, and the sentence for it.
REFUSALS = {
    "rows": ROWS_HIDDEN,
    "claims": "This connection carries the claims of a user (request.jwt.claims), and Synkron never reads as a user. "
    "Connect as a role of its own, on Supabase the service role, and unset request.jwt.claims.",
}


class SourceQueries:
    """The two tables as the settings name them. Cheap to make."""

    def __init__(self, tables: SourceTables) -> None:
        self.tables = tables

    def sql(self, file: str) -> dict[str, str]:
        """The statements of ``FILE.sql`` with the tables' names in them."""
        return source_statements(file, self.tables)

    # requirement R11
    @asynccontextmanager
    async def in_words(self) -> AsyncIterator[None]:
        """Turn PostgreSQL's errors about the tables into sentences with a remedy."""
        try:
            yield
        except InsufficientPrivilegeError as error:
            raise self._privilege(error) from None
        except InvalidTextRepresentationError as error:
            # Of all these statements, only `refusal` reads JSON: that of the claims.
            if error.server_source_filename != "jsonfuncs.c":
                raise
            raise ServiceRoleRequired(REFUSALS["claims"]) from None
        except (UndefinedTableError, UndefinedColumnError, InvalidSchemaNameError) as error:
            raise self._missing(error) from None
        except (UndefinedFunctionError, DatatypeMismatchError) as error:
            if _is_of_ledger(error):
                raise self._missing(error) from None
            names = self.tables
            raise SourceTableMissing(
                f"{str(error).capitalize()}. In {names.schema_name}.{names.integrations.table} Synkron needs "
                f"{names.integrations.org_id} to have the type of {names.organizations.table}."
                f"{names.organizations.id}, {names.integrations.is_enabled} to be boolean, "
                f"{names.integrations.cron_schedule} to be text, and updated_at, if it is named in the settings, to be "
                "a timestamptz."
            ) from None

    @asynccontextmanager
    async def reading(self, connection: Connection) -> AsyncIterator[None]:
        """A read-only transaction that row security can't shorten, with errors in sentences."""
        async with self.in_words(), connection.transaction(readonly=True):
            await self.secure(connection)
            yield

    # requirement R11
    async def secure(self, connection: Connection) -> None:
        """Let the current transaction read the two tables, or raise ServiceRoleRequired (G8).

        Until the transaction ends, the answer stays true: reads return all rows or fail.
        """
        refuse_users(await connection.fetchval(self.sql("source/queries")["secure"]))

    def _privilege(self, error: InsufficientPrivilegeError) -> DatabaseError | Refused:
        # The message is in the server's language; the name of its function is the same everywhere.
        if error.server_source_function in {"check_enable_rls", "get_row_security_policies"}:
            return ServiceRoleRequired(ROWS_HIDDEN)
        names = self.tables
        return ServiceRoleRequired(
            f"{str(error).capitalize()}. Run `grant usage on schema {names.schema_name} to ROLE; "
            f"grant select on {names.schema_name}.{names.organizations.table}, "
            f"{names.schema_name}.{names.integrations.table} to ROLE`. "
            "For Synkron's own tables run `synkron migrate --grant-to ROLE`."
        )

    def _missing(self, error: PostgresError) -> DatabaseError:
        if _is_of_ledger(error):
            return LedgerMissing(f"{str(error).capitalize()}. Run `synkron migrate`.")
        names = self.tables
        return SourceTableMissing(
            f"{str(error).capitalize()}. Synkron reads {names.schema_name}.{names.integrations.table} and "
            f"{names.schema_name}.{names.organizations.table}; name yours in synkron.toml under [source], or create "
            "these with `synkron migrate --with-source-tables`."
        )


def _is_of_ledger(error: PostgresError) -> bool:
    """Whether Synkron's own schema lacks something, or is missing."""
    return re.search(r"\bsynkron\b", str(error)) is not None


def refuse_users(refusal: str | None) -> None:
    """Raise ServiceRoleRequired for the result of ``refusal`` in row.sql, unless it is None."""
    if refusal is not None:
        raise ServiceRoleRequired(REFUSALS[refusal])
