"""Adopting a ledger that was restored, as the original, and one that was copied, as a copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from asyncpg import Record

from synkron.errors import Refused
from synkron.incidents.store import incidents, reconcile
from synkron.ledger.installation import at_home, read_ids
from synkron.ledger.keys import is_key_of
from synkron.model import Scope, Source, State
from synkron.operations.adopt import Adopted, AdoptionPlan, AskedAdoption, adopt, plan_adopt
from synkron.operations.audit import entries
from synkron.operations.pauses import AskedPause, pause, resume
from synkron.operations.transaction import read_transaction
from synkron.postgres.embedded import EmbeddedServer
from synkron.reports.verify.evidence import FindingKind
from synkron.reports.verify.store import verify
from synkron.scheduler.tick import tick
from synkron.settings.load import IntegrationsTable, Settings, SourceTables, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.announcing import announcements, announcing
from tests.support.copies import copied, opened
from tests.support.databases import Database
from tests.support.fleet import add_integration, installation_of, utc
from tests.support.incident_cast import condition
from tests.support.stepped_clock import install_clock, set_clock
from tests.support.turns import accept, start

pytestmark = pytest.mark.own_database

ORIGINAL, COPY = AskedAdoption(Adopted.ORIGINAL), AskedAdoption(Adopted.COPY)
HOURLY = "0 * * * *"
DUMPED, RESTORED = utc("2026-03-02T03:20:00"), utc("2026-03-02T06:10:00")
PLAIN = Settings()


async def tick_at(connection: Connection, now: datetime, settings: Settings = PLAIN) -> None:
    """Tick when the database's clock shows ``now``. The real one writes the row, as where a moment is given."""
    await set_clock(connection, now)
    await tick(connection, settings, scheduler="test", source="once")


async def planned(connection: Connection, settings: Settings, asked: AskedAdoption) -> AdoptionPlan:
    async with read_transaction(connection) as now:
        return await plan_adopt(connection, settings, asked, now)


async def hold_all(connection: Connection) -> None:
    """Pause everything, by the connection's clock."""
    await pause(connection, PLAIN, AskedPause([Scope()], "looking at it", None), "kari")
    await connection.execute("update synkron.pauses set starts_at = now()")


async def runs(connection: Connection) -> list[Record]:
    """What the ledger holds, the oldest first."""
    return await connection.fetch(
        "select key, period_start, period_end, action, source, reason from synkron.runs order by scheduled_for, id"
    )


def told(rows: Sequence[Record]) -> list[tuple[str, datetime, datetime]]:
    """What the targets are told: the keys, each with its period."""
    return [(row["key"], row["period_start"], row["period_end"]) for row in rows if row["action"] == "run"]


@asynccontextmanager
async def restored(server: EmbeddedServer, database: Database) -> AsyncIterator[tuple[Connection, list[Record]]]:
    """An hourly integration whose ledger is dumped after 03:00, and goes on; restored at 06:10.

    Gives the restored ledger, with the clock at 06:10, and what the original did until then.
    """
    async with opened(database) as original:
        await add_integration(original, HOURLY)
        await install_clock(original, DUMPED)
        for hours in (-2, -1, 0):
            await tick_at(original, DUMPED + timedelta(hours=hours, minutes=-20))
    async with copied(server, database) as copy:
        async with opened(database) as original:
            await install_clock(original, DUMPED)
            for hours in (1, 2, 3):
                await tick_at(original, DUMPED + timedelta(hours=hours, minutes=-20))
            did = await runs(original)
        async with opened(copy) as connection:
            await install_clock(connection, RESTORED)
            yield connection, did


@pytest.mark.parametrize("catch_up", list(CatchUp))
async def test_what_the_original_missed_since_the_dump_is_caught_up_one_by_one(
    server: EmbeddedServer, database: Database, catch_up: CatchUp
) -> None:
    """With the keys and periods that it had, under any policy: a key must not stand for a longer period now."""
    policy = TypeSettings(catch_up=catch_up, catch_up_window=timedelta(minutes=1))
    settings = Settings(types={"xledger": policy})
    async with restored(server, database) as (connection, did):
        plan = await planned(connection, settings, ORIGINAL)
        assert (plan.occurrences, plan.integrations, plan.claimed) == (3, 1, 3)
        assert plan.watermark == DUMPED - timedelta(minutes=19, seconds=30)
        await adopt(connection, settings, ORIGINAL, "kari")
        await tick_at(connection, RESTORED + timedelta(seconds=40), settings)
        again = await runs(connection)
        assert told(again) == told(did)
        assert len(told(again)) == 6
        assert {row["source"] for row in again[3:]} == {"catch_up"}
        # What comes after that is an outage like any other.
        await tick_at(connection, RESTORED + timedelta(hours=3), settings)
        assert [row["action"] for row in (await runs(connection))[6:8]] == ["expire", "expire"]


