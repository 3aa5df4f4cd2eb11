"""A warm-up as a real server receives it, and what is made of every kind of answer, and of none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.http import HttpTarget, WarmUpResult
from synkron.errors import SettingsError
from synkron.runtime import wall_clock
from synkron.settings.load import Settings
from tests.delivery.targets.far_side import (
    PATIENCE,
    SIGNING,
    Answer,
    FarSide,
    accept,
    answering,
    delivered,
    far_side,
    raw_far_side,
    target_at,
)

NAME = "warm-up-xledger-2026-03-29T01:00:00Z"
SHORT = timedelta(milliseconds=50)
ENOUGH = timedelta(seconds=1)  # for a status, on a busy machine


@asynccontextmanager
async def warmed_up(answer: Answer = accept, **settings: Any) -> AsyncIterator[tuple[HttpTarget, FarSide]]:
    async with delivered(answer, **settings) as (target, there):
        assert isinstance(target, HttpTarget)
        yield target, there


async def warm_up(url: str, within: timedelta = PATIENCE) -> WarmUpResult:
    async with target_at(url) as target:
        assert isinstance(target, HttpTarget)
        return await target.warm_up(NAME, wall_clock(), within)


async def test_what_is_sent() -> None:
    headers = {"Authorization": "env:TOKEN", "X-Tenant": "nordlys"}
    async with warmed_up(headers=headers) as (target, there):
        reception = await target.warm_up(NAME, wall_clock(), PATIENCE)
    assert (reception.http_status, reception.error, reception.uptime) == (200, None, None)
    assert timedelta() < reception.duration < PATIENCE
    [request] = there.requests
    assert (request.method, request.path, request.body) == ("GET", "/sync?tenant=7", b"")
    sent = dict(request.headers)
    assert re.fullmatch(r"synkron(/\d+\.\d+\.\d+)?", sent.pop("User-Agent"))
    assert sent == {
        "Host": there.url.removeprefix("http://"),
        "Authorization": "Bearer t0ken",
        "X-Tenant": "nordlys",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Synkron-Warm-Up": "1",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_the_method_is_the_operator_s_choice(method: str) -> None:
    async with warmed_up(warm_up={"method": method}) as (target, there):
        assert (await target.warm_up(NAME, wall_clock(), PATIENCE)).http_status == 200
    assert [request.method for request in there.requests] == [method]


async def test_it_is_signed_like_a_run_and_its_signature_serves_no_run() -> None:
    async with warmed_up(secret="env:SIGNING") as (target, there):
        await target.warm_up(NAME, wall_clock(), PATIENCE)
    [request] = there.requests
    assert request.headers["webhook-id"] == NAME
    Webhook(SIGNING).verify(request.body, dict(request.headers), json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING).verify(b"{}", dict(request.headers))


async def test_no_run_can_be_given_the_header_of_a_warm_up() -> None:
    settings = Settings(types={"xledger": {"target": "http://127.0.0.1:1/", "headers": {"synkron-warm-up": "1"}}})
    with pytest.raises(SettingsError, match="Synkron sets this header itself"):
        async with open_targets(settings, {}):
            pass


@pytest.mark.parametrize("status", [200, 204, 302, 307, 401, 404, 405, 410, 429, 500, 503])
async def test_any_answer_will_do_and_none_is_followed(status: int) -> None:
    async with (
        far_side(accept) as elsewhere,
        warmed_up(answering(status, Location=elsewhere.url)) as (target, there),
    ):
        reception = await target.warm_up(NAME, wall_clock(), PATIENCE)
    assert (reception.http_status, reception.error) == (status, None)
    assert (len(there.requests), elsewhere.requests) == (1, [])


async def test_it_hears_for_how_long_the_target_has_been_up() -> None:
    answer = answering(204, Synkron_Booted_At="2026-11-26T12:00:00Z", Date="Thu, 26 Nov 2026 12:00:10 GMT")
    async with warmed_up(answer) as (target, _):
        reception = await target.warm_up(NAME, wall_clock(), PATIENCE)
    assert reception.uptime is not None
    assert timedelta(seconds=10) <= reception.uptime < timedelta(seconds=11)


async def test_a_far_side_that_never_answers_is_left_in_time() -> None:
    async def hang(request: web.Request) -> web.Response:
        del request
        await asyncio.Event().wait()
        return web.Response()

    async with warmed_up(hang) as (target, there):
        reception = await target.warm_up(NAME, wall_clock(), SHORT)
    assert reception.http_status is None
    assert reception.error == f"no answer from {there.url.removeprefix('http://')} within 0.05 s"
    assert reception.duration >= SHORT


async def test_a_huge_body_is_not_read_to_its_end() -> None:
    written = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(14_000))
            written += 14_000

    async with warmed_up(pour) as (target, _):
        assert (await target.warm_up(NAME, wall_clock(), PATIENCE)).http_status == 200
    assert written < 50_000_000


async def test_a_status_that_came_is_the_answer_though_its_body_never_ends() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with warmed_up(stall) as (target, _):
        reception = await target.warm_up(NAME, wall_clock(), ENOUGH)
    assert (reception.http_status, reception.error) == (200, None)
    assert reception.duration < ENOUGH


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "127.0.0.1:PORT closed the connection before it had answered"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "127.0.0.1:PORT gave an answer that is not HTTP (ClientResponseError)"),
        (
            b"HTTP/1.1 200 OK\r\nX-Echo: " + b"Bearer t0ken " * 6000 + b"\r\n\r\n",
            "127.0.0.1:PORT gave an answer with a header of more than 64 KB, which is more than is allowed",
        ),
    ],
    ids=["nothing", "not HTTP", "endless header"],
)
async def test_an_answer_that_is_none(answer: bytes, error: str) -> None:
    async with raw_far_side(answer) as url:
        reception = await warm_up(url)
    assert (reception.http_status, reception.error) == (None, error.replace("PORT", url.rpartition(":")[2]))


async def test_nobody_listens() -> None:
    async with far_side(accept) as there:
        gone = there.url
    reception = await warm_up(f"{gone}/sync?key=hidden")
    place = gone.removeprefix("http://")
    assert (reception.http_status, reception.error) == (None, f"no connection to {place}: Connection refused")


async def test_cancellation_passes_through() -> None:
    async def hang(request: web.Request) -> web.Response:
        del request
        await asyncio.Event().wait()
        return web.Response()

    async with warmed_up(hang) as (target, there):
        warming = asyncio.create_task(target.warm_up(NAME, wall_clock(), PATIENCE))
        await there.reached.wait()
        warming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await warming
