"""Migrations: forward only, harmless to repeat, and what they make is what the snapshot says."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from synkron.errors import LedgerMissing, Refused
from synkron.ledger.migrate import (
    BEFORE_THE_FIRST_RELEASE,
    check_ledger,
    create_due_indexes,
    create_source_tables,
    migrate,
)
from synkron.postgres.statements import migrations, statements
from synkron.settings.load import IntegrationsTable, OrganizationsTable, SourceTables
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.schema import dumped

pytestmark = [pytest.mark.each_server, pytest.mark.own_database]

SNAPSHOT = Path(__file__).with_name("schema.sql")
NOBODY = (None, None, None)
# An entry of the audit from before it had scopes: its subject, what was before; and whom it was about.
FROM_BEFORE = (
    ("everything", None, NOBODY),
    ("type xledger", '{"pause": 1}', (None, "xledger", None)),
    ("organization o 1 (Fjord (old))", None, ("o 1", None, None)),
    ("organization o2", None, ("o2", None, None)),
    ("organization o2, endpoint https://vendor.example/", None, ("o2", None, None)),
    ("endpoint https://vendor.example/", None, NOBODY),
    ("type bufdir of organization o 1 (Fjord)", None, ("o 1", "bufdir", None)),
    ("integration i2 (bufdir of Fjord)", '{"timeout": "5m"}', ("o 1", "bufdir", "i2")),
    ("integration gone (its row is gone)", None, (None, None, "gone")),
    ("incident 1 (run_failed s)", None, ("o2", "bufdir", None)),
    ("incident 4711 (run_failed s)", None, NOBODY),
    ("run 1", '{"runs": [{"run": 1}]}', ("o 1", "xledger", "i (1)")),
    ("runs 1, 2", '{"runs": [{"run": 1}, {"run": 2}]}', ("o 1", None, None)),
    ("runs 2, 3", '{"runs": [{"run": 2}, {"run": 3}]}', (None, "bufdir", None)),
    ("runs 1, 3", '{"runs": [{"run": 1}, {"run": 3}]}', NOBODY),
    ("run 4711", '{"runs": [{"run": 4711}]}', NOBODY),
    ("run x", '{"runs": [{"run": "x"}, 7, null]}', NOBODY),
    ("run y", '{"runs": "none"}', NOBODY),
    ("token ci", '{"permission": "read", "org_id": "o2"}', ("o2", None, None)),
    ("token ops", '{"permission": "read", "org_id": null}', NOBODY),
    ("person kari", None, NOBODY),
    ("installation 1", "[]", NOBODY),
)


async def test_migrating_twice_changes_nothing(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    assert await migrate(connection) == [name for name, _ in migrations()]
    before = dumped(bare_database)
    assert await migrate(connection) == []
    assert dumped(bare_database) == before
    await check_ledger(connection)
    await connection.close()


@pytest.mark.usefixtures("no_partitions")
@pytest.mark.each_server(but="each version writes its own dump")
async def test_the_schema_is_what_the_snapshot_says(database: Database) -> None:
    """On purpose changed? Write it anew: SYNKRON_WRITE_SNAPSHOT=1 script/test tests/ledger/test_migrate.py"""
    found = dumped(database)
    if os.environ.get("SYNKRON_WRITE_SNAPSHOT"):
        SNAPSHOT.write_text(found, "utf-8")
    assert found == SNAPSHOT.read_text("utf-8")


async def test_indexes_that_are_of_no_use_are_made_anew(database: Database, connection: Connection) -> None:
    """One that a broken build left, and one of the table that the settings named before."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(
        "update pg_index set indisvalid = false where indexrelid = 'synkron_due_timezones'::regclass"
    )
    await superuser.close()
    await connection.execute("create table public.others (like organization_integrations)")
    await create_due_indexes(connection, SourceTables(integrations=IntegrationsTable(table="others")))
    made = await connection.fetch("""
        select indexrelid::regclass::text as name, indrelid::regclass::text as of, indisvalid
        from pg_index where indexrelid::regclass::text like 'synkron_due_%' order by 1
    """)
    assert [tuple(row) for row in made] == [
        ("synkron_due_expressions", "others", True),
        ("synkron_due_timezones", "organizations", True),
    ]


