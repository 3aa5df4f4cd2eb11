"""The API ticks for a signed request, and pg_cron sends one: through a stand-in for pg_net and Supabase's vault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import asyncpg
import pytest
from aiohttp import ClientSession, web
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from synkron.backoff import share
from synkron.delivery.targets import open_targets
from synkron.operations.pg_cron import SQL
from synkron.postgres.connection import pooled
from synkron.postgres.embedded import EmbeddedServer
from synkron.service.api.routes.tick import REFUSED
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.sections import SourceTables, SupabaseSettings
from synkron.settings.signing import read_signing
from synkron.source.mirror import mirror_of
from synkron.source.queries import SourceQueries
from tests.conftest import Connection
from tests.end_to_end.receiver import Receiver, receiving
from tests.support.databases import Database, migrated
from tests.support.distribution import programs
from tests.support.fleet import PATIENCE, add_integration
from tests.support.postgrest import SECRET_KEY, postgrest
from tests.support.problems import problem

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
REFERENCE = "env:TICK"
OTHER = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
NET = """
    -- A stand-in with pg_net's signature and defaults: it keeps the requests, and the test sends them.
    create schema net;
    create table net.http_request_queue (id bigserial, method text, url text, headers jsonb, body bytea, timeout int);
    create function net.http_post(
        url text, body jsonb default '{}', params jsonb default '{}',
        headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds int default 5000
    ) returns bigint language sql as $$
        insert into net.http_request_queue (method, url, headers, body, timeout)
        values ('POST', url, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds) returning id
    $$;
    -- A stand-in for Supabase's vault.
    create schema vault;
    create table vault.decrypted_secrets (name text, decrypted_secret text);
"""


@dataclass(frozen=True)
class Api:
    """The address of the endpoint, and a session to it."""

    url: str
    session: ClientSession

    async def post(self, headers: Mapping[str, str], body: bytes = b"{}") -> tuple[int, dict[str, object]]:
        """The status, and the answer's JSON."""
        async with self.session.post(self.url, data=body, headers=headers) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def api(
    database: Database,
    receiver: Receiver,
    *,
    secret: str | None = REFERENCE,
    installation: str | None = None,
    data_api: str | None = None,
) -> AsyncIterator[Api]:
    settings = Settings(
        source=SourceTables(data_api=data_api is not None),
        supabase=SupabaseSettings(url=data_api, secret_key="env:KEY"),
        installation=installation,
        listen="127.0.0.1:0",
        tick_secret=secret,
        types={
            "xledger": TypeSettings(target=receiver.url, spread=timedelta(minutes=1)),
            "bufdir": TypeSettings(target=f"{receiver.url}?of=bufdir", spread=timedelta(minutes=1)),
        },
    )
    signing = read_signing("tick_secret", secret, {"TICK": SECRET}) if secret else None
    mirror = mirror_of(settings, {"KEY": SECRET_KEY})
    async with (
        pooled(database.url, size=3) as pool,
        open_targets(settings, {}) as targets,
        listening(Served(pool, settings, {}, tick_signing=signing, targets=targets, mirror=mirror)) as url,
        ClientSession() as session,
    ):
        yield Api(f"{url}/v1/tick", session)


