"""The whole service, with a secret planted wherever one may stand, against a far side that shows all it is sent."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from synkron.service import background
from synkron.service.parts import Role
from synkron.service.serve import serve
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.delivery.targets.far_side import FarSide, far_side
from tests.support.databases import Database
from tests.support.fleet import add_integration

SIGNING = "whsec_UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZFBsYW50"
ENVIRONMENT = {
    "SIGNING": SIGNING,
    "BEARER": "Bearer pl4nted-bearer",
    "PROBE": "pl4nted-probe-key",
    "CLIENT": "pl4nted-client-secret",
    "MAIL": "",  # with the far side's address
}
PLANTED = ["pl4nted", SIGNING.removeprefix("whsec_")]
HOOK = "/hook"
REACHED = {"/sync", "/probe", "/token", HOOK, "/service", "/alive"}


async def show_everything(request: web.Request) -> web.Response:
    """Fail, and say what was sent, as text or in the errors of a body."""
    shown = {**request.headers, "url": str(request.url), "body": (await request.read()).decode("utf-8", "replace")}
    return web.json_response({"errors": [{"message": json.dumps(shown), "code": json.dumps(shown)}]}, status=500)


def settings_for(there: FarSide) -> Settings:
    """A secret in each place: query, path, header, user and password, body."""
    at = there.url
    return Settings(
        types={
            "xledger": {
                "target": f"{at}/sync?code=pl4nted-code",
                "secret": "env:SIGNING",
                "headers": {"Authorization": "env:BEARER"},
                "attempts": 1,
                # Else runs of the first seconds would keep it warm for a minute, at some seconds of a minute.
                "warm_up": {"keep_warm": "1s"},
                "health": {"url": f"{at}/probe/pl4nted-0123456789?key=pl4nted-key", "headers": {"X-Key": "env:PROBE"}},
            },
            "dynamics": {
                "health": {
                    "url": f"{at}/central?key=pl4nted-key",
                    "token": {
                        "url": f"{at}/token?tenant=pl4nted-tenant",
                        "client_id": "synkron",
                        "client_secret": "env:CLIENT",
                    },
                },
            },
        },
        announce={
            "channels": {
                "hook": {"webhook": f"{at}{HOOK}/pl4nted-path?key=pl4nted-key", "secret": "env:SIGNING"},
                "service": "env:MAIL",
            }
        },
        heartbeat_url=f"{at}/alive/pl4nted-check",
        heartbeat_failure_url=f"{at}/failed/pl4nted-check",
    )


@pytest.mark.waits(minutes=0.5)
async def test_no_secret_is_told_or_kept(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(background, "UPDATE_EVERY", timedelta(milliseconds=100))
    monkeypatch.setattr(background, "ANNOUNCE_EVERY", timedelta(milliseconds=100))
    # Two, so that the type is unhealthy after one minute's runs: two that fail are enough.
    await add_integration(connection, "* * * * *")
    await add_integration(connection, "* * * * *")
    await add_integration(connection, "99 * * * *")
    stop = asyncio.Event()
    async with far_side(show_everything) as there:
        service = there.url.replace("http://", "json://user:pl4nted-password@") + "/service?-X=pl4nted-query"
        with capture_logs() as lines:
            serving = asyncio.create_task(
                serve(
                    database.url,
                    settings_for(there),
                    [Role.SCHEDULER, Role.WORKER],
                    stop,
                    ENVIRONMENT | {"MAIL": service},
                )
            )
            async with asyncio.timeout(60):
                while not await _all_has_failed(connection, there):
                    assert not serving.done()
                    await asyncio.wait({serving}, timeout=0.05)
            stop.set()
            await serving
    kept = await _rows(connection)
    # It did happen: what failed is told of, and why.
    assert "500 Internal Server Error" in kept
    assert any(line["event"] == "announcement not delivered" for line in lines)
    assert any(line["event"] == "dead man's ping failed" for line in lines)
    for text in (kept, repr(lines), str(lines), caplog.text, repr(settings_for(there))):
        for planted in PLANTED:
            assert planted not in text


async def _all_has_failed(connection: Connection, there: FarSide) -> bool:
    """Everything that may carry a secret was sent, and what came of it is written down."""
    asked = {f"/{request.path.split('?')[0].split('/')[1]}" for request in there.requests}
    [row] = await connection.fetch("""
        select
            (select count(*) from synkron.health where verdict not in ('unknown', 'healthy')) as unwell,
            (select count(*) from synkron.runs where state = 'failed') as failed,
            (select count(*) from synkron.incidents where kind in ('run_failed', 'unhealthy')) as incidents,
            (select count(distinct channel) from synkron.announcements where error is not null) as channels
    """)
    warmed = any("Synkron-Warm-Up" in request.headers for request in there.requests)
    is_told = row["unwell"] >= 2 and row["failed"] and row["incidents"] >= 2 and row["channels"] == 2
    return bool(asked >= REACHED and warmed and is_told)


async def _rows(connection: Connection) -> str:
    """Every row of every table of Synkron's, as text."""
    tables: list[Any] = await connection.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'synkron'"
    )
    assert len(tables) > 20
    found = [
        str(row[0]) for one in tables for row in await connection.fetch(f"select one::text from {one['name']} one")
    ]
    return "\n".join(found)