async def test_what_a_pause_held_meanwhile_is_caught_up_one_by_one(server: EmbeddedServer, database: Database) -> None:
    async with restored(server, database) as (connection, did):
        await hold_all(connection)
        await adopt(connection, PLAIN, ORIGINAL, "kari")
        await tick_at(connection, RESTORED + timedelta(minutes=1))
        assert len(await runs(connection)) == 3
        await resume(connection, PLAIN, [Scope()], "kari")
        await tick_at(connection, RESTORED + timedelta(minutes=2))
        assert told(await runs(connection)) == told(did)


async def test_rows_that_were_written_since_are_caught_up_all_the_same(
    server: EmbeddedServer, database: Database
) -> None:
    """An application that notes something in the row is at work before the ledger is adopted."""
    settings = Settings(source=SourceTables(integrations=IntegrationsTable(updated_at="updated_at")))
    async with restored(server, database) as (connection, did):
        await connection.execute(
            "alter table organization_integrations add updated_at timestamptz default $$2026-03-02 06:05Z$$"
        )
        await adopt(connection, settings, ORIGINAL, "kari")
        await tick_at(connection, RESTORED + timedelta(minutes=1), settings)
        assert told(await runs(connection)) == told(did)


async def test_the_original_keeps_its_id_and_what_it_has_under_way(server: EmbeddedServer, database: Database) -> None:
    async with restored(server, database) as (connection, _):
        before = await installation_of(connection)
        jobs = await connection.fetchval("select count(*) from synkron.queue")
        found = await adopt(connection, PLAIN, AskedAdoption(Adopted.ORIGINAL, "prod"), "kari")
        assert (found.id, found.name, found.is_at_home, found.is_noted) == (before, "prod", True, True)
        assert await connection.fetchval("select count(*) from synkron.queue") == jobs == 3
        assert await read_ids(connection) == [before]
        [entry] = await entries(connection)
        assert (entry.author, entry.action, entry.subject) == ("kari", "adopt", f"installation {before}")
        assert entry.after is not None
        assert (entry.after["as"], entry.after["name"]) == ("original", "prod")


async def test_a_copy_begins_now_under_keys_of_its_own(server: EmbeddedServer, database: Database) -> None:
    async with restored(server, database) as (connection, did):
        before = await installation_of(connection)
        found = await adopt(connection, PLAIN, COPY, "kari")
        assert (found.is_at_home, found.is_noted, found.copied_at) == (True, True, RESTORED)
        assert await read_ids(connection) == [found.id, before]
        await tick_at(connection, RESTORED + timedelta(hours=1))
        *old, new = await runs(connection)
        assert [row["key"] for row in old] == [row["key"] for row in did[:3]]
        assert new["key"] not in {row["key"] for row in did}
        assert (new["period_start"], new["period_end"]) == (utc("2026-03-02T06:00:00"), utc("2026-03-02T07:00:00"))
        integration_id = await connection.fetchval("select id::text from organization_integrations")
        for row in (*old, new):
            ids = await read_ids(connection)
            assert is_key_of(row["key"], ids, integration_id, Source.SCHEDULE, row["period_end"])


async def test_the_moment_before_a_copy_was_adopted_is_the_original_s(
    server: EmbeddedServer, database: Database
) -> None:
    """A tick looks back half a minute, for rows that were edited just now; a copy's not beyond its beginning."""
    async with restored(server, database) as (connection, _):
        await set_clock(connection, utc("2026-03-02T07:00:10"))
        await adopt(connection, PLAIN, COPY, "kari")
        await tick_at(connection, utc("2026-03-02T07:00:20"))
        assert len(await runs(connection)) == 3
        await tick_at(connection, utc("2026-03-02T07:59:40"))
        assert len(await runs(connection)) == 4


async def test_what_the_original_has_under_way_is_closed_in_a_copy(server: EmbeddedServer, database: Database) -> None:
    """One run waits, one is at its target, one was accepted; one that a pause holds has a job no more."""
    async with opened(database) as original:
        for minute in range(3):
            await add_integration(original, f"{minute} 2 * * *")
        for minute in range(3):
            await tick(original, PLAIN, scheduler="test", at=utc(f"2026-03-02T02:0{minute}:00"))
        waiting, at_target, accepted = [
            row["id"] for row in await original.fetch("select id from synkron.runs order by id")
        ]
        assert await start(original, at_target, "w", 1)
        run = await start(original, accepted, "w", 2)
        assert run is not None
        assert await accept(original, run)
    async with copied(server, database) as copy, opened(copy) as connection:
        plan = await planned(connection, PLAIN, COPY)
        assert (plan.running, plan.claimed) == (2, 1)
        await adopt(connection, PLAIN, COPY, "kari")
        rows = await connection.fetch("select id, state, reason, completes_by from synkron.runs order by id")
        assert [row["id"] for row in rows] == [waiting, at_target, accepted]
        assert {row["state"] for row in rows} == {State.SKIPPED}
        assert all("adopted as a copy" in row["reason"] and row["completes_by"] is None for row in rows)
        assert await connection.fetchval("select count(*) from synkron.queue") == 0
        assert await connection.fetchval("select count(*) from synkron.running") == 0
        tries = await connection.fetch("select outcome from synkron.attempts")
        assert [row["outcome"] for row in tries] == ["cancelled", "cancelled"]


