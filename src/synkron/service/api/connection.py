"""Connections to the API: limited in time, in number and in the size of a head, and refused in our own words."""

from __future__ import annotations

import asyncio
import logging

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from synkron.runtime import most_open_files
from synkron.service.api.deadline import KEY
from synkron.service.api.problem import MEDIA_TYPE, Problem

# Seconds for the head of a request, counted from the connection or the previous answer; and for the rest of a body if
# the answer was sent without reading it.
HEAD_WITHIN = 10.0
REST_WITHIN = 2.0
LARGEST_HEAD = 16 * 1024
MOST_HEADERS = 100
# Bytes of a body, most of which are dropped; and of what its chunks and what follows it add to it.
LARGEST_BODY = 16 * 1024 * 1024
LARGEST_MESSAGE = 1024 * 1024
MOST = 200
# The state of a request has this: what is answered for as long as a page is open calls it, to be counted no more.
UNCOUNTED = "uncounted"
NOT_HTTP = Problem(400, "this is not a valid HTTP request")

# The library's own words: what a client sends is no event of ours, and what fails in the application is logged there.
_silent = logging.getLogger("synkron.api.silent")
_silent.setLevel(logging.CRITICAL)
_silent.propagate = False
_silent.addHandler(logging.NullHandler())


def most_connections() -> int:
    """How many connections are allowed at once. Most of the files that this process may open are for deliveries."""
    return min(MOST, most_open_files() // 4)


class Connection(HttpToolsProtocol):
    """One connection. If there are too many, the oldest idle one is closed to make room for the newest."""

    def __init__(self, config: Config, state: ServerState, open_ones: dict[Connection, None], most: int) -> None:
        super().__init__(config, state, {})
        self.logger = _silent
        self.access_log = False
        self._open_ones = open_ones
        self._most = most
        self._deadline: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._awaits_head = True
        self._size = self._body = 0

    @property
    def asks_for_nothing(self) -> bool:
        """Whether it has no unanswered request that is complete. Until its body is there, nothing is done for one."""
        return self._is_answered or not (self._awaits_head or self.pipeline)

    @property
    def _is_answered(self) -> bool:
        """Whether it has no unanswered request with a complete head. A new connection has none."""
        return not self._has_begun or (self.cycle.response_complete and not self.pipeline)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of the first head, and close the oldest idle connection if there are too many."""
        super().connection_made(transport)
        self._open_ones[self] = None
        self._close_within(HEAD_WITHIN)
        if len(self._open_ones) > self._most:
            idle = next(one for one in self._open_ones if one.asks_for_nothing)
            del self._open_ones[idle]
            idle.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and tell the request under way that its client has left.

        Where several were sent at once, one that is answered before the newest is not told: it ends by its deadline.
        """
        self._open_ones.pop(self, None)
        self._close_within(None)
        super().connection_lost(exc)
        if self._has_begun and not self.cycle.response_complete and (deadline := self.cycle.scope["state"].get(KEY)):
            deadline.leave()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless a head or a body gets too large."""
        self._size += len(data)
        super().data_received(data)
        if not self._awaits_head and (self._size > LARGEST_MESSAGE or self._body > LARGEST_BODY):
            self._close()
        if self._awaits_head and self._size > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head. Those that follow a body are left out: no proxy has seen to what they say."""
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer: a head that is complete has met its deadline. Its body has one of its own."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > LARGEST_HEAD or len(self.headers) > MOST_HEADERS:
            raise ValueError("the head is too large")
        self._has_begun, self._awaits_head, self._size, self._body = True, False, 0, 0
        self._close_within(None)
        self.scope["state"][UNCOUNTED] = lambda: self._open_ones.pop(self, None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body for itself."""
        self._size -= len(body)
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """From here on, bytes are the next head. Where its answer was sent already, the clock of that starts."""
        super().on_message_complete()
        self._awaits_head, self._size = True, 0
        if self.cycle.response_complete:
            self._close_within(HEAD_WITHIN)

    def on_response_complete(self) -> None:
        """Start the clock of the next head, or that of what is left of the body."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self._open_ones.setdefault(self)
        if self._is_answered:
            self._close_within(HEAD_WITHIN if self._awaits_head else REST_WITHIN)

    def send_400_response(self, msg: str = "") -> None:
        """Refuse what is not HTTP. The library would quote its parser."""
        del msg
        content = NOT_HTTP.content()
        head = f"HTTP/1.1 400 Bad Request\r\nserver: synkron\r\ncontent-type: {MEDIA_TYPE}\r\n"
        self.transport.write(f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a request to upgrade is answered as if it did not ask for that."""

    def _close_within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._close)

    def _close(self) -> None:
        self.transport.abort()
