"""What `synkron migrate` is asked for, checked before anything is changed."""

from __future__ import annotations

from synkron.errors import Refused, SourceTableMissing
from synkron.ledger.installation import read_installation, refuse_renaming
from synkron.ledger.migrate import role_to_grant
from synkron.postgres.connection import Connection
from synkron.postgres.statements import source_statements, statements
from synkron.settings.load import SourceTables


async def check_asked(
    connection: Connection,
    source: SourceTables,
    *,
    grant_to: str | None,
    installation: str | None,
    source_tables: bool,
    indexes: bool,
) -> None:
    """Raise Refused or SourceTableMissing if one of these can't be done, so that none is done and the rest is not."""
    await role_to_grant(connection, grant_to)
    may = await connection.fetchrow(statements("ledger/migrate")["may"])
    assert may is not None  # noqa: S101 (a select without a table)
    if not may["migrate"]:
        raise Refused(
            "This role may not migrate the database: it may not make the schema synkron, or does not own it. Run "
            "`synkron migrate` as the database's owner, with --grant-to and the role that the service runs as."
        )
    if installation is not None and may["is_installed"]:
        refuse_renaming(await read_installation(connection), installation)
    if source_tables or indexes:
        await _check_tables(connection, source, create=source_tables, indexes=indexes)


async def _check_tables(connection: Connection, source: SourceTables, *, create: bool, indexes: bool) -> None:
    may = await connection.fetchrow(source_statements("source/tables", source)["may"])
    assert may is not None  # noqa: S101 (a select without a table)
    missing = ", ".join(may["missing"])
    if missing and create and not may["create_tables"]:
        raise Refused(
            f"This role may not create {missing}: there is no schema {source.schema_name}, or the role has no right "
            f"to create in it. Run `grant create on schema {source.schema_name} to ROLE`, or leave "
            "--with-source-tables out."
        )
    if missing and indexes and not create:
        raise SourceTableMissing(
            f"There is no table {missing} to index. Name yours in synkron.toml under [source], or add "
            "--with-source-tables."
        )
    if indexes and not may["create_indexes"]:
        tables = f"{source.integrations.table} and {source.organizations.table}"
        raise Refused(
            f"Only the owner of {tables} may create an index on them. Run `synkron migrate` as their owner, or leave "
            "--with-index out."
        )
