"""A relay before PostgreSQL that can fall silent: its connections stay open, and nothing goes through them any more.

So does a load balancer that has forgotten a connection, a failed-over address, or a host that was suspended. What
arrives is acknowledged by TCP, so neither side is told, and the end of one side is not passed on to the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

CHUNK = 65_536


class SilentRelay:
    """A TCP port on loopback that passes all on to a PostgreSQL on a Unix socket. ``url`` leads through it."""

    def __init__(self, url: str) -> None:
        self._direct = urlsplit(url)
        folder, port = (parse_qs(self._direct.query)[name][0] for name in ("host", "port"))
        self._socket = f"{folder}/.s.PGSQL.{port}"
        self._present: set[asyncio.Event] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._takes_new = True
        self.port = 0

    @property
    def url(self) -> str:
        """The same database and role by way of the relay."""
        return f"postgresql://{self._direct.username}@127.0.0.1:{self.port}{self._direct.path}"

    @property
    def speaking(self) -> int:
        """How many connections there are that are not silent."""
        return len(self._present)

    def silence(self, *, new: bool = False) -> None:
        """The connections that are there are silent for good; with ``new``, those that come are accepted and silent."""
        for silent in self._present:
            silent.set()
        self._present.clear()
        self._takes_new = not new

    def answer(self) -> None:
        """Serve those that come from now on; those that are silent stay so."""
        self._takes_new = True

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or the relay ends."""
        self._writers.add(writer)
        if not self._takes_new:
            await asyncio.Event().wait()
        silent = asyncio.Event()
        self._present.add(silent)
        with suppress(OSError):
            answers, server = await asyncio.open_unix_connection(self._socket)
            self._writers.add(server)
            with suppress(OSError):
                await asyncio.gather(_pass_on(reader, server, silent), _pass_on(answers, writer, silent))
            server.close()
        self._present.discard(silent)
        writer.close()

    async def close(self) -> None:
        """End every connection."""
        for writer in [*self._writers]:
            writer.close()
        for writer in [*self._writers]:
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def silent_relay(url: str) -> AsyncIterator[SilentRelay]:
    """A relay to the database of the URL, which names a Unix socket."""
    relay = SilentRelay(url)
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.create_task(relay.accept(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await relay.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
    """Pass on what comes, and its end, for as long as the connection is not silent."""
    while not silent.is_set():
        data = await reader.read(CHUNK)
        if silent.is_set():
            break
        if not data:
            writer.close()
            return
        writer.write(data)
        await writer.drain()
    await asyncio.Event().wait()
