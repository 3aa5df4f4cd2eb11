"""A kept connection that the server has closed: the request goes once more, by a new one, and is no attempt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientPayloadError

from synkron.delivery.targets import Target
from synkron.delivery.targets.http import HttpTarget
from synkron.delivery.targets.lease import Lease
from synkron.http import open_session
from synkron.model import Outcome, OutcomeKind
from synkron.runtime import wall_clock
from tests.delivery.targets.far_side import PATIENCE, RUN, target_at, terms

SUCCEEDED = Outcome(OutcomeKind.SUCCEEDED, 200)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Server:
    """Answers requests; ``heads`` has the head of each, with the number of the connection that it came by.

    Where ``ending`` says so, of a connection's number and its count of requests, the connection ends in the place
    of an answer, after these bytes.
    """

    ending: Callable[[int, int], bytes | None] = lambda *_: None
    resets: bool = False
    url: str = ""
    heads: list[tuple[int, bytes]] = field(default_factory=list)
    connections: int = 0
    timing: asyncio.Barrier | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, requests = self.connections, 0
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(sum(int(line.partition(b":")[2]) for line in lengths))
                self.heads.append((number, head))
                requests += 1
                if self.timing is not None:
                    await self.timing.wait()
                if (last := self.ending(number, requests)) is not None:
                    writer.write(last)
                    if self.resets:
                        writer.transport.abort()
                    return
                writer.write(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def came_by(self) -> list[int]:
        """The connections of the requests, in order."""
        return [connection for connection, _ in self.heads]


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Target]:
    """The target that the server is."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with target_at(f"{server.url}/sync", concurrency=5) as target:
            yield target
    finally:
        listening.close()


def second_request_of_the_first(connection: int, request: int) -> bytes | None:
    return b"" if (connection, request) == (1, 2) else None


@pytest.mark.parametrize("resets", [False, True])
async def test_it_goes_once_more_with_the_same_key(*, resets: bool) -> None:
    server = Server(second_request_of_the_first, resets)
    async with serving(server) as target:
        assert await target.call(RUN, terms()) == SUCCEEDED
        assert await target.call(RUN, terms()) == SUCCEEDED
        assert await target.call(RUN, terms()) == SUCCEEDED
    assert server.came_by()[:3] == [1, 1, 2]
    assert len(server.heads) == 4
    keys = [line for _, head in server.heads for line in head.split(b"\r\n") if line.startswith(b"Idempotency-Key")]
    assert set(keys) == {b"Idempotency-Key: " + RUN.key.encode()}


async def test_it_goes_by_a_new_connection_though_others_are_kept() -> None:
    """They may be as dead: a server that restarts drops all of them."""
    timing = asyncio.Barrier(3)
    server = Server(lambda connection, request: b"" if connection <= 3 and request == 2 else None, timing=timing)
    async with serving(server) as target:
        await asyncio.gather(*(target.call(RUN, terms()) for _ in range(3)))
        server.timing = None
        assert await target.call(RUN, terms()) == SUCCEEDED
    assert sorted(server.came_by()[:3]) == [1, 2, 3]
    assert server.came_by()[3] in (1, 2, 3)
    assert server.came_by()[4:] == [4]


async def test_it_goes_once_more_and_not_again() -> None:
    server = Server(lambda connection, request: None if (connection, request) == (1, 1) else b"")
    async with serving(server) as target:
        assert await target.call(RUN, terms()) == SUCCEEDED
        outcome = await target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert str(outcome.error).endswith("closed the connection before it had answered")
    assert server.came_by() == [1, 1, 2]


@pytest.mark.parametrize("resets", [False, True])
async def test_a_new_connection_that_is_closed_is_the_target_s_failure(*, resets: bool) -> None:
    server = Server(lambda *_: b"", resets)
    async with serving(server) as target:
        assert (await target.call(RUN, terms())).kind is OutcomeKind.RETRYABLE
    assert server.came_by() == [1]


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\nContent-"])
async def test_an_answer_that_had_begun_is_the_target_s_failure(begun: bytes) -> None:
    server = Server(lambda _, request: begun if request == 2 else None)
    async with serving(server) as target:
        await target.call(RUN, terms())
        assert (await target.call(RUN, terms())).kind is OutcomeKind.RETRYABLE
    assert server.came_by() == [1, 1]


async def test_a_lease_that_has_ended_meanwhile_holds_it_back() -> None:
    """The run may be another worker's by then."""
    now = 0.0

    def end(connection: int, request: int) -> bytes | None:
        nonlocal now
        if request == 2:
            now = 2.0
        return second_request_of_the_first(connection, request)

    server = Server(end)
    async with serving(server) as target:
        await target.call(RUN, terms())
        outcome = await target.call(RUN, terms(lease=Lease(1.0, lambda: now)))
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert server.came_by() == [1, 1]


async def test_so_does_a_warm_up() -> None:
    server = Server(second_request_of_the_first)
    async with serving(server) as target:
        assert isinstance(target, HttpTarget)
        await target.call(RUN, terms())
        reception = await target.warm_up("warm-up", wall_clock(), PATIENCE)
    assert (reception.http_status, reception.error) == (200, None)
    assert server.came_by() == [1, 1, 2]


async def test_what_has_no_key_does_not() -> None:
    """Whoever got it after all could not tell that it comes again."""
    server = Server(second_request_of_the_first)
    async with serving(server), open_session(1) as session:
        async with session.post(server.url) as response:
            assert response.status == 200
        with pytest.raises(ClientPayloadError, match="Server disconnected"):
            await session.post(server.url)
    assert server.came_by() == [1, 1]
