"""A run that no worker starts: it is told of once, by a webhook and by mail, and closed when it has run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.incidents import store
from synkron.incidents.channels import Channels, open_channels
from synkron.incidents.conditions.store import read_conditions
from synkron.incidents.send import deliver_due
from synkron.postgres.connection import Pool
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from tests.conftest import Connection
from tests.delivery.targets.far_side import accept, far_side
from tests.support.announcing import ENVIRONMENT, announcing, mail_server
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization, nothing_queued, watching
from tests.support.working import Recorder, working

MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def _told() -> AsyncIterator[tuple[list[Any], list[Any], Settings]]:
    """What a webhook and a mail server have received, and settings that announce to both."""
    async with mail_server() as mails, far_side(accept) as there:
        settings = announcing(hook=f"{there.url}/incidents", mail=mails.url)
        types = {"xledger": TypeSettings(backoff=timedelta(milliseconds=1))}
        yield there.requests, mails.mails, Settings(types=types, announce=settings.announce)


async def _look(settings: Settings, channels: Channels, database: Database, at: datetime) -> None:
    """What the service does twice a minute, by two schedulers at once."""
    async with asyncpg.create_pool(database.url, min_size=2, max_size=2) as pool:

        async def one() -> None:
            async with pool.acquire() as own:
                conditions = await read_conditions(own, settings, [], [], at)
                store.log_transitions(await store.reconcile(own, conditions, settings, at))
                while await deliver_due(own, channels, at):
                    pass

        await asyncio.gather(one(), one())


async def _keep_ticking(connection: Connection, since: datetime) -> None:
    """The scheduler goes on: it is the worker that is gone."""
    await connection.execute(
        "insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid) "
        "select at, at, at + interval '30 s', 'service', 'test', 0, 0, 0, 0 "
        "from generate_series($1::timestamptz, $1::timestamptz + interval '1 hour', '30 s') at",
        since,
    )


# requirement R17.5
@pytest.mark.waits(minutes=0.1)
async def test_a_run_that_is_late_is_told_of_once_and_closed_when_it_has_run(
    database: Database, connection: Connection, pool: Pool
) -> None:
    await add_integration(connection, "* * * * *", org_id=await add_organization(connection, "Nordavind"))
    now: datetime = await connection.fetchval("select now()")
    moment = now.replace(second=0, microsecond=0) - 7 * MINUTE
    await connection.execute("insert into synkron.watermark (at) values ($1)", moment - MINUTE / 2)
    async with _told() as (requests, mails, settings), open_channels(settings, ENVIRONMENT) as channels:
        await tick(connection, settings, scheduler="test", at=moment)
        # As it would stand had the tick come at its time: no worker takes it.
        await connection.execute("update synkron.runs set claimed_at = $1", moment - MINUTE / 2)
        await connection.execute("update synkron.queue set created = $1", moment - MINUTE / 2)
        await _keep_ticking(connection, moment)
        with capture_logs() as lines:
            for at in (moment + 5 * MINUTE, now, now + MINUTE / 2, now + MINUTE):
                await _look(settings, channels, database, at)
        assert [line["event"] for line in lines if line["event"].startswith("incident")] == ["incident opened"]
        [request], [mail] = requests, mails
        told = json.loads(request.body)
        assert told["type"] == "incident.opened"
        assert told["data"]["kind"] == "drift"
        for said in ("xledger of Nordavind", "stage worker"):
            assert said in told["data"]["title"]
            assert said in mail["Subject"]

        async with watching(database) as until, working(pool, Recorder(), settings):
            await until(nothing_queued)
        started: datetime = await connection.fetchval("select started_at from synkron.runs")
        for at in (started + MINUTE, started + 14 * MINUTE, started + 16 * MINUTE):
            await _look(settings, channels, database, at)
        assert (len(requests), len(mails)) == (1, 1)
        for at in (started + 25 * MINUTE, started + 26 * MINUTE):
            await _look(settings, channels, database, at)
    assert [json.loads(request.body)["type"] for request in requests] == ["incident.opened", "incident.closed"]
    assert [mail["Subject"].split()[1] for mail in mails] == ["opened:", "closed:"]
    assert len({request.headers["webhook-id"] for request in requests}) == 2
    assert await store.incidents(connection) == []
    [closed] = await store.incidents(connection, closed=True)
    assert closed.closed_at is not None
