"""The mirror: what the Data API holds, in Synkron's own tables, and what a tick and a worker make of it."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web

from synkron.errors import DataApiError, ServiceRoleRequired, SettingsError, SynkronError
from synkron.model import Run
from synkron.postgres.connection import Pool, connected
from synkron.scheduler.tick import tick
from synkron.service.heartbeat import open_dead_man
from synkron.service.parts import Role
from synkron.service.scheduler_loop import LastTick, keep_ticking
from synkron.service.serve import serve
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.sections import SourceTables, SupabaseSettings
from synkron.source.mirror import Mirror, mirror_of
from synkron.source.reader import read_all, read_names
from tests.conftest import Connection
from tests.support.commands import synkron
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, utc, watching
from tests.support.postgrest import PUBLISHABLE_KEY, SECRET_KEY, StandIn
from tests.support.working import Recorder, working

AT = utc("2026-03-02T02:00:00")


@pytest.fixture
def settings(stand_in: StandIn) -> Settings:
    """Settings that name the Data API, with the key in the environment."""
    return Settings(
        source=SourceTables(data_api=True), supabase=SupabaseSettings(url=stand_in.url, secret_key="env:KEY")
    )


@pytest.fixture
def mirror(settings: Settings) -> Mirror:
    found = mirror_of(settings, {"KEY": SECRET_KEY})
    assert found is not None
    return found


async def ids(connection: Connection, settings: Settings) -> list[str]:
    return sorted(row.integration_id for row in await read_all(connection, settings.source))


async def test_the_mirror_is_equal_to_the_tables_whatever_is_in_them(
    connection: Connection, settings: Settings, mirror: Mirror
) -> None:
    """In every column, as a connection to PostgreSQL reads them; after each edit."""
    oslo = await add_organization(connection, "Fjord", "Europe/Oslo")
    first = await add_integration(connection, "0 2 * * *", org_id=oslo)
    await add_integration(connection, None, "dynamics", enabled=False)
    await add_integration(connection, "99 * * * * " * 100)
    await connection.execute("alter table organization_integrations alter org_id drop not null")
    edits = [
        "select",
        "update organization_integrations set cron_schedule = '0 3 * * *' where cron_schedule = '0 2 * * *'",
        "update organizations set timezone = null",
        "update organization_integrations set org_id = null where cron_schedule is null",
        f"delete from organization_integrations where id = '{first}'",
        "delete from organizations",
    ]
    own = Settings().source
    for edit in edits:
        await connection.execute(edit)
        await mirror.refresh(connection)
        expected = await read_all(connection, own)
        found = await read_all(connection, settings.source)
        assert sorted(found, key=str) == sorted(expected, key=str), edit
        assert await read_names(connection, settings.source) == await read_names(connection, own)


async def test_what_did_not_change_is_not_written_again(
    connection: Connection, settings: Settings, mirror: Mirror
) -> None:
    del settings
    for _ in range(3):
        await add_integration(connection, "0 2 * * *")
    await mirror.refresh(connection)
    versions = "select xmin::text from synkron.mirrored_{} order by 1"
    before = [await connection.fetch(versions.format(table)) for table in ("integrations", "organizations")]
    await mirror.refresh(connection)
    assert [await connection.fetch(versions.format(table)) for table in ("integrations", "organizations")] == before


async def test_a_failed_read_leaves_the_mirror_as_it_was(
    connection: Connection, settings: Settings, mirror: Mirror, stand_in: StandIn
) -> None:
    await add_integration(connection, "0 2 * * *")
    await mirror.refresh(connection)
    kept = await ids(connection, settings)
    await add_integration(connection, "0 2 * * *")
    asked = len(stand_in.requests)
    # The integrations are read whole; of the organizations, the last answer is none.
    stand_in.tamper = lambda number, answer: web.Response(text="<html>") if number == asked + 3 else answer
    with pytest.raises(DataApiError):
        await mirror.refresh(connection)
    assert await ids(connection, settings) == kept
    stand_in.tamper = None
    await mirror.refresh(connection)
    assert len(await ids(connection, settings)) == 2


async def test_a_number_of_minutes_becomes_an_offset(database: Database, settings: Settings, mirror: Mirror) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await add_integration(superuser, "0 2 * * *")
    await superuser.execute(
        "drop index synkron_due_timezones; alter table organizations alter timezone type int using -90"
    )
    await mirror.refresh(superuser)
    [row] = await read_all(superuser, settings.source)
    assert row.timezone == "-01:30"
    await superuser.close()


@pytest.mark.parametrize("minutes", ["1" + "0" * 5000, "1e999999999"])
async def test_a_zone_of_a_billion_digits_leaves_out_its_organization_alone(
    connection: Connection, settings: Settings, mirror: Mirror, stand_in: StandIn, minutes: str
) -> None:
    await add_integration(connection, "* * * * *", org_id=await add_organization(connection, "Fjord", "840"))
    other = await add_integration(connection, "* * * * *")
    stand_in.tamper = lambda _, answer: web.Response(
        text=(answer.text or "").replace('"840"', minutes), status=answer.status, headers=answer.headers
    )
    await mirror.refresh(connection)
    done = await tick(connection, settings, scheduler="test", at=AT)
    assert [row.integration_id for row in done.invalid] != [other]
    assert (done.claimed, len(done.invalid)) == (1, 1)


async def test_a_time_that_is_none_leaves_out_its_row_alone(connection: Connection, settings: Settings) -> None:
    await connection.execute("alter table organization_integrations add edited jsonb")
    one = await add_integration(connection, "* * * * *")
    await add_integration(connection, "* * * * *")
    await connection.execute("""update organization_integrations set edited = '{"a": 1}' where id::text = $1""", one)
    tables = SourceTables.model_validate({"data_api": True, "integrations": {"updated_at": "edited"}})
    found = mirror_of(Settings(source=tables, supabase=settings.supabase), {"KEY": SECRET_KEY})
    assert found is not None
    await found.refresh(connection)
    done = await tick(connection, settings, scheduler="test", at=AT)
    assert [row.integration_id for row in done.invalid] == [one]
    assert done.claimed == 1


async def test_a_tick_claims_from_the_mirror_what_the_data_api_holds(
    connection: Connection, settings: Settings, mirror: Mirror
) -> None:
    due = await add_integration(connection, "0 2 * * *")
    await add_integration(connection, "0 3 * * *")
    await mirror.refresh(connection)
    done = await tick(connection, settings, scheduler="test", at=AT)
    assert done.claimed == 1
    assert await connection.fetchval("select integration_id from synkron.runs") == due


@pytest.mark.parametrize(
    ("edit", "state"),
    [
        ("select", "succeeded"),
        ("update organization_integrations set is_enabled = false", "skipped"),
        ("update organization_integrations set cron_schedule = '0 3 * * *'", "skipped"),
        ("delete from organization_integrations", "skipped"),
    ],
)
async def test_a_worker_reads_the_row_again_through_the_data_api(
    edit: str, state: str, database: Database, connection: Connection, pool: Pool, settings: Settings, mirror: Mirror
) -> None:
    """What is edited after the claim counts, though no tick has read it."""
    await add_integration(connection, "0 2 * * *")
    await mirror.refresh(connection)
    await tick(connection, settings, scheduler="test", at=AT)
    await connection.execute(edit)
    target = Recorder()
    async with watching(database) as until, working(pool, target, settings, mirror=mirror):
        await until(nothing_queued)
    assert await connection.fetchval("select state from synkron.runs") == state
    assert len(target.calls) == (state == "succeeded")


async def test_without_a_whole_read_there_is_no_tick_and_the_next_one_catches_up(
    database: Database, connection: Connection, settings: Settings, mirror: Mirror, stand_in: StandIn
) -> None:
    await add_integration(connection, "* * * * *")
    connect, stop, last_tick = partial(connected, database.url), asyncio.Event(), LastTick()
    async with open_dead_man(None, asyncio.get_running_loop().time) as dead_man:
        stand_in.tamper = lambda _, answer: web.Response(text="<html>", status=answer.status)
        with pytest.raises(DataApiError):
            await keep_ticking(connect, settings, "test", stop, last_tick, dead_man, mirror)
        assert await connection.fetchval("select count(*) from synkron.ticks") == 0
        stand_in.tamper = None
        ticking = asyncio.create_task(keep_ticking(connect, settings, "test", stop, last_tick, dead_man, mirror))
        await last_tick.looked.wait()
        stop.set()
        await ticking
    assert await connection.fetchval("select count(*) from synkron.runs") == 1


@pytest.mark.waits(minutes=0.4)
async def test_the_service_ticks_and_delivers_what_the_data_api_holds(
    database: Database, connection: Connection, settings: Settings
) -> None:
    await add_integration(connection, "* * * * *")
    types = {"xledger": TypeSettings(target="tests.source.test_mirror:accept")}
    stop = asyncio.Event()
    served = Settings(source=settings.source, supabase=settings.supabase, types=types)
    roles = [Role.SCHEDULER, Role.WORKER]
    async with watching(database) as until:
        task = asyncio.create_task(serve(database.url, served, roles, stop, {"KEY": SECRET_KEY}))
        await until(_delivered)
        stop.set()
        await task


async def _delivered(connection: Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from synkron.runs where state = 'succeeded')"))


async def accept(run: Run) -> None:
    """The target of the service's runs."""