def signed(secret: str = SECRET, at: datetime | None = None, body: str = "{}") -> dict[str, str]:
    moment = at or datetime.now(UTC)  # noqa: TID251 (a sender has no other clock)
    signature = Webhook(secret).sign("tick-1", moment, body)
    return {
        "webhook-id": "tick-1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


# requirement R16.5, R17.6
async def test_a_signed_request_ticks_and_warms_up(database: Database, connection: Connection) -> None:
    """What comes due within half a minute is claimed once, by pg_cron's tick, and its target gets the warm-up.

    The moment is at most half a minute away from the tick, and a warm-up is for what starts within a minute. Of two
    types, one starts 51 to 57 s after its moment, the other 24 to 27 s: whenever this runs, one of them leaves 20 s for
    its warm-up. The second tick claims more only if the next minute has come near.
    """
    for kind, least, most in (("xledger", 0.85, 0.95), ("bufdir", 0.4, 0.45)):
        one = await add_integration(connection, "* * * * *", kind)
        ids = map(UUID, map("{:032x}".format, count()))
        spread = next(found for found in ids if least < share(str(found)) < most)
        await connection.execute("update organization_integrations set id = $2 where id = $1::uuid", one, spread)
    async with receiving() as receiver, api(database, receiver) as there:
        answers = [await there.post(signed()) for _ in range(2)]
        assert [(status, answer["skipped"]) for status, answer in answers] == [(200, 0)] * 2
        assert [answer["due"] for _, answer in answers] == [answer["claimed"] for _, answer in answers]
        assert answers[0][1]["claimed"] == 2
        await receiver.until(lambda it: it.warm_ups >= 1, PATIENCE)
    ticks = await connection.fetch("select source, claimed from synkron.ticks order by id")
    assert [row["source"] for row in ticks] == ["pg_cron", "pg_cron"]
    runs = [tuple(row) for row in await connection.fetch("select integration_type, scheduled_for from synkron.runs")]
    assert sum(row["claimed"] for row in ticks) == len(runs) == len(set(runs))


async def test_it_reads_a_data_api_first_and_warns_of_an_invalid_row_once(
    database: Database, connection: Connection
) -> None:
    """Where pg_cron calls, there may be no scheduler that would say so."""
    await add_integration(connection, "* * * * *")
    malformed = await add_integration(connection, "99 * * * *")
    async with (
        postgrest(database.superuser_url) as stand_in,
        receiving() as receiver,
        api(database, receiver, data_api=stand_in.url) as there,
    ):
        with capture_logs() as lines:
            (_, first), (_, second) = [await there.post(signed()) for _ in range(2)]
        stand_in.tamper = lambda _, answer: web.Response(text="<html>", status=answer.status)
        assert await there.post(signed()) == problem(503, REFUSED)
    assert (first["claimed"] != 0, second["claimed"]) == (True, 0)
    assert [line["integration_id"] for line in lines if line["event"] == "integration left out"] == [malformed]
    assert await connection.fetchval("select count(*) from synkron.ticks") == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(OTHER),
        signed(body="{ }"),
        signed(at=datetime(2026, 1, 1, tzinfo=UTC)),
        signed() | {"webhook-signature": "v1,AAAA"},
        {"Authorization": f"Bearer {SECRET}"},
    ],
    ids=["unsigned", "another secret", "another body", "old", "another signature", "the secret as a token"],
)
async def test_any_other_request_is_refused(
    database: Database, connection: Connection, headers: dict[str, str]
) -> None:
    async with receiving() as receiver, api(database, receiver) as there:
        status, answer = await there.post(headers)
        assert status == 401
        assert "the signature is wrong" in str(answer["detail"])
    assert await connection.fetchval("select count(*) from synkron.ticks") == 0


async def test_without_a_secret_nobody_may_ask(database: Database, connection: Connection) -> None:
    async with receiving() as receiver, api(database, receiver, secret=None) as there:
        assert (await there.post(signed()))[0] == 401
    assert await connection.fetchval("select count(*) from synkron.ticks") == 0


@pytest.mark.parametrize(
    ("made_strange", "installation"),
    [
        pytest.param("update synkron.installations set database_oid = 1", None, id="a copy"),
        pytest.param("update synkron.installations set name = 'prod'", "staging", id="of another installation"),
    ],
)
async def test_where_no_runs_may_start_nobody_ticks(
    database: Database, connection: Connection, made_strange: str, installation: str | None
) -> None:
    """The request learns that the log says why; the database is not blamed."""
    await connection.execute(made_strange)
    async with receiving() as receiver, api(database, receiver, installation=installation) as there:
        assert await there.post(signed()) == problem(503, REFUSED)
    assert await connection.fetchval("select count(*) from synkron.ticks") == 0


@pytest.fixture
async def with_pgcrypto(distribution_server: EmbeddedServer) -> AsyncIterator[Database]:
    """The embedded server has no pgcrypto."""
    async for made in migrated(distribution_server):
        yield made


@pytest.mark.skipif(programs() is None, reason="the distribution's PostgreSQL is not installed")
async def test_what_pg_cron_sends_is_taken(with_pgcrypto: Database) -> None:
    """The request that the database makes and signs, sent as pg_net would send it."""
    connection = await asyncpg.connect(with_pgcrypto.superuser_url)
    await connection.execute(f"create extension pgcrypto; {NET}")
    await connection.execute("insert into vault.decrypted_secrets values ('synkron_tick', $1)", SECRET)
    await add_integration(connection, "* * * * *")
    text = SourceQueries(Settings().source).sql("operations/pg_cron")["call_procedure"]
    [can] = await connection.fetch(SQL["can_call"])
    assert (can["has_pg_net"], can["hmac_schema"], can["has_vault"]) == (True, "public", True)
    await connection.execute(text.replace("CRYPTO", can["hmac_schema"]))
    async with receiving() as receiver, api(with_pgcrypto, receiver) as there:
        await connection.execute(SQL["set"], False, there.url, False, timedelta(minutes=15))
        await connection.execute("select synkron.ask_for_tick()")
        [asked] = await connection.fetch("select * from net.http_request_queue")
        assert (asked["method"], asked["url"], asked["timeout"]) == ("POST", there.url, 10_000)
        status, answer = await there.post(json.loads(asked["headers"]), asked["body"])
        assert status == 200
        assert answer["claimed"] == answer["due"] != 0
    await connection.close()
