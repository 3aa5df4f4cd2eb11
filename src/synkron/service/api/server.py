"""The HTTP server, inside the service's own event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import cast

from aiohttp import web

from synkron.delivery.targets import Target
from synkron.errors import Refused, SynkronError
from synkron.postgres.connection import DRIVER_FAULTS, Pool
from synkron.runtime import log, process_name
from synkron.service.api.completion import LONGEST_BODY, CompletionEndpoint
from synkron.service.api.connection import Connection, most_connections, refusal
from synkron.service.api.tick import TickEndpoint
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.signing import Signing
from synkron.source.mirror import Mirror

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def listening(
    pool: Pool,
    settings: Settings,
    signings: Mapping[str, Signing],
    *,
    tick_signing: Signing | None = None,
    targets: Mapping[str, Target] = MappingProxyType({}),
    mirror: Mirror | None = None,
) -> AsyncIterator[str]:
    """Serve until the end of the block. Yields the address. Raises Refused if the address ``listen`` can't be used.

    ``tick_signing`` checks who asks for a tick, which refreshes the ``mirror`` first and warms up the ``targets``.
    """
    redaction = Redaction(signing.secret for signing in signings.values())
    ticks = TickEndpoint(pool, settings, tick_signing, targets, process_name(), mirror)
    endpoint = CompletionEndpoint(pool, settings, signings, redaction)
    application = web.Application(client_max_size=LONGEST_BODY, middlewares=[_in_json])
    application.router.add_post("/v1/runs/{id:[0-9]{1,30}}/complete", endpoint.post)
    application.router.add_post("/v1/tick", ticks.post)
    # The service handles signals itself.
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=5.0)
    await runner.setup()
    try:
        host = settings.listen.rpartition(":")[0]
        listener = await _listening(settings.listen, _connections(runner))
        try:
            yield f"http://{host}:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            for task in ticks.warming:
                task.cancel()
    finally:
        await runner.cleanup()


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


def _connections(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    """Our own connections, which are limited in number, unlike the library's."""
    server = cast("web.Server", runner.server)
    loop, most = asyncio.get_running_loop(), most_connections()
    return lambda: Connection(server, loop, most)


@web.middleware
async def _in_json(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Answer every refusal and error as ``{"error": ...}``, without internal details."""
    # aiohttp passes `handler` by that name.
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return refusal(error.status, error.reason, **headers)
    except web.RequestPayloadError:
        return refusal(400, "the body does not match the headers: its encoding or length differs")
    except (*DRIVER_FAULTS, SynkronError, TimeoutError) as error:
        log.warning("request failed", path=request.path, reason=str(error) or type(error).__name__)
        return refusal(503, "the database can't be reached; try again", **{"Retry-After": "5"})
    except Exception:
        log.exception("request failed", path=request.path)
        return refusal(500, "internal error")
