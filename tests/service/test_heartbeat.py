"""The dead man's ping: what is called, how often it goes out, and that it never disturbs anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from synkron.errors import SettingsError
from synkron.service.heartbeat import DeadMan, open_dead_man
from tests.delivery.targets.far_side import FarSide, answering, far_side
from tests.support.announcing import idle

TOKEN = "5f0c9a0e-pl4nted-t0ken"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def pinging(
    path: str = "/ping/5f0c", failure: str | None = "/ping/5f0c/fail"
) -> AsyncIterator[tuple[DeadMan, FarSide, Clock]]:
    """The ping to a service that answers 200."""
    clock = Clock()
    async with far_side(answering(200)) as there:
        failed = None if failure is None else SecretStr(f"{there.url}{failure}")
        async with open_dead_man(SecretStr(f"{there.url}{path}"), clock, failure=failed) as dead_man:
            yield dead_man, there, clock


def paths(there: FarSide) -> list[str]:
    """What was called, in order."""
    return [request.path for request in there.requests]


@pytest.mark.parametrize(
    ("success", "failure"),
    [
        ("/ping/5f0c", "/ping/5f0c/fail"),
        ("/api/push/5f0c?status=up&msg=OK&ping=", "/api/push/5f0c?status=down&msg=failed&ping="),
        ("/p/5f0c?state=complete", "/p/5f0c?state=fail"),
    ],
    ids=["Healthchecks", "Uptime Kuma", "Cronitor"],
)
async def test_each_service_is_called_at_its_own_urls(success: str, failure: str) -> None:
    async with pinging(success, failure) as (dead_man, there, _):
        for tell in (dead_man.succeeded, dead_man.failed):
            tell()
            await idle(dead_man)
    assert paths(there) == [success, failure]


async def test_it_goes_out_about_once_a_minute() -> None:
    async with pinging() as (dead_man, there, clock):
        for _ in range(5):
            dead_man.succeeded()
            await idle(dead_man)
            clock.now += 29.5
    assert paths(there) == ["/ping/5f0c"] * 3


async def test_without_a_url_for_failures_silence_raises_the_alarm() -> None:
    async with pinging(failure=None) as (dead_man, there, _):
        for tell in (dead_man.succeeded, dead_man.failed, dead_man.succeeded):
            tell()
            await idle(dead_man)
    assert paths(there) == ["/ping/5f0c"]


async def test_a_failure_goes_out_at_once_and_so_does_the_next_success() -> None:
    async with pinging() as (dead_man, there, _):
        for tell in (dead_man.succeeded, dead_man.failed, dead_man.failed, dead_man.succeeded, dead_man.succeeded):
            tell()
            await idle(dead_man)
    assert paths(there) == ["/ping/5f0c", "/ping/5f0c/fail", "/ping/5f0c"]


async def test_a_slow_service_holds_nobody_up_and_gets_the_last_word_only() -> None:
    """One request at a time; what is out of date by then is not sent."""
    go_on = asyncio.Event()

    async def slowly(request: web.Request) -> web.Response:
        del request
        await go_on.wait()
        return web.Response()

    async with pinging() as (dead_man, there, clock):
        there.answer = slowly
        dead_man.succeeded()
        await there.reached.wait()
        for tell in (dead_man.failed, dead_man.succeeded, dead_man.failed):
            tell()
            clock.now += 60
        assert len(there.requests) == 1
        go_on.set()
        await idle(dead_man)
    assert paths(there) == ["/ping/5f0c", "/ping/5f0c/fail"]


async def test_what_fails_is_logged_once_until_it_works_again() -> None:
    async with pinging(f"/ping/{TOKEN}?key={TOKEN}") as (dead_man, there, clock):
        with capture_logs() as lines:
            for status in (500, 500, 302, 200, 200, 500):
                there.answer = answering(status, Location=f"{there.url}/elsewhere")
                dead_man.succeeded()
                await idle(dead_man)
                clock.now += 60
    host = there.url.removeprefix("http://")
    failed = {"event": "dead man's ping failed", "log_level": "warning", "host": host}
    assert lines == [
        failed | {"reason": f"{host} answered HTTP 500 Internal Server Error"},
        {"event": "dead man's ping works again", "log_level": "info", "host": host},
        failed | {"reason": f"{host} answered HTTP 500 Internal Server Error"},
    ]
    assert len(there.requests) == 6


async def test_nobody_there_raises_nothing() -> None:
    with capture_logs() as lines:
        nobody = SecretStr(f"http://127.0.0.1:9/{TOKEN}")
        async with open_dead_man(nobody, Clock(), failure=nobody) as dead_man:
            dead_man.failed()
            await idle(dead_man)
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("dead man's ping failed", "no connection to 127.0.0.1:9: Connection refused")
    ]


async def test_what_is_under_way_does_not_outlive_it() -> None:
    async def never(request: web.Request) -> web.Response:
        del request
        await asyncio.Event().wait()
        raise AssertionError

    async with pinging() as (dead_man, there, _):
        there.answer = never
        dead_man.succeeded()
        await there.reached.wait()
    assert len(there.requests) == 1


async def test_without_a_url_nothing_is_sent() -> None:
    async with open_dead_man(None, Clock()) as dead_man:
        dead_man.succeeded()
        dead_man.failed()
        await idle(dead_man)


@pytest.mark.parametrize("url", [f"http://[{TOKEN}", f"http://example.com:{TOKEN}/x"])
async def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="heartbeat_url: this is not an address") as refused:
        async with open_dead_man(SecretStr(url), Clock()):
            pass
    assert TOKEN not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(SettingsError, match="heartbeat_failure_url: this is not an address"):
        async with open_dead_man(None, Clock(), failure=SecretStr(url)):
            pass


async def test_the_url_is_shown_nowhere() -> None:
    async with pinging(f"/{TOKEN}") as (dead_man, _, _):
        assert TOKEN not in repr(dead_man)