async def test_a_copy_says_nothing_of_the_original_s_incidents(server: EmbeddedServer, database: Database) -> None:
    settings = announcing(hook="http://127.0.0.1:1/")
    async with opened(database) as original:
        at = await original.fetchval("select now()")
        await reconcile(original, [condition()], settings, at)
        assert len(await announcements(original)) == 1
    async with copied(server, database) as copy, opened(copy) as connection:
        await adopt(connection, settings, COPY, "kari")
        assert await incidents(connection) == []
        assert await connection.fetchval("select count(*) from synkron.announcements where given_up_at is null") == 0
        await reconcile(connection, [], settings, await connection.fetchval("select now()"))
        assert len(await announcements(connection)) == 1


async def test_a_pause_goes_on_in_a_copy_and_holds_from_now_on(server: EmbeddedServer, database: Database) -> None:
    async with opened(database) as original:
        await add_integration(original, HOURLY)
        await install_clock(original, DUMPED)
        await tick_at(original, DUMPED)
        await hold_all(original)
        await tick_at(original, DUMPED + timedelta(hours=1))
    async with copied(server, database) as copy, opened(copy) as connection:
        await install_clock(connection, RESTORED)
        await adopt(connection, PLAIN, COPY, "kari")
        await resume(connection, PLAIN, [Scope()], "kari")
        await tick_at(connection, RESTORED + timedelta(minutes=1))
        assert await runs(connection) == []
        await tick_at(connection, RESTORED + timedelta(minutes=50))
        assert len(await runs(connection)) == 1


async def test_a_copy_has_another_name_than_the_original(server: EmbeddedServer, database: Database) -> None:
    async with opened(database) as original:
        await original.execute("update synkron.installations set name = 'prod'")
    async with copied(server, database) as copy, opened(copy) as connection:
        for settings, asked in (
            (PLAIN, AskedAdoption(Adopted.COPY, "prod")),
            (Settings(installation="prod"), COPY),
        ):
            with pytest.raises(Refused, match='"prod" is the name of the ledger that this one was copied from'):
                await adopt(connection, settings, asked, "kari")
        other = AskedAdoption(Adopted.COPY, "other")
        with pytest.raises(Refused, match='The settings are for the installation "staging"'):
            await adopt(connection, Settings(installation="staging"), other, "kari")
        found = await adopt(connection, Settings(installation="staging"), COPY, "kari")
        assert found.name == "staging"
        assert (await adopt(connection, PLAIN, COPY, "kari")).name is None


async def test_what_looks_like_the_original_may_be_adopted_too(connection: Connection) -> None:
    """A restored backup of the whole server is at home, as far as PostgreSQL knows."""
    before = (await at_home(connection, PLAIN)).id
    assert (await adopt(connection, PLAIN, ORIGINAL, "kari")).id == before
    assert (await adopt(connection, PLAIN, COPY, "kari")).id != before


async def test_a_copy_s_proof_begins_with_it(server: EmbeddedServer, database: Database) -> None:
    """What was due between the dump and the adoption is no hole of the copy's."""
    async with restored(server, database) as (connection, _):
        await adopt(connection, PLAIN, COPY, "kari")
        await tick_at(connection, RESTORED + timedelta(hours=1))
        report = await verify(connection, PLAIN, DUMPED - timedelta(hours=3))
        assert report.findings == []
        assert report.window.start == RESTORED


@pytest.mark.parametrize("catch_up", list(CatchUp))
async def test_the_original_s_proof_goes_on(server: EmbeddedServer, database: Database, catch_up: CatchUp) -> None:
    """All that was due is accounted for, from before the dump to after the restore, under keys of its own."""
    settings = Settings(types={"xledger": TypeSettings(catch_up=catch_up)})
    async with restored(server, database) as (connection, _):
        await adopt(connection, settings, ORIGINAL, "kari")
        await tick_at(connection, RESTORED + timedelta(seconds=40), settings)
        report = await verify(connection, settings, DUMPED - timedelta(hours=3))
    assert [finding.message for finding in report.findings if finding.kind is not FindingKind.LATE] == []
    assert report.occurrences == 6


async def test_a_copy_that_was_adopted_right_after_the_other_ones_tick_has_ticked_as_it_should(
    server: EmbeddedServer, database: Database
) -> None:
    """The other one's last window reaches beyond the adoption, where this one's first begins."""
    async with opened(database) as original:
        await add_integration(original, "* * * * *")
        await install_clock(original, DUMPED)
        await tick_at(original, DUMPED)
    async with copied(server, database) as copy, opened(copy) as connection:
        await install_clock(connection, DUMPED + timedelta(seconds=10))
        await adopt(connection, PLAIN, COPY, "kari")
        for seconds in (20, 30, 50):
            await tick_at(connection, DUMPED + timedelta(seconds=seconds))
        report = await verify(connection, PLAIN, DUMPED - timedelta(hours=1))
    assert report.findings == []