@pytest.mark.usefixtures("untouched_logging")
async def test_a_command_reads_the_data_api_first(
    database: Database, connection: Connection, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answers of the rows as they are now, though nothing else has refreshed the mirror."""
    malformed = await add_integration(connection, "99 * * * *")
    written = f'[source]\ndata_api = true\n[supabase]\nurl = "{stand_in.url}"\nsecret_key = "env:KEY"\n'
    (tmp_path / "synkron.toml").write_text(written, "utf-8")
    monkeypatch.setenv("KEY", SECRET_KEY)
    checked = await synkron(database.url, "check", "--json", folder=tmp_path)
    assert [one["integration_id"] for one in json.loads(checked.stdout)["findings"]] == [malformed]
    await connection.execute("update organization_integrations set cron_schedule = '* * * * *'")
    ticked = await synkron(database.url, "tick", "--json", folder=tmp_path)
    assert json.loads(ticked.stdout)["claimed"] == 1


@pytest.mark.parametrize(
    ("environment", "error", "says"),
    [
        ({}, SettingsError, "supabase.secret_key: the environment variable KEY is not set"),
        ({"KEY": " "}, SettingsError, "supabase.secret_key: env:KEY is empty"),
        ({"KEY": PUBLISHABLE_KEY}, ServiceRoleRequired, "is a publishable key"),
    ],
)
def test_a_key_that_is_none(
    environment: dict[str, str], error: type[SynkronError], says: str, settings: Settings
) -> None:
    with pytest.raises(error, match=says):
        mirror_of(settings, environment)


def test_the_project_is_not_named() -> None:
    with pytest.raises(SettingsError, match=r"source.data_api: the Data API needs the project"):
        mirror_of(Settings(source=SourceTables(data_api=True)), {})


def test_without_a_data_api_there_is_no_mirror() -> None:
    assert mirror_of(Settings(), {}) is None
