"""A stand-in for Supabase's platform in front of its Edge Functions, which is not to be had.

It is a proxy on loopback, and boots isolates of the function. The paths, statuses, headers and codes are those of
Supabase's documentation. When it gives up, and whether an answer is lost, is what a test says, and not the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientConnectionError, ClientSession, TCPConnector, web

from tests.support.deno import DidNotBoot, Served

HOP = {"host", "connection", "content-length", "transfer-encoding"}
BOOT_ERROR = (503, "BOOT_ERROR", "Function failed to start (please check logs)")
IDLE_TIMEOUT = (504, "IDLE_TIMEOUT", "The request idle timeout was reached")
NOT_FOUND = (404, "NOT_FOUND", "Requested function was not found")

# What tells the isolate that a request is no longer under way.
ANSWERED = b"."
MOST_BOOTS = 5

Boot = Callable[[], AbstractAsyncContextManager[Served]]


@dataclass
class Passed:
    """A request that the function has answered, and the answer, whether or not it reached anybody."""

    method: str
    key: str | None
    status: int
    headers: Mapping[str, str]
    body: bytes


class Platform:
    """The platform of a project with one function, ``sync``, with at most one isolate at a time."""

    def __init__(self, boot: Boot, session: ClientSession) -> None:
        self.url = ""
        self.isolates: list[Served] = []
        self.passed: list[Passed] = []
        self.loses_answers = 0
        self._boot = boot
        self._booted = AsyncExitStack()
        self._booting = asyncio.Lock()
        self._session = session
        self._gives_up = asyncio.Event()

    def give_up(self) -> None:
        """Answer the requests under way as after 150 s. The function is not told."""
        self._gives_up.set()

    async def handle(self, request: web.Request) -> web.Response:
        """Pass a request on."""
        if request.match_info["name"] != "sync":
            return _error(*NOT_FOUND)
        work = asyncio.create_task(self._pass_on(request, await request.read()))
        too_late = asyncio.create_task(self._gives_up.wait())
        await asyncio.wait((work, too_late), return_when=asyncio.FIRST_COMPLETED)
        if too_late.done():
            self._gives_up.clear()
            work.cancel()
            return _error(*IDLE_TIMEOUT)
        too_late.cancel()
        try:
            answer = await work
        except DidNotBoot:
            return _error(*BOOT_ERROR)
        if self.loses_answers:
            self.loses_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _pass_on(self, request: web.Request, content: bytes) -> Passed:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        for _ in range(MOST_BOOTS):
            isolate = await self._living()
            try:
                async with self._session.request(request.method, isolate.url, headers=headers, data=content) as answer:
                    body = await answer.read()
            except ClientConnectionError:
                # It ended before it took the request: with a request under way, none does.
                await isolate.ended()
                continue
            except asyncio.CancelledError:
                isolate.tell(ANSWERED)
                raise
            isolate.tell(ANSWERED)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            self.passed.append(Passed(request.method, headers.get("Idempotency-Key"), answer.status, kept, body))
            return self.passed[-1]
        raise AssertionError("each isolate ended with the request under way")

    async def _living(self) -> Served:
        """The isolate that lives. If there is none, one is booted."""
        async with self._booting:
            if not self.isolates or self.isolates[-1].has_ended:
                self.isolates.append(await self._booted.enter_async_context(self._boot()))
            return self.isolates[-1]

    async def close(self) -> None:
        """End the isolates."""
        await self._booted.aclose()


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers={"sb-error-code": code})


@asynccontextmanager
async def platform(boot: Boot) -> AsyncIterator[Platform]:
    """The platform in front of the function of which ``boot`` makes an isolate."""
    async with ClientSession(connector=TCPConnector(force_close=True), auto_decompress=False) as session:
        there = Platform(boot, session)
        application = web.Application()
        application.router.add_route("*", "/functions/v1/{name}", there.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield there
        finally:
            await runner.cleanup()
            await there.close()
