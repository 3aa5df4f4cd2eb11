"""The application alters its columns while a scheduler and a worker run: nobody needs a restart."""

from __future__ import annotations

import asyncio

import asyncpg

from synkron.delivery.worker import Worker
from synkron.ledger import history
from synkron.ledger.migrate import migrate
from synkron.postgres.connection import pooled
from tests.support.databases import Database
from tests.support.fleet import nothing_queued, watching
from tests.support.working import QUICK, Recorder, claim

TABLES = """
    create table organizations (id {0} primary key, name varchar(20), timezone varchar(40));
    create table organization_integrations (id {0} primary key, org_id {0}, integration_type varchar(20),
        is_enabled boolean, cron_schedule varchar(90));
    insert into organizations values ('7', 'Fjord', null);
    insert into organization_integrations values ('9', '7', 'xledger', true, '* * * * *');
"""
IDS = """
    alter table organizations alter id type {0} using id::{0};
    alter table organization_integrations alter id type {0} using id::{0}, alter org_id type {0} using org_id::{0};
"""
TEXTS = """
    alter table organizations alter timezone type text;
    alter table organization_integrations alter integration_type type text, alter cron_schedule type text;
"""


# One after the other: wider, to text, back from text, and the texts themselves.
ALTERATIONS = [IDS.format("bigint"), IDS.format("text"), IDS.format("bigint"), TEXTS, IDS.format("numeric")]


async def test_columns_are_altered_while_everybody_runs(bare_database: Database) -> None:
    owner, scheduler = await asyncpg.connect(bare_database.url), await asyncpg.connect(bare_database.url)
    await owner.execute(TABLES.format("smallint"))
    await migrate(owner)
    target = Recorder()
    async with (
        pooled(bare_database.url, size=5, by_key=True) as pool,
        watching(bare_database) as until,
    ):
        worker = Worker(pool, QUICK, {"xledger": target}, "w")
        running = asyncio.create_task(worker.run())
        try:
            for minute, alteration in enumerate(["select", *ALTERATIONS]):
                await owner.execute(alteration)
                assert len(await claim(scheduler, f"2026-03-02T02:0{minute}:00")) == 1
                await until(nothing_queued)
        finally:
            worker.stop()
            await running
        runs = await history.runs(owner)
    await owner.close()
    await scheduler.close()
    assert [(run.state, run.attempt) for run in runs] == [("succeeded", 1)] * (1 + len(ALTERATIONS))
    assert {call.integration_id for call in target.calls} == {"9"}
