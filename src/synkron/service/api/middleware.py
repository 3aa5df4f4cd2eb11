"""What every request goes through: limits on its body, a deadline for its answer, and the usual headers on that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synkron.operations.access.secret import hide_secrets
from synkron.runtime import log
from synkron.service.api.deadline import KEY, Deadline
from synkron.service.api.problem import Problem, problem_of

LARGEST_BODY = 64 * 1024
# So much of a larger one is read and dropped: many clients look for the answer only when they have sent everything.
LARGEST_DROPPED = 12 * 1024 * 1024
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


Refuse: TypeAlias = Callable[[Exception], Coroutine[Any, Any, None]]


class Guarded:
    """The application behind its limits. Whatever it raises ends in a problem, never in a traceback.

    ``refused`` makes the answer that tells of a problem. ``state`` is what each request finds in its own.
    """

    def __init__(
        self, app: ASGIApp, refused: Callable[[Request, Problem], Awaitable[Response]], **state: object
    ) -> None:
        self._app, self._refused, self._state = app, refused, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. HEAD is answered as GET is, without the body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, is_head=scope["method"] == "HEAD")
        # The same state that the connection has: by it, it tells that the client has left.
        scope.setdefault("state", {}).update(self._state)
        if answer.is_head:
            scope = {**scope, "method": "GET"}

        async def refuse(error: Exception) -> None:
            problem = problem_of(error, scope["path"])
            answered = await self._refused(Request(scope), problem)
            await answered(scope, receive, answer.send)

        try:
            body = await _body_of(Headers(scope=scope), receive)
            await self._answered(scope, body, answer, refuse)
        except _Gone:
            return
        except Exception as error:
            if answer.has_begun:  # a part of the answer is out: to break off is all that is left to say
                raise
            await refuse(error)

    async def _answered(self, scope: Scope, body: Receive, answer: _Answer, refuse: Refuse) -> None:
        """Answer by the deadline, or refuse (503) and end what is under way.

        On a database that stands still that ends only when its connection is dropped, so nobody waits for it. A
        question is ended if its client leaves, too. What changes something goes on until its deadline.
        """
        task = asyncio.current_task()
        refusing: asyncio.Task[None] | None = None
        is_over = False

        def end() -> None:
            nonlocal is_over, refusing
            if is_over:
                return
            is_over = True
            if not answer.has_begun and not deadline.has_left:
                log.warning("request given up", path=hide_secrets(scope["path"]), after_s=deadline.seconds)
                refusing = asyncio.create_task(refuse(deadline.problem()))
            if task is not None:
                task.cancel()

        async def sent(message: Message) -> None:
            if not is_over:
                await answer.send(message)

        deadline = Deadline(end, is_question=scope["method"] == "GET")
        answer.deadline = scope["state"][KEY] = deadline
        try:
            await self._app(scope, body, sent)
        except BaseException:
            if not is_over or task is None:
                raise
            task.uncancel()
            if refusing is not None:
                await refusing
        finally:
            deadline.move(None)
            del scope["state"][KEY]


class _Answer:
    """The answer on its way to the client, and whether it has begun."""

    def __init__(self, send: Send, *, is_head: bool) -> None:
        self._send = send
        self.is_head = is_head
        self.has_begun = False
        self.deadline: Deadline | None = None

    async def send(self, message: Message) -> None:
        """Pass a part on: the headers with the usual ones, and nothing more if only they are asked for."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            if self.deadline is not None:
                self.deadline.move(0 if self.is_head else None)
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            await self._send(message)
            if self.is_head:
                await self._send({"type": "http.response.body"})
        elif not self.is_head:
            await self._send(message)


class _Gone(Exception):
    """The client has left, or was refused, before its body was complete."""


async def _body_of(headers: Headers, receive: Receive) -> Receive:
    """The whole body, read before anything else is done, so that nothing waits for a slow client.

    Of what is refused, too, a part is read: a connection that is closed on unread bytes is reset, and many clients
    would lose the answer.
    """
    refusal: Problem | None = None
    if headers.get("content-encoding", "identity").lower() != "identity":
        refusal = Problem(415, "send the body as it is, without Content-Encoding", {"Connection": "close"})
    # The parser lets as many zeros through as a head has room for, and Python reads no more than 4,300 digits.
    elif int(headers.get("content-length", "").lstrip("0") or "0") > LARGEST_BODY:
        refusal = _too_large()
    if refusal is not None and "expect" in headers:  # it has sent nothing yet, and waits for a word
        raise refusal
    body, size = b"", 0
    more = "content-length" in headers or "transfer-encoding" in headers
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while more and size <= LARGEST_DROPPED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                part = message.get("body", b"")
                size += len(part)
                more = message.get("more_body", False)
                if size > LARGEST_BODY:
                    refusal = refusal or _too_large()
                if refusal is None:
                    body += part
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_WITHIN:g} s"
        refusal = refusal or Problem(408, detail, {"Connection": "close"})
    if refusal is not None:
        raise refusal
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {LARGEST_BODY} bytes", {"Connection": "close"})
