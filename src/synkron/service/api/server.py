"""The HTTP server, inside the service's own event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from synkron.errors import Refused
from synkron.service.api.application import application
from synkron.service.api.connection import Connection, most_connections
from synkron.service.api.served import Served

# Seconds for the requests under way when the service stops.
FAREWELL = 5.0


@asynccontextmanager
async def listening(served: Served, *, anywhere: bool = False) -> AsyncIterator[str]:
    """Serve until the end of the block. Yields the address.

    Raises Refused if the address ``listen`` can't be used; with ``anywhere``, a port that is taken gives way to any.
    """
    listen = served.settings.listen
    state = ServerState()
    connect = _connections(application(served), state)
    try:
        listener = await _listening(listen, connect)
    except Refused:
        if not anywhere:
            raise
        listener = await _listening(f"{listen.rpartition(':')[0]}:0", connect)
    try:
        yield f"http://{listen.rpartition(':')[0]}:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        served.stopping.set()
        for one in list(state.connections):
            one.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=FAREWELL)
        for task in (*state.tasks, *served.background):
            task.cancel()
        for beside in (served.readiness, served.figures, served.examination, served.freshness):
            await beside.close()
        for one in list(state.connections):
            one.transport.abort()


async def check_listen(listen: str) -> None:
    """Raise Refused if the address can't be used now."""
    (await _listening(listen, asyncio.Protocol)).close()


async def _listening(listen: str, connect: Callable[[], asyncio.Protocol]) -> asyncio.Server:
    host, _, port = listen.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(connect, host.strip("[]"), int(port), backlog=128)
    except OSError as error:
        raise Refused(
            f"Synkron can't listen on {listen} ({os.strerror(error.errno or 0)}). Set `listen` in synkron.toml, or "
            "SYNKRON_LISTEN, to another host:port."
        ) from None


def _connections(app: ASGIApp, state: ServerState) -> Callable[[], asyncio.Protocol]:
    """Our own connections, which are limited, unlike the library's. The service handles signals itself."""
    config = Config(app, lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    there: dict[Connection, None] = {}
    most = most_connections()
    return lambda: Connection(config, state, there, most)
