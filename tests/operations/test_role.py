"""Operators who work as the role that the service runs as, which owns nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from synkron.incidents.channels import open_channels
from synkron.incidents.lifecycle import Silence
from synkron.incidents.send import deliver_due
from synkron.incidents.store import forget, reconcile
from synkron.ledger import retention
from synkron.model import Scope, State
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.answers import Answer, answer_once
from synkron.operations.access.people import (
    AskedPerson,
    add_person,
    disable_person,
    enable_person,
    permit_person,
    set_password,
)
from synkron.operations.access.sessions import (
    log_in_by_link,
    log_in_by_oidc,
    log_in_by_password,
    log_out,
    make_login_link,
)
from synkron.operations.access.tokens import AskedToken, actor_of_token, create_token, revoke_token
from synkron.operations.acknowledge import acknowledge
from synkron.operations.audit import entries
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.overrides import set_override, unset_override
from synkron.operations.pauses import AskedPause, pause, resume
from synkron.operations.runs import cancel, retry
from synkron.operations.silences import AskedSilence, silence, unsilence
from synkron.operations.trigger import trigger
from synkron.postgres.clock import database_clock
from synkron.scheduler.tick import tick
from tests.conftest import Connection
from tests.support.actors import actor_of
from tests.support.announcing import ENVIRONMENT, announcing
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.incident_cast import NOON, condition
from tests.support.working import QUICK

RANGE = AskedBackfill(Scope(integration_type="xledger"), utc("2026-03-01T00:00:00"), utc("2026-03-01T02:00:00"))
PASSWORD = "fjell vidde elv 7"
FAIL = """
    update synkron.runs
    set state = 'failed', error = 'x', attempt = 1, started_at = scheduled_for, finished_at = now()
    where id = $1
"""


@pytest.mark.usefixtures("no_partitions")
async def test_the_service_role_may_do_all_that_operators_do(connection: Connection, database: Database) -> None:
    integration = await add_integration(connection, "0 * * * *")
    async with _service(database) as service:
        await tick(service, QUICK, scheduler="test")
        triggered = await trigger(service, QUICK, Scope(integration_id=integration), "kari")
        _, [first, _] = await backfill(service, QUICK, RANGE, "kari")
        cancelled = await cancel(service, [triggered.run_id], "kari", "x")
        assert [one.state for one in cancelled.runs] == [State.SKIPPED]
        await service.execute(FAIL, first)
        assert [one.state for one in (await retry(service, QUICK, [first], "kari")).runs] == [State.CLAIMED]
        await set_override(service, QUICK, integration, {"attempts": 1}, "kari")
        await unset_override(service, QUICK, integration, [], "kari")
        [paused] = await pause(service, QUICK, AskedPause([Scope()], "incident"), "kari")
        await resume(service, QUICK, [paused.id], "kari")
        done = [entry.action for entry in await entries(service)]
    assert len(done) == 8


async def test_the_service_role_may_do_all_that_is_done_with_incidents(database: Database) -> None:
    settings = announcing(hook="http://127.0.0.1:9/incidents")
    asked = AskedSilence(Silence(integration_type="xledger"), "their maintenance", timedelta(hours=1))
    async with _service(database) as service, open_channels(settings, ENVIRONMENT) as channels:
        await reconcile(service, [condition()], settings, NOON)
        assert await deliver_due(service, channels, NOON) == 1
        await acknowledge(service, 1, "kari")
        await unsilence(service, settings, (await silence(service, settings, asked, "kari")).id, "kari")
        await reconcile(service, [], settings, NOON + timedelta(hours=1))
        await forget(service, NOON + timedelta(days=2), timedelta(days=1))
        assert await service.fetchval("select count(*) from synkron.incidents") == 0
        assert [entry.action for entry in await entries(service)] == ["unsilence", "silence", "acknowledge"]


async def test_the_service_role_may_do_all_that_access_needs(database: Database) -> None:
    async with _service(database) as service:
        _, token = await create_token(service, QUICK, AskedToken("ci", Permission.READ), "kari")
        assert await actor_of_token(service, token) == Actor("token:ci", Permission.READ)
        await revoke_token(service, "ci", "kari")
        await add_person(service, QUICK, AskedPerson("liv", Permission.READ), PASSWORD, "kari")
        await permit_person(service, QUICK, AskedPerson("liv", Permission.OPERATE), "kari")
        await set_password(service, "liv", PASSWORD, "kari")
        for logged_in in (
            await log_in_by_password(service, "liv", PASSWORD, "127.0.0.1"),
            await log_in_by_link(service, await make_login_link(service, "kari@ops", Permission.READ)),
            await log_in_by_oidc(service, "per@example.com", Permission.READ),
        ):
            assert logged_in is not None
            assert await actor_of(service, logged_in[1]) == logged_in[0]
            await log_out(service, logged_in[1])
        await disable_person(service, "liv", "kari")
        await enable_person(service, "liv", "kari")
        assert await answer_once(service, "token:ci", "k", "POST /", b"", _done) == Answer(200, "{}")
        assert await retention.forget(service, await database_clock(service), QUICK.retention)


async def _done() -> Answer:
    return Answer(200, "{}")


@pytest.mark.parametrize("change", ["update synkron.audit set author = 'ola'", "delete from synkron.audit"])
async def test_the_service_role_can_not_alter_the_audit(
    connection: Connection, database: Database, change: str
) -> None:
    async with _service(database) as service:
        await pause(service, QUICK, AskedPause([Scope()], "incident"), "kari")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(change)
    assert await connection.fetchval("select author from synkron.audit") == "kari"


@asynccontextmanager
async def _service(database: Database) -> AsyncIterator[Connection]:
    """A connection as a role that owns nothing, and that was granted what the service needs."""
    service = await asyncpg.connect(database.superuser_url)
    await service.execute("set role service_role")
    yield service
    await service.close()
