"""The listener, spoken to over real sockets by somebody who does not mean well, or can't speak HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from synkron.delivery import completion
from synkron.delivery.targets import read_signings
from synkron.postgres.connection import pooled
from synkron.service.api import connection, middleware
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from tests.conftest import Connection
from tests.delivery.test_completion import ENVIRONMENT, SETTINGS, Api, accepted, body
from tests.support.databases import Database
from tests.support.fleet import blocked
from tests.support.problems import problem

PATIENCE = 60.0
NO_HTTP = problem(400, "this is not a valid HTTP request")
UNSIGNED = b"POST /v1/runs/1/complete HTTP/1.1\r\nHost: x\r\n"
TICK = b"POST /v1/tick HTTP/1.1\r\nHost: x\r\n"
SIGNED = UNSIGNED + b"webhook-signature: v1,x\r\n"


@dataclass
class Answer:
    """What came back before the connection was closed."""

    status: int
    head: str
    content: dict[str, object]


@dataclass
class Peer:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def everything(self) -> bytes:
        """All that comes until the other side closes; nothing where it breaks off."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        except ConnectionError:
            return b""

    async def answer(self) -> Answer:
        head, _, content = (await self.everything()).decode().partition("\r\n\r\n")
        return Answer(int(head.split()[1]), head, json.loads(content))


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[Api]:
    async with (
        pooled(database.url, size=3) as pool,
        listening(Served(pool, SETTINGS, read_signings(SETTINGS, ENVIRONMENT))) as url,
        ClientSession() as session,
    ):
        yield Api(url, session)