async def test_whoever_was_granted_before_may_take_jobs(database: Database, connection: Connection) -> None:
    """An upgrade need not name the service's role again."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(f"create role granted_once_{database.name}")
    try:
        await migrate(connection, grant_to=f"granted_once_{database.name}")
        assert await superuser.fetchval(
            "select has_function_privilege($1, p.oid, 'execute') from pg_proc p where proname = 'take_jobs'",
            f"granted_once_{database.name}",
        )
        acl = await superuser.fetchval("select proacl from pg_proc where proname = 'take_jobs'")
        assert acl is None, "public's, as at the start: what it may do is what its caller may"
    finally:
        await superuser.execute(f"drop owned by granted_once_{database.name}; drop role granted_once_{database.name}")
        await superuser.close()


async def test_migrations_that_meet_come_one_after_the_other(bare_database: Database) -> None:
    connections = [await asyncpg.connect(bare_database.url) for _ in range(4)]
    applied = await asyncio.gather(*(migrate(connection) for connection in connections))
    assert sorted(map(len, applied)) == [0, 0, 0, len(migrations())]
    for connection in connections:
        await connection.close()


async def test_an_altered_migration_is_refused(connection: Connection) -> None:
    await connection.execute("update synkron.migrations set checksum = 'other'")
    with pytest.raises(Refused, match="0001_ledger was applied with a different text"):
        await migrate(connection)


async def test_a_start_on_an_altered_migration_is_refused(connection: Connection) -> None:
    await connection.execute("update synkron.migrations set checksum = 'other' where name = '0003_queue'")
    with pytest.raises(Refused, match="0003_queue was applied with a different text"):
        await check_ledger(connection)


async def test_a_database_from_before_the_first_release_is_refused_as_it_is(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute(statements("ledger/migrate")["prepare"])
    names = ("0001_ledger", "0002_operations", "0010_proof")
    for name in names:
        await connection.execute(statements("ledger/migrate")["record"], name, BEFORE_THE_FIRST_RELEASE)
    before = dumped(bare_database)
    for ask in (migrate, check_ledger):
        with pytest.raises(Refused, match=r"from before the first release.*`drop schema synkron cascade`"):
            await ask(connection)
    assert dumped(bare_database) == before
    assert [row["name"] for row in await connection.fetch(statements("ledger/migrate")["known"])] == list(names)
    await connection.execute("drop schema synkron cascade")
    assert await migrate(connection) == [name for name, _ in migrations()]
    await connection.close()


async def test_the_audit_from_before_scopes_gets_what_is_on_record(
    bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(bare_database.url)
    with monkeypatch.context() as before:
        known = [one for one in migrations() if one[0] < "0013"]
        before.setattr("synkron.ledger.migrate.migrations", lambda: known)
        await migrate(connection)
    await connection.execute("select synkron.keep_partitions(now(), now(), '-infinity')")
    for org_id, integration_id, kind in (("o 1", "i (1)", "xledger"), ("o 1", "i2", "bufdir"), ("o2", "i3", "bufdir")):
        await connection.execute(
            "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, "
            "period_end, execute_after, next_attempt_at, action, reason, state) values (gen_random_uuid(), "
            "$1, $2, $3, 'manual', now(), now(), now(), now(), 'run', 'x', 'claimed')",
            *(integration_id, org_id, kind),
        )
    await connection.execute(
        "insert into synkron.incidents (kind, subject, org_id, integration_type, title, detail, remedy, touches, "
        "since, opened_at, seen_at) "
        "values ('run_failed', 's', 'o2', 'bufdir', 't', 'd', 'r', '{}', now(), now(), now())"
    )
    for subject, facts, _ in FROM_BEFORE:
        await connection.execute(
            "insert into synkron.audit (author, action, subject, before) values ('kari', 'x', $1, $2)", subject, facts
        )
    assert {"0013_audit_scopes", "0015_audit_scopes_of_old_entries"} <= set(await migrate(connection))
    rows = await connection.fetch("select org_id, integration_type, integration_id from synkron.audit order by id")
    assert list(zip([one[0] for one in FROM_BEFORE], map(tuple, rows), strict=True)) == [
        (subject, about) for subject, _, about in FROM_BEFORE
    ]
    # The previous release's processes write on.
    await connection.execute("insert into synkron.audit (author, action, subject) values ('kari', 'pause', 'type x')")
    await connection.close()


async def test_what_a_later_release_added_is_no_obstacle(connection: Connection) -> None:
    await connection.execute(statements("ledger/migrate")["record"], "9999_of_a_later_release", "a checksum")
    await check_ledger(connection)
    assert await migrate(connection) == []


async def test_a_database_that_was_not_migrated_is_told_apart(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    with pytest.raises(LedgerMissing, match="Run `synkron migrate`"):
        await check_ledger(connection)
    await connection.close()


@pytest.mark.parametrize(("role", "sees"), [("service_role", True), ("anon", False), ("authenticated", False)])
async def test_only_the_service_role_is_granted_anything(database: Database, role: str, sees: bool) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute(f"set role {role}")
    if sees:
        assert await connection.fetchval("select count(*) from synkron.runs") == 0
        await connection.execute("select synkron.keep_partitions(now(), now(), now())")
    else:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select count(*) from synkron.runs")
    await connection.close()


async def test_a_role_of_ones_own_is_granted_what_the_service_needs(database: Database) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(f'create role "Runs it: {database.name}" nologin')
    await migrate(superuser, grant_to=f"Runs it: {database.name}")
    await superuser.execute(f'set role "Runs it: {database.name}"')
    assert await superuser.fetchval("select count(*) from synkron.queue") == 0
    await superuser.execute("reset role")
    await superuser.execute(f'drop owned by "Runs it: {database.name}"; drop role "Runs it: {database.name}"')
    with pytest.raises(Refused, match='The role "nobody" does not exist'):
        await migrate(superuser, grant_to="nobody")
    await superuser.close()


async def test_tables_that_are_made_may_be_read_by_the_service_role(bare_database: Database) -> None:
    superuser = await asyncpg.connect(bare_database.superuser_url)
    await create_source_tables(superuser, SourceTables())
    await superuser.execute("set role service_role")
    assert await superuser.fetchval("select count(*) from organization_integrations join organizations on true") == 0
    await superuser.execute("set role anon")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.fetchval("select count(*) from organizations")
    await superuser.close()


async def test_a_table_that_exists_is_left_as_it_is(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute("create table organizations (id bigint primary key, name text, timezone integer)")
    source = SourceTables(integrations=IntegrationsTable(table="links"))
    with pytest.raises(asyncpg.PostgresError):
        await create_source_tables(connection, source)
    assert await connection.fetchval("select to_regclass('links')") is None
    columns = await connection.fetch(
        "select data_type from information_schema.columns where table_name = 'organizations' order by ordinal_position"
    )
    assert [row[0] for row in columns] == ["bigint", "text", "integer"]
    await connection.close()


async def test_a_table_without_a_zone(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await create_source_tables(connection, SourceTables(organizations=OrganizationsTable(timezone="")))
    columns = await connection.fetch(
        "select column_name from information_schema.columns where table_name = 'organizations' order by 1"
    )
    assert [row[0] for row in columns] == ["id", "name"]
    await connection.close()


async def test_tables_under_names_of_ones_own(bare_database: Database) -> None:
    connection = await asyncpg.connect(bare_database.url)
    await connection.execute('create schema "App"')
    source = SourceTables(
        schema="App",
        organizations=OrganizationsTable(table="Tenants", timezone="tz"),
        integrations=IntegrationsTable(table="order", cron_schedule="when"),
    )
    await create_source_tables(connection, source)
    await create_due_indexes(connection, source)
    await create_due_indexes(connection, source)
    schedules, zones = await connection.fetch("""select indexdef from pg_indexes where schemaname = 'App'
        and indexname like 'synkron_due_%' order by indexname""")
    assert schedules["indexdef"] == (
        'CREATE INDEX synkron_due_expressions ON "App"."order" USING btree ("left"("when", 513) COLLATE "C") '
        'WHERE (is_enabled AND ("when" IS NOT NULL))'
    )
    assert zones["indexdef"] == (
        'CREATE INDEX synkron_due_timezones ON "App"."Tenants" USING btree ("left"(tz, 513) COLLATE "C")'
    )
    await connection.close()
