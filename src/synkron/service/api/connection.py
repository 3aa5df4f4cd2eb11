"""Connections to the API: limited in time and number. Errors are answered in our own words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from synkron.runtime import log, most_open_files

# Seconds for the head of a request, counted from the connection or the previous answer; for its body; and for the rest
# of a body if the answer was sent without reading it.
HEAD_WITHIN = 10.0
BODY_WITHIN = 10.0
REST_WITHIN = 2.0
MOST = 200


def most_connections() -> int:
    """How many connections are allowed at once. Most of the files that this process may open are for deliveries."""
    return min(MOST, most_open_files() // 4)


class Connection(web.RequestHandler):
    """One connection. If there are too many, the oldest idle one is closed to make room for the newest."""

    __slots__ = ("_most", "_server")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, most: int) -> None:
        super().__init__(server, loop=loop, keepalive_timeout=HEAD_WITHIN, lingering_time=REST_WITHIN)
        self.access_logger = None
        self._server = server
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        there = [one for one in self._server.connections if isinstance(one, Connection) and one.connected]
        if len(there) > self._most:
            next(one for one in there if one.asks_for_nothing).force_close()

    @property
    def asks_for_nothing(self) -> bool:
        """Whether it has no unanswered request with a complete head. A new connection has none."""
        return not (self._request_in_progress or self._messages)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is not valid HTTP. The library would use its parser's words, and log them."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has been sent")
        if status < 500:
            response = refusal(status, "this is not a valid HTTP request")
        else:
            log.error("request failed", exc_info=exc)
            response = refusal(status, "internal error")
        response.force_close()
        return response

    def log_exception(self, *args: object, **said: object) -> None:
        """Log an error of ours. If the rest of a refused body can't be read, that is not our error."""
        error = said.get("exc_info")
        if not isinstance(error, web.RequestPayloadError):
            log.error("connection failed", reason=str(args[0]), exc_info=error or True)


async def body_of(request: web.Request) -> bytes:
    """The body of the request, up to what the server allows. Refuses one that takes too long."""
    try:
        async with asyncio.timeout(BODY_WITHIN):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason=f"the body did not arrive within {BODY_WITHIN:g} s") from None


def refusal(status: int, error: str, **headers: str) -> web.Response:
    """An error answer."""
    return in_json({"error": error}, status, **headers)


def in_json(answer: Mapping[str, object], status: int = 200, **headers: str) -> web.Response:
    """An answer in JSON. Its headers do not reveal the software of this server."""
    return web.json_response(answer, status=status, headers={"Server": "synkron", **headers})
