"""Who this ledger is, and whether it stands where it stood: a copy of it fires nothing."""

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
class Place:
    """A database of a server. ``server`` is its system identifier, None where the role may not ask for it."""

    server: int | None
    database_oid: int
    database: str

    def __str__(self) -> str:
        server = "a server that does not give its identifier" if self.server is None else f"server {self.server}"
        return f'database "{self.database}" (oid {self.database_oid}) of {server}'


@dataclass(frozen=True, slots=True)
class Installation:
    """The ledger's id, from which keys derive, and its name, if it has one.

    It ``stood`` somewhere when that was noted last, and ``stands`` somewhere now; ``is_noted`` is whether the note says
    what is so. Moments up to ``restored_until`` are caught up one by one; those up to ``copied_at`` are not its own.
    """

    id: UUID
    name: str | None
    stood: Place
    stands: Place
    is_at_home: bool
    is_noted: bool
    restored_until: datetime | None
    copied_at: datetime | None

    @property
    def whereabouts(self) -> str:
        """Where it was and where it is, in words."""
        if self.is_at_home:
            return f"{self} is at home in {self.stands}"
        if self.stood == self.stands:
            return f"{self} was made anew in its place, {self.stands}"
        return f"{self} was in {self.stood}, and is now in {self.stands}"

    def __str__(self) -> str:
        return f'installation {self.id} ("{self.name}")' if self.name else f"installation {self.id}"


async def read_installation(connection: Executor) -> Installation:
    """The installation that counts. Raises LedgerMissing where there is none."""
    row = await connection.fetchrow(SQL["read"])
    if row is None:
        raise LedgerMissing("No row of synkron.installations counts: the one that has no end was deleted. Restore it.")
    return read(
        Installation,
        row,
        stood=Place(row["noted_system_identifier"], row["noted_database_oid"], row["noted_database_name"]),
        stands=Place(row["system_identifier"], row["database_oid"], row["database_name"]),
    )


async def at_home(connection: Executor, settings: Settings) -> Installation:
    """The installation, if something may be fired from here.

    Raises NotAtHome where the ledger is not where it was, and Refused where the settings name another installation.
    """
    found = await read_installation(connection)
    refuse_another(found, settings.installation)
    if not found.is_at_home:
        raise NotAtHome(
            f"This ledger is a copy, or was restored from a dump: {found.whereabouts}. Nothing is fired or sent from "
            "here until somebody says which it is. If it replaces the ledger that it was made from, stop that one and "
            "run `synkron adopt --as original`: what was missed since is caught up, one by one. If that one goes on, "
            "run `synkron adopt --as copy`: this one gets a new id, and fires from now on."
        )
    return found


async def why_nothing_is_fired(connection: Executor, settings: Settings) -> str | None:
    """What ``at_home`` refuses with; None where it does not."""
    try:
        await at_home(connection, settings)
    except Refused as error:
        return str(error)
    return None


def refuse_another(found: Installation, name: str | None) -> None:
    """Raise Refused where ``name``, the settings' own, is not the installation's."""
    if name is None or name == found.name:
        return
    if found.name is None:
        raise Refused(
            f'The settings are for the installation "{name}", and the one in {found.stands} has no name. If it is '
            f"that one, name it: `synkron migrate --installation {name}`."
        )
    raise Refused(
        f'The settings are for the installation "{name}", and the one in {found.stands} is "{found.name}". Give the '
        f"settings the database of {name}; or if this database is a copy that is to be {name} from now on, run "
        f"`synkron adopt --as copy --installation {name}`."
    )


async def name_installation(connection: Connection, name: str) -> None:
    """Name the ledger. Raises Refused where it has another name: that is changed by adopting it."""
    async with connection.transaction():
        found = await read_installation(connection)
        if found.name not in (None, name):
            raise Refused(
                f"This ledger is {found}. If it is a copy of that one, run `synkron adopt --as copy --installation "
                f"{name}`; to give the original another name, `synkron adopt --as original --installation {name}`."
            )
        if found.name is None:
            await connection.execute(SQL["name"], name)
            if found.is_at_home:
                await note_place(connection)


async def note_place(connection: Connection) -> None:
    """Note where the ledger stands: this is its home. In a transaction of the caller's own, not inside a savepoint."""
    await connection.execute(SQL["note"])


async def restored(connection: Connection, name: str | None) -> None:
    """The ledger was restored and replaces the one that it was made from. It keeps its id."""
    await connection.execute(SQL["restored"], name)
    await connection.execute(SQL["forget_sight"])
    await note_place(connection)


async def copied(connection: Connection, name: str | None) -> UUID:
    """The ledger is a copy of one that goes on; answers its new id. The other one's work is not this one's any more."""
    await connection.execute(SQL["end"])
    new: UUID = await connection.fetchval(SQL["begin"], name)
    for statement in ("close_runs", "empty_queue", "let_go", "move_watermark", "close_incidents"):
        await connection.execute(SQL[statement])
    return new


async def read_ids(connection: Executor) -> list[UUID]:
    """From which ids keys derive: the one that counts and those of the ledgers it was copied from, newest first."""
    return [row["id"] for row in await connection.fetch(SQL["ids"])]