@asynccontextmanager
async def connecting(api: Api, *contents: bytes) -> AsyncIterator[list[Peer]]:
    """A connection for each of the contents, which is sent."""
    place = urlsplit(api.url)
    peers = [Peer(*await asyncio.open_connection(place.hostname, place.port)) for _ in contents]
    for peer, content in zip(peers, contents, strict=True):
        await peer.send(content)
    try:
        yield peers
    finally:
        for peer in peers:
            peer.writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
        b"\x1b]0;X\x07\x1b[2J pl4nted\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"BREW pl4nted HTTP/1.1\r\nHost: a b\r\n\r\n",
        UNSIGNED + b"no colon\r\n\r\n",
        UNSIGNED + b"Content-Length: pl4nted\r\n\r\n",
        UNSIGNED + b"Content-Length: -1\r\n\r\n",
        UNSIGNED + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        UNSIGNED + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        UNSIGNED + b"".join(b"X-%d: x\r\n" % number for number in range(1000)) + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=range(12),
)
async def test_what_is_no_http_is_told_so_in_our_own_words(
    database: Database, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as lines:
        async with serving(database) as api, connecting(api, sent) as (peer,):
            answer = await peer.answer()
    assert (answer.status, answer.content) == NO_HTTP
    _reveals_nothing(answer)
    assert [*lines, *caplog.records] == []


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n", b'{"pl4nted":1', 415),
        (b"Content-Encoding: deflate\r\nContent-Length: 12\r\n\r\n", b'{"pl4nted":1', 415),
        (
            b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"c\r\n" + b'{"pl4nted":1' + b"\r\n0\r\n\r\n",
            415,
        ),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"pl4nted\r\n", 400),
    ],
)
async def test_a_body_that_is_not_what_its_headers_say(
    database: Database, headers: bytes, content: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The request that is sent with it, in one piece, in two, and before any other."""
    caplog.set_level(logging.INFO)
    with capture_logs() as lines:
        async with serving(database) as api, connecting(api, SIGNED + headers + content, SIGNED + headers) as peers:
            await peers[1].send(content)
            answers = [await peer.answer() for peer in peers]
    for answer in answers:
        assert answer.status == status
        _reveals_nothing(answer)
    assert [*lines, *caplog.records] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/runs/1/com",
        UNSIGNED,
        # An answer, and then half of the next request.
        UNSIGNED + b"Content-Length: 0\r\n\r\nPOST /v1",
    ],
)
async def test_a_head_has_a_deadline(database: Database, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on sending byte by byte has no more time than others."""
    monkeypatch.setattr(connection, "HEAD_WITHIN", 0.3)
    async with serving(database) as api, connecting(api, sent, sent) as (silent, slow):
        closed = asyncio.create_task(slow.everything())
        while not closed.done():
            slow.writer.write(b"x")
            await asyncio.wait({closed}, timeout=0.05)
        received = [await silent.everything(), await closed]
    assert all(one == b"" or b" 40" in one.splitlines()[0] for one in received)


@pytest.mark.parametrize("head", [SIGNED, TICK, UNSIGNED, b"POST / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_body_has_a_deadline(database: Database, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read before anything else is looked at."""
    monkeypatch.setattr(middleware, "BODY_WITHIN", 0.3)
    monkeypatch.setattr(connection, "REST_WITHIN", 0.3)
    sent = head + b"Content-Length: 10000\r\n\r\n"
    async with serving(database) as api, connecting(api, sent, sent) as (silent, slow):
        closed = asyncio.create_task(slow.everything())
        while not closed.done():
            slow.writer.write(b"x")
            await asyncio.wait({closed}, timeout=0.05)
        assert (await silent.answer()).status == 408


@pytest.mark.parametrize(
    ("field", "status"),
    [
        (b"Content-Length: %d\r\n", 413),
        (b"Transfer-Encoding: chunked\r\n", 413),
        (b"Content-Encoding: gzip\r\nContent-Length: %d\r\n", 415),
    ],
)
async def test_who_sends_a_large_body_to_its_end_is_told(database: Database, field: bytes, status: int) -> None:
    """Many clients read nothing before, and a reset would take the answer from them."""
    size = 10_000_000
    head = b"POST /v1/tick HTTP/1.1\r\nHost: x\r\n" + (field % size if b"%" in field else field) + b"\r\n"
    content = b"x" * size if b"Length" in field else (b"%x\r\n" % 50_000 + b"x" * 50_000 + b"\r\n") * 200 + b"0\r\n\r\n"
    async with serving(database) as api, connecting(api, head) as (peer,):
        await peer.send(content)
        assert (await peer.answer()).status == status


async def test_who_asks_before_a_large_body_is_told_before(database: Database) -> None:
    head = b"POST /v1/tick HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n"
    async with serving(database) as api, connecting(api, head) as (peer,):
        assert (await peer.answer()).status == 413


async def test_a_body_has_an_end(database: Database) -> None:
    """What is read of it to be dropped is bounded; and then it is told all the same, or the connection is reset."""
    head = b"POST /v1/tick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % 1_000_000 + b"x" * 1_000_000 + b"\r\n"
    async with serving(database) as api, connecting(api, head) as (peer,):
        sent = 0
        with suppress(ConnectionError):
            while not peer.reader.at_eof():
                await peer.send(chunk)
                sent += len(chunk)
                assert sent < 2 * connection.LARGEST_BODY + 20_000_000
        assert (await peer.everything())[:13] in (b"", b"HTTP/1.1 413 ")


async def test_a_length_with_many_zeros(database: Database) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + b"0" * 5000
    async with serving(database) as api, connecting(api, head + b"\r\n\r\n") as (peer,):
        assert (await peer.answer()).status == 200


async def test_fields_after_a_body_are_none_of_the_head(database: Database) -> None:
    """A proxy that takes a field out of the head, or sets it there, does not look for it after the body."""
    head = b"POST /v1/tick HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    after = b"2\r\n{}\r\n0\r\nContent-Encoding: gzip\r\nOrigin: http://x\r\n\r\n"
    seen: list[list[tuple[bytes, bytes]]] = []
    complete = connection.Connection.on_message_complete

    def noted(one: connection.Connection) -> None:
        seen.append(list(one.headers))
        complete(one)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection.Connection, "on_message_complete", noted)
        async with serving(database) as api, connecting(api, head) as (peer,):
            await peer.send(after)
            await peer.answer()
    assert [[name for name, _ in headers] for headers in seen] == [[b"host", b"connection", b"transfer-encoding"]]


@pytest.mark.parametrize("endless", [b"X: x\r\n", b"x"], ids=["fields", "a field"])
async def test_what_follows_a_body_has_an_end(database: Database, endless: bytes) -> None:
    begun = TICK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: x"
    async with serving(database) as api, connecting(api, begun) as (peer,):
        closed = asyncio.create_task(peer.everything())
        sent = 0
        while not closed.done():
            peer.writer.write(endless * 1000)
            sent += len(endless) * 1000
            await asyncio.wait({closed}, timeout=0.001)
            assert sent < 100 * connection.LARGEST_MESSAGE
        assert await closed == b""


@pytest.mark.parametrize("path", [b"/live", b"/v1/tick"])
async def test_half_sent_bodies_make_room(database: Database, path: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they ask for, they are counted, and give way to whoever comes."""
    monkeypatch.setattr("synkron.service.api.connection.MOST", 20)
    half = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
    async with serving(database) as api, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connecting(api, half)) for _ in range(60)]
        ended = {asyncio.create_task(peer.everything()) for (peer,) in peers}
        async with api.session.get(f"{api.url}/healthz") as answer:
            assert answer.status == 200
        while sum(one.done() for one in ended) < 40:
            await asyncio.wait(
                {one for one in ended if not one.done()}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE
            )
        assert {one.result() for one in ended if one.done()} == {b""}
        for one in ended:
            one.cancel()


async def test_half_open_connections_make_room(
    database: Database, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 that begin a request and do not end it: neither a request under way nor one that comes waits for them."""
    monkeypatch.setattr("synkron.service.api.connection.MOST", 20)
    # A busy machine takes longer for all this than the second for which it waits for a lock.
    monkeypatch.setitem(completion.SQL, "wait_briefly", f"set local lock_timeout = '{PATIENCE:g}s'")
    first, second = await accepted(connection), await accepted(connection)
    async with serving(database) as api:
        async with connection.transaction():
            await connection.execute("select from synkron.runs where id = $1 for update", first.id)
            under_way = asyncio.create_task(api.post(first.id, body(first)))
            await blocked(connection)
            async with connecting(api, *[UNSIGNED] * 400) as peers:
                ended = {asyncio.create_task(peer.everything()) for peer in peers}
                assert await api.post(second.id, body(second)) == (200, {"run_id": second.id, "state": "succeeded"})
                while sum(one.done() for one in ended) < 380:
                    await asyncio.wait(
                        {one for one in ended if not one.done()}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE
                    )
                assert not under_way.done()
                for one in ended:
                    one.cancel()
        assert await under_way == (200, {"run_id": first.id, "state": "succeeded"})


def test_most_files_are_left_for_the_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    for allowed, most in ((256, 64), (1024, 200), (65_536, 200)):
        monkeypatch.setattr(connection, "most_open_files", lambda allowed=allowed: allowed)
        assert connection.most_connections() == most


def _reveals_nothing(answer: Answer) -> None:
    """Neither what the server is made of, nor what its parser said, nor what was sent."""
    assert "server: synkron\r\n" in answer.head
    shown = (answer.head + json.dumps(answer.content)).lower()
    for word in ("aiohttp", "python", "pl4nted", "\x1b", "deflate", "decompress", "invalid", "zlib", "expected"):
        assert word not in shown
