"""The HTTP server, inside the service's own event loop."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from synkron.database import DRIVER_FAULTS, Pool
from synkron.errors import Refused, SynkronError
from synkron.redaction import Redaction
from synkron.settings import Settings
from synkron.targets import Signing
from synkron.web.completion import LONGEST_BODY, CompletionEndpoint

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger("synkron")


@asynccontextmanager
async def listening(pool: Pool, settings: Settings, signings: Mapping[str, Signing]) -> AsyncIterator[str]:
    """Serve until the end of the block; gives the address. Raises Refused when ``listen`` can't be listened on."""
    redaction = Redaction(signing.secret for signing in signings.values())
    endpoint = CompletionEndpoint(pool, settings, signings, redaction)
    application = web.Application(client_max_size=LONGEST_BODY, middlewares=[_in_json])
    application.router.add_post("/v1/runs/{id:[0-9]{1,30}}/complete", endpoint.post)
    application.on_response_prepare.append(_without_its_parts)
    # Signals are the service's business.
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        host, _, port = settings.listen.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise Refused(
                f"{settings.listen} can't be listened on ({os.strerror(error.errno or 0)}); set `listen` in "
                "synkron.toml, or SYNKRON_LISTEN, to another host:port."
            ) from None
        at = runner.addresses[0]
        yield f"http://{host}:{at[1]}"
    finally:
        await runner.cleanup()


async def _without_its_parts(request: web.Request, response: web.StreamResponse) -> None:
    """Say nothing of what this server is made of."""
    del request
    response.headers["Server"] = "synkron"


@web.middleware
async def _in_json(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Every refusal and fault as ``{"error": ...}``, without what is none of the caller's business."""
    # aiohttp gives `handler` by that name.
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response({"error": error.reason}, status=error.status, headers=headers)
    except (*DRIVER_FAULTS, SynkronError, TimeoutError) as error:
        log.warning("request failed", path=request.path, reason=str(error) or type(error).__name__)
        return _unavailable()
    except Exception:
        log.exception("request failed", path=request.path)
        return web.json_response({"error": "internal error"}, status=500)


def _unavailable() -> web.Response:
    return web.json_response(
        {"error": "the database can't be reached; try again"}, status=503, headers={"Retry-After": "5"}
    )
