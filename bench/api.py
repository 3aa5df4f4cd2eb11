"""Synkron's API as its users meet it: a process of its own, asked over HTTP by who may read everything."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector

from bench.fleet import Connection
from bench.service import BenchFailed, Process, running, settings_file
from synkron.operations.access.actor import Permission
from synkron.operations.access.tokens import AskedToken, create_token
from synkron.settings.load import Settings

# Seconds.
PATIENCE = 300


@dataclass(frozen=True)
class Answered:
    """A page, and what it took from the request to its last byte, in seconds."""

    seconds: float
    body: bytes


@dataclass(frozen=True)
class Api:
    """A process with the role ``api``, and a client of it."""

    process: Process
    session: ClientSession

    async def page(self, address: str) -> Answered:
        """Ask for a page. Raises BenchFailed if it is refused."""
        began = perf_counter()
        async with self.session.get(address, timeout=ClientTimeout(PATIENCE)) as answer:
            body = await _body(answer, address)
        return Answered(perf_counter() - began, body)

    @asynccontextmanager
    async def stream(self, address: str) -> AsyncIterator[ClientResponse]:
        """A stream of events, for as long as the block lasts. Raises BenchFailed if it is refused."""
        async with self.session.get(address, timeout=ClientTimeout(None)) as answer:
            if answer.status != 200:
                await _body(answer, address)
            yield answer


@asynccontextmanager
async def serving(connection: Connection, url: str, folder: Path, name: str) -> AsyncIterator[Api]:
    """The API of this database, on a free port of loopback, until the end of the block."""
    listen = f"127.0.0.1:{free_port()}"
    asked = AskedToken(name, Permission.READ, None)
    _, secret = await create_token(connection, Settings(), asked, "bench")
    there = folder / name
    there.mkdir()
    async with (
        running(connection, url, "api", f'listen = "{listen}"\n{settings_file({})}', there) as [process],
        ClientSession(
            f"http://{listen}",
            headers={"Authorization": f"Bearer {secret}", "Accept": "text/html"},
            connector=TCPConnector(limit=0),
        ) as session,
    ):
        yield Api(process, session)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def _body(answer: ClientResponse, address: str) -> bytes:
    body = await answer.read()
    if answer.status != 200:
        raise BenchFailed(f"{address} was answered {answer.status}: {body[:500].decode(errors='replace')}")
    return body
