"""The migrations as files for the Supabase CLI: the same schema, in any order with `synkron migrate`."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from synkron.errors import Refused
from synkron.ledger.emit import emit
from synkron.ledger.migrate import check_ledger, migrate
from synkron.postgres.statements import migrations
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import utc
from tests.support.schema import dumped
from tests.support.silent_relay import silent_relay
from tests.support.supabase_cli import MISSING, command

AT = utc("2026-11-29T08:00:00")
ALL = [name for name, _ in migrations()]

pytestmark = pytest.mark.each_server


async def apply(url: str, files: list[Path]) -> None:
    """Each file in a transaction, as the CLI does."""
    connection = await asyncpg.connect(url)
    for path in files:
        async with connection.transaction():
            await connection.execute(path.read_text("utf-8"))
    await connection.close()


@pytest.mark.usefixtures("no_partitions")
async def test_the_files_make_what_migrate_makes(database: Database, bare_database: Database, tmp_path: Path) -> None:
    made = emit(tmp_path, AT)
    assert [path.name.partition("_")[2] for path in made] == [
        "synkron_0000_queue.sql",
        *(f"synkron_{name}.sql" for name in ALL),
        f"synkron_{ALL[-1]}_grants.sql",
    ]
    await apply(bare_database.url, made)
    connection = await asyncpg.connect(bare_database.url)
    await check_ledger(connection)
    assert await migrate(connection) == []
    await connection.close()
    assert dumped(bare_database) == dumped(database)


@pytest.mark.usefixtures("no_partitions")
async def test_where_migrate_was_first_the_files_change_nothing(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    before = dumped(database), await connection.fetch("table synkron.migrations")
    await apply(database.url, emit(tmp_path, AT))
    assert (dumped(database), await connection.fetch("table synkron.migrations")) == before


async def test_only_what_the_folder_lacks_is_written(tmp_path: Path) -> None:
    """A later release adds its files behind those that were applied; the application's own may stand between."""
    first = emit(tmp_path, AT)
    versions = [int(path.name[:14]) for path in first]
    assert versions == sorted(set(versions))
    assert versions[0] == 20261129080000
    assert emit(tmp_path, AT + timedelta(days=1)) == []
    (tmp_path / "20261129090000_the_application_s_own.sql").touch()
    later = [path for path in first if ALL[-1] in path.name]
    for path in later:
        path.unlink()
    again = emit(tmp_path, AT + timedelta(days=1))
    assert [path.name[14:] for path in again] == [path.name[14:] for path in later]
    assert all(path.name.startswith("20261130") for path in again)


def test_they_come_behind_the_newest_file(tmp_path: Path) -> None:
    """Whatever clock that was named by. A file of another form has no version."""
    for name in (
        "20261129235959_the_application_s_own.sql",
        "20261399000000_no_month.sql",
        "99991231235959_.sql",
        "README.md",
    ):
        (tmp_path / name).touch()
    assert [path.name[:14] for path in emit(tmp_path, AT)[:2]] == ["20261130000000", "20261130000001"]


async def test_another_role_is_granted_in_a_file_of_its_own(bare_database: Database, tmp_path: Path) -> None:
    """The role's name may hold anything; the file's may not."""
    role = f"O'Hara's \"service\" of {bare_database.name}"
    first = emit(tmp_path, AT)
    (grants,) = emit(tmp_path, AT + timedelta(hours=1), grant_to=role)
    assert re.fullmatch(r"20261129090000_synkron_\w+_grants_to_\w+\.sql", grants.name, re.ASCII)
    superuser = await asyncpg.connect(bare_database.superuser_url)
    quoted = '"' + role.replace('"', '""') + '"'
    await superuser.execute(f"create role {quoted}")
    await apply(bare_database.url, [*first, grants])
    await superuser.execute(f"set role {quoted}")
    assert await superuser.fetchval("select count(*) from synkron.runs") == 0
    await superuser.execute(f"reset role; drop owned by {quoted}; drop role {quoted}")
    await superuser.close()


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_folder_that_is_none_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "migrations"
    if kind == "a file":
        folder.touch()
    with pytest.raises(Refused, match="supabase init"):
        emit(folder, AT)


@pytest.mark.own_database
@pytest.mark.skipif(command() is None, reason=MISSING)
@pytest.mark.each_server(but="the CLI sees no difference")
async def test_the_real_cli_applies_them(bare_database: Database, database: Database, tmp_path: Path) -> None:
    """`supabase db push` on an empty database, there once more, and where `synkron migrate` was first."""
    folder = tmp_path / "supabase" / "migrations"
    folder.mkdir(parents=True)
    made = emit(folder, AT)
    for place in (bare_database, database):
        async with silent_relay(place.superuser_url) as relay:
            assert "Finished supabase db push" in await push(relay.url, tmp_path)
            if place is bare_database:  # the CLI compares no more than the versions, as is done here for both
                assert "up to date" in await push(relay.url, tmp_path)
        connection = await asyncpg.connect(place.superuser_url)
        versions = await connection.fetch("select version from supabase_migrations.schema_migrations order by 1")
        assert [row["version"] for row in versions] == [path.name[:14] for path in made]
        assert await migrate(connection) == []
        await connection.close()


async def push(url: str, folder: Path) -> str:
    """What the CLI says; it takes TCP alone."""
    found = command()
    assert found is not None
    running = await asyncio.create_subprocess_exec(
        *found,
        *("db", "push", f"--remote={url}?sslmode=disable", "--yes"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode == 0, said.decode()
    return said.decode()
