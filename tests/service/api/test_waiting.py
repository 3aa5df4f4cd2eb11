"""What takes long waits for its turn, holds nothing meanwhile, and is given up in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from synkron.operations.access.actor import Permission
from synkron.postgres.connection import pooled
from synkron.service.api import deadline, places
from synkron.service.api.places import Places
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from synkron.service.api.shared import Shared
from tests.conftest import Connection
from tests.support.api import SETTINGS, Api, serving, token_of
from tests.support.databases import Database
from tests.support.silent_relay import silent_relay

# More of them than the pool has connections.
LONG = ("/v1/verify", "/v1/report", "/v1/drift", "/v1/forecast", "/v1/status", "/v1/upcoming")


async def test_questions_that_take_long_wait_for_their_turn(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection, so that the others are answered; and not once their client has left."""
    monkeypatch.setattr(places, "LONGEST_WAIT", 1000)
    heavy = Places(1)
    async with serving(database, heavy=heavy) as there:
        api = there.with_token(await token_of(connection))
        async with heavy.one():
            impatient, waiting = ([asyncio.create_task(api.get(path)) for path in LONG] for _ in range(2))
            while heavy.waiting < 2 * len(LONG):
                assert (await api.get("/v1/runs")).status == 200
            for one in impatient:
                one.cancel()
            while heavy.waiting > len(LONG):
                assert (await api.get("/v1/runs")).status == 200
        assert [one.status for one in await asyncio.gather(*waiting)] == [200] * len(LONG)
        assert heavy.waiting == 0


async def test_no_turn_comes_in_time(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "LONGEST_WAIT", 0.05)
    async with serving(database, heavy=Places(0), passwords=Places(0)) as there:
        api = there.with_token(await token_of(connection))
        for path in (*LONG, "/v1/doctor", "/setup"):
            answer = await api.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), path
        form: dict[str, Any] = {"data": {"name": "x", "password": "x"}, "headers": {"Sec-Fetch-Site": "same-origin"}}
        answer = await there.ask("POST", "/login", **form)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        # Behind as many as may wait, nobody waits.
        monkeypatch.setattr(places, "MOST_WAITING", 0)
        monkeypatch.setattr(places, "LONGEST_WAIT", 1000)
        assert (await api.get("/v1/verify")).status == 503


async def test_who_waits_for_a_shared_answer_holds_nothing(database: Database, connection: Connection) -> None:
    figures, examination, ready = Shared[Any](10.0), Shared[Any](10.0), asyncio.Event()

    async def fail() -> None:
        await ready.wait()
        raise ValueError

    async with serving(database, figures=figures, examination=examination, url=database.url) as there:
        api = there.with_token(await token_of(connection))
        making = [asyncio.create_task(one.get(fail)) for one in (figures, examination)]
        waiting = [asyncio.create_task(api.get(path)) for path in ("/metrics", "/v1/doctor", "/setup") * 4]
        for path in ("/v1/runs", "/v1/drift") * 20:
            assert (await api.get(path)).status == 200
        assert not any(one.done() for one in waiting)
        ready.set()
        assert {one.status for one in await asyncio.gather(*waiting)} == {200}
        assert all(isinstance(one.exception(), ValueError) for one in making)


async def test_a_database_that_stands_still(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is told so in time; once the database is back, they are answered again."""
    token = await token_of(connection, Permission.ADMIN)
    async with (
        silent_relay(database.url) as relay,
        pooled(relay.url, size=3, heartbeat=timedelta(seconds=3)) as pool,
        listening(Served(pool, SETTINGS, {}, url=relay.url)) as url,
        ClientSession() as session,
    ):
        api = Api(url, session, token)
        assert [(await api.get("/v1/runs")).status for _ in range(3)] == [200] * 3
        relay.silence(new=True)
        monkeypatch.setattr(deadline, "ANSWER_WITHIN", 0.5)
        pages = ("/", "/setup", "/login")
        asked = [("GET", path) for path in ("/v1/runs", "/v1/verify", "/v1/doctor", "/metrics", *pages)]
        asked += [("POST", path) for path in ("/v1/pauses", "/v1/tick", "/v1/runs/1/complete")]
        signed = {"webhook-signature": "v1,x"}
        answers = await asyncio.gather(*(api.ask(*one, headers=dict(signed)) for one in asked * 2))
        assert {(one.status, one.headers["Retry-After"]) for one in answers} == {(503, "5")}
        for (method, path), one in zip(asked * 2, answers, strict=True):
            advice = "try again" if method == "GET" else "may have been done: look before you send it again"
            assert advice in one.content["detail"], path
        page = await api.get("/", headers={"Accept": "text/html"})
        assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
        relay.answer()
        monkeypatch.setattr(deadline, "ANSWER_WITHIN", 60.0)
        assert (await api.get("/v1/runs")).status == 200
