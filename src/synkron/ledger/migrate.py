"""Migrates a database to this release: forward only, one migration at a time, safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256

from asyncpg import InvalidObjectDefinitionError

from synkron.errors import LedgerMissing, Refused
from synkron.ledger.installation import name_installation
from synkron.ledger.queue import queue_on
from synkron.postgres.connection import Connection
from synkron.postgres.pooler import needs_session
from synkron.postgres.statements import migrations, source_statements, statements
from synkron.settings.load import SourceTables

SQL = statements("ledger/migrate")
# Indexes of earlier releases. Their names are never used again: an earlier release would use an index with that name.
FORMER_INDEXES = ("organization_integrations_due", "synkron_due_schedules", "synkron_due_zones")

# 0001_ledger of the series that was in use before the first release. Nothing is upgraded from it.
BEFORE_THE_FIRST_RELEASE = "68e053f8b86780b1225c987d9ce4a0163f2c2f556c2a129298088189b0adecd5"


async def migrate(connection: Connection, *, grant_to: str | None = None, installation: str | None = None) -> list[str]:
    """Apply the missing migrations, install or upgrade the queue, and grant rights. Returns the applied migrations.

    ``grant_to`` is the role that the service runs as, when it is not the one that migrates. Supabase's
    ``service_role`` is granted the same where it exists. ``installation`` names the ledger. Raises Refused when an
    applied migration has another text here, or the ledger has another name.
    """
    needs_session(connection, "Migrating")
    applied = []
    await connection.execute(SQL["lock"])
    try:
        await connection.execute(SQL["prepare"])
        known = await _known(connection)
        queue = queue_on(connection)
        if await queue.schema_is_installed():
            await queue.apply_upgrade()
        else:
            await queue.install(create_schema=False)
        for name, text in migrations():
            if name not in known:
                async with connection.transaction():
                    await connection.execute(text)
                    await connection.execute(SQL["record"], name, checksum(text))
                applied.append(name)
        await connection.execute(SQL["grant_to"], await role_to_grant(connection, grant_to))
        await connection.execute(SQL["grant"])
        if installation is not None:
            await name_installation(connection, installation)
    finally:
        await connection.execute(SQL["unlock"])
    return applied


async def check_ledger(connection: Connection) -> None:
    """Raise LedgerMissing unless every migration of this release is applied, as far as this role may see.

    Raises Refused when one was applied with another text than it has here.
    """
    known: Mapping[str, str] = {}
    if await connection.fetchval(SQL["exists"]):
        known = await _known(connection)
    missing = [name for name, _ in migrations() if name not in known]
    if missing:
        raise LedgerMissing(
            f"The schema synkron lacks the migrations {', '.join(missing)}. Run `synkron migrate` as a role that may "
            "create a schema."
        )


async def create_source_tables(connection: Connection, source: SourceTables, *, grant_to: str | None = None) -> None:
    """Create the application's two tables if they are missing. Existing tables stay as they are.

    The role ``grant_to`` and Supabase's ``service_role``, if it exists, may read the created tables.
    """
    sql = source_statements("source/tables", source)
    async with connection.transaction():
        for name, table in (("organizations", source.organizations), ("integrations", source.integrations)):
            if await connection.fetchval(sql[f"{name}_exists"]):
                continue
            await connection.execute(sql[f"create_{name}"])
            await connection.execute(SQL["grant_to"], await role_to_grant(connection, grant_to))
            await connection.execute(sql["made"], f'"{source.schema_name}"."{table.table}"')
            await connection.execute(sql["grant"])


async def create_due_indexes(connection: Connection, source: SourceTables) -> None:
    """Create the two indexes that the due read uses, without locking writers out. Useless ones are replaced.

    A timezone column of a type that can't be indexed as text, such as an array, gets no index: each read scans it.
    """
    sql = source_statements("source/tables", source)
    for row in await connection.fetch(sql["useless_indexes"]):
        await connection.execute(sql["drop_index"].replace("INDEX", row["name"]))
    await connection.execute(sql["index_schedules"])
    if source.organizations.timezone:
        with suppress(InvalidObjectDefinitionError):
            await connection.execute(sql["index_zones"])
    for name in FORMER_INDEXES:
        await connection.execute(sql["drop_index"].replace("INDEX", name))


async def _known(connection: Connection) -> dict[str, str]:
    """The checksum of each applied migration. Raises Refused when one has another text here."""
    known = {row["name"]: row["checksum"] for row in await connection.fetch(SQL["known"])}
    for name, text in migrations():
        if known.get(name) == BEFORE_THE_FIRST_RELEASE:
            raise Refused(
                "This database was migrated by a version of Synkron from before the first release, and there is no "
                "upgrade from that. Nothing was changed. Go on with that version, or begin anew: stop every process of "
                "Synkron, run `drop schema synkron cascade` in this database, and migrate it with the same options as "
                "before. That deletes what Synkron recorded (runs, pauses, overrides, incidents) and leaves your own "
                "tables as they are. If it is the embedded database, set SYNKRON_DATA_DIR to a new folder instead."
            )
        if known.get(name, checksum(text)) != checksum(text):
            raise Refused(
                f"Migration {name} was applied with a different text than this release has. Migrations are never "
                "edited: install the release that the database was migrated with, or a later one."
            )
    return known


def checksum(text: str) -> str:
    """What the database remembers of a migration's text."""
    return sha256(text.encode()).hexdigest()


async def role_to_grant(connection: Connection, grant_to: str | None) -> str:
    """The role to grant rights to. Without a name it is the migrating role, for which a grant changes nothing."""
    if grant_to is None:
        return str(await connection.fetchval("select current_user"))
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", grant_to):
        raise Refused(f'The role "{grant_to}" does not exist. Create it first, or leave out --grant-to.')
    return grant_to
