"""Who a ledger is, and what becomes of one that wakes up elsewhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from synkron.delivery.completion import complete_run
from synkron.errors import LedgerMissing, NotAtHome, Refused
from synkron.incidents.channels import open_channels
from synkron.ledger import ticks
from synkron.ledger.installation import at_home, note_place, read_ids, read_installation
from synkron.ledger.migrate import create_source_tables, migrate
from synkron.ledger.queue import SQL as QUEUE
from synkron.model import Outcome, OutcomeKind, Scope
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.trigger import trigger
from synkron.postgres.connection import connected
from synkron.postgres.embedded import EmbeddedServer
from synkron.runtime import steady_clock
from synkron.scheduler.tick import tick
from synkron.service import background, scheduler_loop, worker_loop
from synkron.service.heartbeat import open_dead_man
from synkron.service.parts import Role
from synkron.service.scheduler_loop import LastTick
from synkron.service.serve import serve
from synkron.settings.load import Settings, SourceTables
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import Watches
from tests.conftest import Connection
from tests.delivery.targets.far_side import accept, far_side
from tests.support.announcing import idle
from tests.support.copies import copied, opened
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.turns import start

pytestmark = pytest.mark.own_database

MOMENT = "2026-03-02T02:00:00"
PLAIN = Settings()


async def claim(connection: Connection, moment: str = MOMENT) -> tuple[int, ...]:
    """Tick as of the moment; answers the runs."""
    return (await tick(connection, PLAIN, scheduler="test", at=utc(moment))).run_ids


async def test_a_ledger_that_was_migrated_is_at_home(bare_database: Database) -> None:
    async with opened(bare_database) as connection:
        await migrate(connection)
        found = await at_home(connection, PLAIN)
        assert found.is_noted
        assert found.stood == found.stands
        assert found.name is None
        assert await read_ids(connection) == [found.id]
        await connection.execute("delete from synkron.installations")
        with pytest.raises(LedgerMissing):
            await at_home(connection, PLAIN)


async def test_two_databases_with_the_same_rows_send_different_keys(
    database: Database, bare_database: Database
) -> None:
    async with opened(bare_database) as connection:
        await migrate(connection)
        await create_source_tables(connection, SourceTables())
    sent = set()
    for one in (database, bare_database):
        async with opened(one) as connection:
            await add_integration(connection, "0 2 * * *")
            await connection.execute("alter table organization_integrations alter id type text using '1'")
            await claim(connection)
            row = await connection.fetchrow("select integration_id, key from synkron.runs")
            assert row is not None
            assert row["integration_id"] == "1"
            sent.add(row["key"])
    assert len(sent) == 2


# Where it was noted, and how the row was written that says so: what of it differs from how it is now.
OTHER_SERVER = "system_identifier = system_identifier + 1"
OLDER = "server_version = server_version - 1"
NO_SERVER = "system_identifier = null"
RESTORED = "noted_by = (noted_by::text::bigint - 1)::text::xid"


@pytest.mark.parametrize(
    ("differs", "home", "what"),
    [
        ("database_name = 'before'", True, "a database that was renamed"),
        (RESTORED, True, "the row was written anew, as pg_repack does"),
        (OLDER, True, "a server that says so little of itself"),
        ("database_oid = 1", False, "another database of the server"),
        ("table_oid = 1", False, "a schema that was restored in its own database"),
        (OTHER_SERVER, False, "another server with the same history: containers from one script, pg_createsubscriber"),
        (f"{OTHER_SERVER}, {OLDER}", True, "pg_upgrade"),
        (f"{OTHER_SERVER}, {OLDER}, {RESTORED}", False, "restored into a newer server with the same history"),
        (f"{OTHER_SERVER}, {OLDER}, database_oid = 1", False, "restored into a newer server"),
        (f"{OTHER_SERVER}, {OLDER}, table_oid = 1", False, "restored into a newer server's first database"),
        (NO_SERVER, True, "a server that does not say who it is"),
        (f"{NO_SERVER}, {RESTORED}", False, "restored into a server that does not say who it is"),
    ],
)
async def test_where_a_ledger_is_at_home(connection: Connection, differs: str, home: bool, what: str) -> None:
    if "noted_by" in differs:
        await connection.execute(f"update synkron.installations set {differs}")
    else:
        await connection.execute(f"update synkron.installations set {differs}, noted_by = pg_current_xact_id()::xid")
    found = await read_installation(connection)
    assert (found.is_at_home, found.is_noted) == (home, False), what
    if home:
        await claim(connection)
        assert (await read_installation(connection)).is_noted, "the next tick notes where it stands"


async def test_who_may_not_ask_for_the_server_s_identifier(database: Database) -> None:
    """Public may, unless an administrator has taken that away."""
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute("revoke execute on function pg_control_system() from public")
    async with opened(database) as connection:
        await claim(connection)
        found = await read_installation(connection)
        assert (found.is_at_home, found.is_noted, found.stands.server) == (True, True, None)
    await superuser.close()


async def test_a_copy_fires_nothing(server: EmbeddedServer, database: Database) -> None:
    """Neither what comes due, nor what was claimed; nor is anything sent that says how things are."""
    async with opened(database) as original:
        one = await add_integration(original, "0 2 * * *")
        (run_id,) = await claim(original)
    async with copied(server, database) as copy, opened(copy) as connection:
        assert not (await read_installation(connection)).is_at_home
        with pytest.raises(NotAtHome, match=r"`synkron adopt --as original`.*`synkron adopt --as copy`"):
            await claim(connection, "2026-03-03T02:00:00")
        with pytest.raises(NotAtHome):
            await trigger(connection, PLAIN, Scope(integration_id=one), "kari")
        asked = AskedBackfill(Scope(integration_id=one), utc("2026-03-01T00:00:00"), utc(MOMENT))
        with pytest.raises(NotAtHome):
            await backfill(connection, PLAIN, asked, "kari")
        taking = [200, ["xledger"], [0], "8a1b0f0e-52a9-4a4c-8f40-4f7a0f0f7a51", timedelta(seconds=30)]
        assert await connection.fetch(QUEUE["take"], *taking) == []
        assert await start(connection, run_id, "w", 1) is None
        with pytest.raises(NotAtHome):
            await complete_run(connection, PLAIN, run_id, key="k", attempt=1, outcome=Outcome(OutcomeKind.SUCCEEDED))
    async with opened(database) as original:
        assert len(await original.fetch(QUEUE["take"], *taking)) == 1
        assert await start(original, run_id, "w", 1) is not None


async def test_no_loop_of_the_service_does_anything_on_a_copy(server: EmbeddedServer, database: Database) -> None:
    stop = asyncio.Event()
    clock = steady_clock(asyncio.get_running_loop())
    async with (
        copied(server, database) as copy,
        far_side(accept) as there,
        open_prober({}) as prober,
        open_channels(PLAIN, {}) as channels,
    ):
        settings = Settings(heartbeat_url=f"{there.url}/ping")
        async with open_dead_man(settings.heartbeat_url, clock) as dead_man:
            connect = partial(connected, copy.url)
            doing = [
                scheduler_loop.keep_ticking(connect, settings, "test", stop, LastTick(), dead_man),
                background.keep_watching(connect, settings, Watches((), {}), prober, stop),
                background.keep_incidents(connect, settings, (), stop, LastTick()),
                background.keep_announcing(connect, settings, channels, None, stop),
                worker_loop.keep_working(copy.url, settings, {}, "test", stop, stop),
            ]
            for one in doing:
                with pytest.raises(NotAtHome):
                    await one
            await idle(dead_man)
        assert there.requests == []


@pytest.mark.parametrize(
    ("settings", "ledger", "says"),
    [
        ("prod", None, "migrate --installation prod"),
        ("prod", "staging", 'is "staging"'),
        ("prod", "Prod", 'is "Prod"'),
        (None, "prod", None),
        ("prod", "prod", None),
        (None, None, None),
    ],
)
async def test_settings_of_another_installation_fire_nothing(
    database: Database, connection: Connection, settings: str | None, ledger: str | None, says: str | None
) -> None:
    await connection.execute("update synkron.installations set name = $1", ledger)
    named = Settings(installation=settings)
    if says is None:
        await tick(connection, named, scheduler="test", at=utc(MOMENT))
        return
    with pytest.raises(Refused, match=says):
        await tick(connection, named, scheduler="test", at=utc(MOMENT))
    with pytest.raises(Refused, match=says):
        await serve(database.url, named, (Role.WORKER,), asyncio.Event(), {})


async def test_naming_a_ledger(connection: Connection) -> None:
    await migrate(connection, installation="prod")
    assert (await at_home(connection, Settings(installation="prod"))).is_noted
    await migrate(connection, installation="prod")
    await migrate(connection)
    with pytest.raises(Refused, match="adopt --as copy --installation staging"):
        await migrate(connection, installation="staging")
    assert (await read_installation(connection)).name == "prod"


async def test_a_copy_that_is_named_stays_a_copy(server: EmbeddedServer, database: Database) -> None:
    async with copied(server, database) as copy, opened(copy) as connection:
        await migrate(connection, installation="staging")
        found = await read_installation(connection)
        assert (found.name, found.is_at_home) == ("staging", False)


async def test_only_one_installation_counts(connection: Connection) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "insert into synkron.installations (server_version, database_oid, database_name, table_oid) "
            "select server_version, database_oid, database_name, table_oid from synkron.place()"
        )
    async with connection.transaction():
        await ticks.lock_watermark(connection)
        await note_place(connection)
    assert (await read_installation(connection)).is_noted
