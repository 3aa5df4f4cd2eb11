"""What is made of every kind of answer, and of none, from a real server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from aiohttp import web

from synkron.model import Outcome, OutcomeKind
from tests.delivery.targets.far_side import RUN, accept, answering, delivered, far_side, raw_far_side, target_at, terms


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with far_side(accept) as elsewhere:
        async with delivered(answering(status, Location=elsewhere.url)) as (target, there):
            outcome = await target.call(RUN, terms())
        assert outcome.kind is OutcomeKind.FINAL
        assert len(there.requests) == 1
        assert elsewhere.requests == []


async def test_retry_after_reaches_the_outcome() -> None:
    async with delivered(answering(429, "slow down", Retry_After="7")) as (target, _):
        assert await target.call(RUN, terms()) == Outcome(
            OutcomeKind.RETRYABLE,
            429,
            "HTTP 429 Too Many Requests: slow down",
            timedelta(seconds=7),
            is_throttled=True,
        )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "HTTP 422 Unprocessable Entity"),
        (" \n\t ", "HTTP 422 Unprocessable Entity"),
        (
            "<p>\r\n  no such\x00\x1b[31m tenant</p>",
            r"HTTP 422 Unprocessable Entity: <p> no such\x00\x1b[31m tenant</p>",
        ),
        ("kontoen finnes ikke: Skærgård", "HTTP 422 Unprocessable Entity: kontoen finnes ikke: Skærgård"),
        ("\u202etxet", r"HTTP 422 Unprocessable Entity: \u202etxet"),
        ("x" * 301, "HTTP 422 Unprocessable Entity: " + "x" * 299 + "…"),
    ],
)
async def test_the_excerpt_of_an_error_is_one_short_printable_line(text: str, error: str) -> None:
    async with delivered(answering(422, text)) as (target, _):
        outcome = await target.call(RUN, terms())
    assert outcome.error == error


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    written = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"a lot of text " * 1000)
            written += 14_000

    async with delivered(pour) as (target, _):
        outcome = await target.call(RUN, terms())
    assert outcome.error is not None
    assert outcome.error.startswith("HTTP 500 Internal Server Error: a lot of text")
    # What the buffers of both ends take is several times the limit, and far from endless.
    assert written < 50_000_000


async def test_a_compressed_body_is_not_unpacked() -> None:
    async with delivered(answering(500, "\x1f\x8b bomb", Content_Encoding="gzip")) as (target, _):
        outcome = await target.call(RUN, terms())
    assert outcome.error == "HTTP 500 Internal Server Error"


async def test_a_status_that_came_is_the_answer_though_its_body_never_ends() -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        await response.write(b"so far")
        await asyncio.Event().wait()
        return response

    async with delivered(stall) as (target, _):
        outcome = await target.call(RUN, terms(timedelta(milliseconds=200)))
    assert outcome == Outcome(OutcomeKind.SUCCEEDED, 200, "answer incomplete: its body did not end within 0.2 s")


async def test_cookies_are_not_carried_from_one_organization_to_the_next() -> None:
    # A cookie jar takes none from a bare IP address, and the test would prove nothing.
    async with (
        far_side(answering(200, Set_Cookie="session=theirs")) as there,
        target_at(there.url.replace("127.0.0.1", "localhost")) as target,
    ):
        await target.call(RUN, terms())
        await target.call(replace(RUN, org_id="organization-2"), terms())
    assert [request.headers.get("Cookie") for request in there.requests] == [None, None]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "127.0.0.1:PORT closed the connection before it had answered"),
        (b"HTTP/1.1 200 ", "127.0.0.1:PORT closed the connection before it had answered"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "127.0.0.1:PORT gave an answer that is not HTTP (ClientResponseError)"),
        (b"HTTP/1.1 20000 OK\r\n\r\n", "127.0.0.1:PORT gave an answer that is not HTTP (ClientResponseError)"),
        (
            b"HTTP/1.1 200 OK\r\nX-Echo: " + b"Bearer t0ken " * 6000 + b"\r\n\r\n",
            "127.0.0.1:PORT gave an answer with a header of more than 64 KB, which is more than is allowed",
        ),
        (
            b"HTTP/1.1 200 OK\r\n" + b"X-Echo: Bearer t0ken\r\n" * 200 + b"\r\n",
            "127.0.0.1:PORT gave an answer with more than 128 headers, which is more than is allowed",
        ),
    ],
    ids=["nothing", "half a line", "not HTTP", "no such status", "endless header", "endless headers"],
)
async def test_an_answer_that_is_none_is_worth_another_try(answer: bytes, error: str) -> None:
    async with raw_far_side(answer) as url, target_at(url) as target:
        outcome = await target.call(RUN, terms())
    port = url.rpartition(":")[2]
    assert outcome == Outcome(OutcomeKind.RETRYABLE, None, error.replace("PORT", port))


@pytest.mark.parametrize("size", [9_000, 65_000])
async def test_a_long_header_is_read(size: int) -> None:
    long = f"HTTP/1.1 200 OK\r\nX-Trace: {'x' * size}\r\nContent-Length: 0\r\n\r\n".encode()
    async with raw_far_side(long) as url, target_at(url) as target:
        assert await target.call(RUN, terms()) == Outcome(OutcomeKind.SUCCEEDED, 200)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"Content-Length: 100\r\n\r\ntoo short", OutcomeKind.SUCCEEDED),
        (200, b"Transfer-Encoding: chunked\r\n\r\n9\r\ntoo", OutcomeKind.SUCCEEDED),
        (202, b"Content-Length: 100\r\n\r\n", OutcomeKind.ACCEPTED),
    ],
)
async def test_a_success_whose_body_breaks_off_is_one_and_says_so(status: int, body: bytes, kind: OutcomeKind) -> None:
    """The target has done the work: delivered again, it would be done twice."""
    async with raw_far_side(f"HTTP/1.1 {status} OK\r\n".encode() + body) as url, target_at(url) as target:
        outcome = await target.call(RUN, terms())
    assert outcome == Outcome(kind, status, "answer incomplete: the connection was lost within its body")


async def test_a_body_that_is_cut_leaves_its_status() -> None:
    cut = b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\ntoo short"
    async with raw_far_side(cut) as url, target_at(url) as target:
        outcome = await target.call(RUN, terms())
    assert outcome == Outcome(OutcomeKind.RETRYABLE, 500, "HTTP 500 Internal Server Error")


async def test_a_connection_is_kept_for_the_next_run() -> None:
    peers = set()

    async def in_two_parts(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        response = web.StreamResponse(headers={"Content-Length": "8"})
        await response.prepare(request)
        # A caller who does not care for the body hangs up now.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        await response.write(b"exported")
        return response

    async with delivered(in_two_parts) as (target, _):
        for _ in range(3):
            await target.call(RUN, terms())
    assert len(peers) == 1


async def test_nobody_listens() -> None:
    async with far_side(accept) as there:
        gone = there.url
    async with target_at(f"{gone}/sync?key=hidden") as target:
        outcome = await target.call(RUN, terms())
    place = gone.removeprefix("http://")
    assert outcome == Outcome(OutcomeKind.RETRYABLE, None, f"no connection to {place}: Connection refused")


async def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with target_at("http://synkron.invalid/sync") as target:
        outcome = await target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error == "the name of synkron.invalid is not known to the name servers"


async def test_no_tls_where_it_is_asked_for() -> None:
    async with far_side(accept) as there, target_at(there.url.replace("http", "https")) as target:
        outcome = await target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error is not None
    assert "TLS failed, wrong version number" in outcome.error


async def test_what_the_client_raises_unexpectedly_is_an_outcome_too() -> None:
    async with target_at(f"http://{'a' * 70}.invalid/sync") as target:
        outcome = await target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error == f"{'a' * 70}.invalid is not a valid host name"


async def test_a_run_does_not_wait_for_another_one_s_connection() -> None:
    waiting = 0
    all_there = asyncio.Event()

    async def meet(request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        if waiting == 3:
            all_there.set()
        await all_there.wait()
        return await accept(request)

    async with delivered(meet, concurrency=3) as (target, _):
        outcomes = await asyncio.gather(*(target.call(RUN, terms()) for _ in range(3)))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}
