"""What every request goes through: its body is read within limits, and its answer carries the usual headers."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synkron.service.api.problem import Problem, problem_of

LARGEST_BODY = 64 * 1024
# Seconds.
BODY_WITHIN = 10.0

HEADERS = {
    "server": "synkron",
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guarded:
    """The application behind its limits. Whatever it raises ends in a problem, never in a traceback.

    ``state`` is what each request finds in its own.
    """

    def __init__(self, app: ASGIApp, **state: object) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        scope["state"] = {**scope.get("state", {}), **self._state}

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, await _body_of(Headers(scope=scope), receive), sent)
        except _Gone:
            return
        except Exception as error:
            if begun:  # a part of the answer is out: to break off is all that is left to say
                raise
            await problem_of(error, scope["path"]).response()(scope, receive, sent)


class _Gone(Exception):
    """The client has left, or was refused, before its body was complete."""


async def _body_of(headers: Headers, receive: Receive) -> Receive:
    """The whole body, read before anything else is done, so that nothing waits for a slow client."""
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return receive
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body as it is, without Content-Encoding", {"Connection": "close"})
    # The parser lets as many zeros through as a head has room for, and Python reads no more than 4,300 digits.
    if int(headers.get("content-length", "").lstrip("0") or "0") > LARGEST_BODY:
        raise _too_large()
    body = b""
    try:
        async with asyncio.timeout(BODY_WITHIN):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > LARGEST_BODY:
                    raise _too_large()
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_WITHIN:g} s"
        raise Problem(408, detail, {"Connection": "close"}) from None
    read = False

    async def replay() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {LARGEST_BODY} bytes", {"Connection": "close"})
