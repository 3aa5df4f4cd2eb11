"""Where a ledger wakes up after a restore, a failover and an upgrade, made with PostgreSQL's own tools."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from synkron.errors import NotAtHome
from synkron.ledger.installation import Installation, read_installation
from synkron.ledger.migrate import create_source_tables, migrate
from synkron.operations.adopt import Adopted, AskedAdoption, adopt
from synkron.postgres.embedded import EmbeddedServer, cluster, embedded_database
from synkron.postgres.embedded.account import Account
from synkron.postgres.embedded.cluster import Cluster
from synkron.postgres.embedded.programs import programs
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, SourceTables
from tests.conftest import Connection, in_memory
from tests.support.accounts import account_in
from tests.support.copies import opened
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc

MOMENT, LATER = utc("2026-03-02T02:00:00"), utc("2026-03-02T03:00:00")
# The wheel has this one as well, which its users may still have data of.
FORMER = programs().parents[1] / "pginstall" / "bin"


async def fill(connection: Connection) -> None:
    """A ledger with an hourly integration, of which one run is claimed."""
    await migrate(connection)
    await create_source_tables(connection, SourceTables())
    await add_integration(connection, "0 * * * *")
    await tick_at(connection)


async def tick_at(connection: Connection) -> int:
    """Tick for a moment that has come; answers how many runs there are then."""
    await tick(connection, Settings(), scheduler="test", at=MOMENT)
    found: int = await connection.fetchval("select count(*) from synkron.runs")
    return found


def tool(name: str, *arguments: str) -> None:
    """One of PostgreSQL's programs."""
    subprocess.run([programs() / name, *arguments], check=True, capture_output=True)


async def test_a_restored_dump_is_elsewhere(server: EmbeddedServer, bare_database: Database, tmp_path: Path) -> None:
    """In another server, in another database, and in its own place. And once it is adopted, it is at home."""
    async with opened(bare_database) as connection:
        await fill(connection)
    dump = str(tmp_path / "dump")
    await asyncio.to_thread(tool, "pg_dump", "--format=custom", f"--file={dump}", bare_database.superuser_url)
    with TemporaryDirectory(prefix="synkron-tests-", dir=in_memory()) as folder:
        other = embedded_database(Path(folder), settings={"fsync": "off"})
        elsewhere = await asyncio.to_thread(other.__enter__)
        try:
            await _restored_in_another_database(elsewhere, "restored", dump)
        finally:
            await asyncio.to_thread(other.__exit__, None, None, None)
    await _restored_in_another_database(server, f"{bare_database.name}_restored", dump)
    url = bare_database.superuser_url
    await execute(url, "drop schema synkron cascade", "create schema synkron authorization synkron")
    await _restored(url, dump, "--schema=synkron")


async def _restored_in_another_database(server: EmbeddedServer, name: str, dump: str) -> None:
    admin = server.url("postgres", "postgres")
    await execute(admin, f"create database {name}")
    await _restored(server.url(name, "postgres"), dump)
    await execute(admin, f"drop database {name}")


async def _restored(url: str, dump: str, *options: str) -> None:
    """Restore it there. It is not at home, until it is adopted."""
    await asyncio.to_thread(tool, "pg_restore", *options, f"--dbname={url}", dump)
    restored = await asyncpg.connect(url)
    assert not (await read_installation(restored)).is_at_home
    with pytest.raises(NotAtHome):
        await tick_at(restored)
    await adopt(restored, Settings(), AskedAdoption(Adopted.ORIGINAL), "kari")
    assert await tick_at(restored) == 1
    await restored.close()


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@contextmanager
def place() -> Iterator[tuple[Path, Account | None]]:
    """A folder for clusters, and as whom their server runs."""
    with TemporaryDirectory(prefix="synkron-tests-", dir=in_memory()) as name:
        folder = Path(name)
        yield folder, account_in(folder)


def make(one: Cluster, *options: str) -> None:
    """Make the cluster."""
    given = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", *options)
    run(one, "initdb", *given, f"--pgdata={one.folder.name}")


def run(one: Cluster, program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs, as whom the server runs."""
    done = one._run(program, *arguments, inside=one.folder.parent)
    assert done.returncode == 0, done.stdout


@contextmanager
def running(one: Cluster) -> Iterator[str]:
    """The cluster's server; gives the address of its first database."""
    assert one.launch({"fsync": "off"}), one.log()
    try:
        yield EmbeddedServer(one.folder).url("postgres", "postgres")
    finally:
        assert one.stop()


async def filled(url: str) -> Installation:
    connection = await asyncpg.connect(url)
    await fill(connection)
    found = await read_installation(connection)
    await connection.close()
    return found


async def found_and_ticked(url: str) -> tuple[Installation, int, Installation]:
    """The installation as it is found, how many runs there are after a tick, and the installation as it is then."""
    connection = await asyncpg.connect(url)
    found = await read_installation(connection)
    number = await tick_at(connection)
    noted = await read_installation(connection)
    await connection.close()
    return found, number, noted


def test_a_promoted_standby_is_at_home() -> None:
    """A failover must not stop the exports."""
    with place() as (folder, account):
        primary, standby = Cluster(folder / "primary", account), Cluster(folder / "standby", account)
        make(primary)
        with running(primary) as url:
            before = asyncio.run(filled(url))
            run(
                primary,
                "pg_basebackup",
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--pgdata=standby",
                f"--dbname={url}",
            )
        # The server's socket is in its folder, and was copied with the rest.
        (standby.folder / f"{cluster.SOCKET}.lock").unlink(missing_ok=True)
        with running(standby) as url:
            assert standby._control("promote")
            found, number, _ = asyncio.run(found_and_ticked(url))
    assert (found.is_at_home, found.is_noted, found.id, number) == (True, True, before.id, 1)


@pytest.mark.skipif(not FORMER.exists(), reason="the wheel has no former PostgreSQL to upgrade from")
def test_a_major_upgrade_in_place_is_at_home() -> None:
    """By pg_upgrade: the server has a new identifier, and the next tick notes it."""
    with place() as (folder, account):
        old, new = Cluster(folder / "old", account, FORMER), Cluster(folder / "new", account)
        make(old)
        with running(old) as url:
            before = asyncio.run(filled(url))
        make(new, "--no-data-checksums")
        run(
            new,
            "pg_upgrade",
            f"--old-bindir={FORMER}",
            f"--new-bindir={programs()}",
            "--old-datadir=old",
            "--new-datadir=new",
            "--username=postgres",
            f"--socketdir={folder}",
        )
        with running(new) as url:
            found, number, noted = asyncio.run(found_and_ticked(url))
    assert (found.is_at_home, found.id, number) == (True, before.id, 1)
    assert found.stood.server != found.stands.server
    assert noted.is_noted
