"""The ledger's identity, and whether it is still in the same database: a copy starts no runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from synkron.errors import LedgerMissing, NotAtHome, Refused
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.settings.load import Settings

SQL = statements("ledger/installation")


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """A database of a server. ``server`` is the system identifier, None if the role may not read it."""

    server: int | None
    database_oid: int
    database: str

    def __str__(self) -> str:
        server = "a server that does not give its identifier" if self.server is None else f"server {self.server}"
        return f'database "{self.database}" (oid {self.database_oid}) of {server}'


@dataclass(frozen=True, slots=True)
class Installation:
    """The ledger's id, from which keys derive, and its name, if it has one.

    ``stood`` is the place that was noted last, ``stands`` the place now; ``is_noted`` tells whether they are the same.
    Moments up to ``restored_until`` are caught up one by one; those up to ``copied_at`` belong to another ledger.
    """

    id: UUID
    name: str | None
    stood: DatabaseIdentity
    stands: DatabaseIdentity
    is_at_home: bool
    is_noted: bool
    restored_until: datetime | None
    copied_at: datetime | None

    @property
    def whereabouts(self) -> str:
        """Where the ledger was and where it is, in words."""
        if self.is_at_home:
            return f"{self} is at home in {self.stands}"
        if self.stood == self.stands:
            return f"{self} was created again in the same place, {self.stands}"
        return f"{self} was in {self.stood}, and is now in {self.stands}"

    def __str__(self) -> str:
        return f'installation {self.id} ("{self.name}")' if self.name else f"installation {self.id}"


async def read_installation(connection: Executor) -> Installation:
    """The current installation. Raises LedgerMissing if there is none."""
    row = await connection.fetchrow(SQL["read"])
    if row is None:
        raise LedgerMissing(
            "synkron.installations has no current row: the row whose until is null was deleted. Restore it."
        )
    return read(
        Installation,
        row,
        stood=DatabaseIdentity(row["noted_system_identifier"], row["noted_database_oid"], row["noted_database_name"]),
        stands=DatabaseIdentity(row["system_identifier"], row["database_oid"], row["database_name"]),
    )


async def at_home(connection: Executor, settings: Settings) -> Installation:
    """The installation, if runs may be started from here.

    Raises NotAtHome if the ledger is not where it was, and Refused if the settings name another installation.
    """
    found = await read_installation(connection)
    refuse_another(found, settings.installation)
    if not found.is_at_home:
        raise NotAtHome(
            f"This ledger is a copy, or was restored from a dump: {found.whereabouts}. It starts no runs and sends "
            "nothing until you say which it is. If it replaces the ledger that it was made from, stop that one and run "
            "`synkron adopt --as original`: the moments missed since then are caught up, one by one. If that one keeps "
            "running, run `synkron adopt --as copy`: this ledger gets a new id, and starts runs from now on."
        )
    return found


async def why_nothing_is_fired(connection: Executor, settings: Settings) -> str | None:
    """The message with which ``at_home`` refuses; None if it does not refuse."""
    try:
        await at_home(connection, settings)
    except Refused as error:
        return str(error)
    return None


def refuse_another(found: Installation, name: str | None) -> None:
    """Raise Refused if ``name``, from the settings, is not the installation's name."""
    if name is None or name == found.name:
        return
    if found.name is None:
        raise Refused(
            f'The settings are for the installation "{name}", but the one in {found.stands} has no name. If this is '
            f"the right one, name it: `synkron migrate --installation {name}`."
        )
    raise Refused(
        f'The settings are for the installation "{name}", but the one in {found.stands} is "{found.name}". Set the '
        f"database of {name} in the settings. If this database is a copy that is to become {name}, run "
        f"`synkron adopt --as copy --installation {name}`."
    )


async def name_installation(connection: Connection, name: str) -> None:
    """Name the ledger. Raises Refused if it has another name, which only ``synkron adopt`` changes."""
    async with connection.transaction():
        found = await read_installation(connection)
        refuse_renaming(found, name)
        if found.name is None:
            await connection.execute(SQL["name"], name)
            if found.is_at_home:
                await note_place(connection)


def refuse_renaming(found: Installation, name: str) -> None:
    """Raise Refused if the ledger has another name than ``name``."""
    if found.name not in (None, name):
        raise Refused(
            f"This ledger is {found}. If it is a copy of that one, run `synkron adopt --as copy --installation "
            f"{name}`. To give the original another name, run `synkron adopt --as original --installation {name}`."
        )


async def note_place(connection: Connection) -> None:
    """Note the ledger's place as its home. Call it in a transaction, but not inside a savepoint."""
    await connection.execute(SQL["note"])


async def restored(connection: Connection, name: str | None) -> None:
    """Record that the ledger was restored and replaces the one that it was made from. It keeps its id."""
    await connection.execute(SQL["restored"], name)
    await connection.execute(SQL["forget_sight"])
    await note_place(connection)


async def copied(connection: Connection, name: str | None) -> UUID:
    """Record that the ledger is a copy of one that goes on, and drop the other one's work. Returns the new id."""
    await connection.execute(SQL["end"])
    new: UUID = await connection.fetchval(SQL["begin"], name)
    for statement in ("close_runs", "empty_queue", "let_go", "move_watermark", "close_incidents"):
        await connection.execute(SQL[statement])
    return new


async def read_ids(connection: Executor) -> list[UUID]:
    """The ids from which keys derive: the current one and those of the ledgers it was copied from, newest first."""
    return [row["id"] for row in await connection.fetch(SQL["ids"])]
