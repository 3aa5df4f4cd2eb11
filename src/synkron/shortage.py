"""Shortages on this host, because of which a request could not be sent. They are not failures of the other side."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from ssl import SSLError

# By the error's number. These are shortages whatever was called.
SHORT: Mapping[int, str] = {
    errno.EMFILE: "this process may open no more files",
    errno.ENFILE: "this host may open no more files",
    errno.ENOBUFS: "this host has no network buffers left",
    errno.ENOMEM: "this host has no memory left",
    errno.EADDRNOTAVAIL: "this host has no local port left",
}
NO_MEMORY = SHORT[errno.ENOMEM]
NO_THREAD = "this process may start no more threads"
# These are shortages only if no other host can be reached either.
NO_NAMES = "the name service does not answer"
NO_NETWORK = "this host has no network"
NO_ROUTE = (errno.ENETUNREACH, errno.ENETDOWN)


class Shortage(Exception):
    """This host lacks something, and nothing was sent. The text says what it lacks."""


class Reachability:
    """Whether only one host can't be reached or all of them: was any other reached since the first failure?"""

    def __init__(self) -> None:
        self._turn = 0
        self._reached_last = 0
        self._failing: dict[str, int] = {}

    def reached(self, host: str) -> None:
        """Note that the host was reached."""
        self._turn += 1
        self._reached_last = self._turn
        self._failing.pop(host, None)

    def nobody_is(self, host: str, at_least: int = 1) -> bool:
        """Note that the host was not reached. Whether no other was since, and ``at_least`` this many fail."""
        self._turn += 1
        since = self._failing.setdefault(host, self._turn)
        if self._reached_last > since:
            return False
        return len(self._failing) >= at_least


class HostResources:
    """Whether this host has a name service and a network."""

    def __init__(self) -> None:
        self._names = Reachability()
        self._network = Reachability()

    def connected(self, host: str) -> None:
        """Note that a new connection was made to the host."""
        self._network.reached(host)
        if _needs_name_service(host):
            self._names.reached(host)

    def shortage(self, host: str, error: BaseException) -> str | None:
        """The shortage that prevented a connection to the host; None if the other side is the cause."""
        if isinstance(error, MemoryError):
            return NO_MEMORY
        if isinstance(error, RuntimeError):
            return NO_THREAD if "start new thread" in str(error) else None
        cause = getattr(error, "os_error", error)
        if isinstance(cause, socket.gaierror):
            return self._nameless(host, cause)
        number = (cause.errno if isinstance(cause, OSError) else None) or 0
        if number in SHORT:
            return SHORT[number]
        if number in NO_ROUTE and self._network.nobody_is(host):
            return NO_NETWORK
        # A host that is switched off gives the same error, so one such host proves nothing.
        if number == errno.EHOSTUNREACH and self._network.nobody_is(host, at_least=2):
            return NO_NETWORK
        if number == errno.ECONNREFUSED or isinstance(cause, SSLError):
            self.connected(host)
        return None

    def _nameless(self, host: str, error: socket.gaierror) -> str | None:
        if short := _no_file_to_open():
            return short
        if error.errno == socket.EAI_MEMORY:
            return NO_MEMORY
        if error.errno == socket.EAI_AGAIN:
            return NO_NAMES if self._names.nobody_is(host) else None
        if _needs_name_service(host):
            # "No such name" is an answer of the name service.
            self._names.reached(host)
        return None


def _no_file_to_open() -> str | None:
    """Why no file can be opened right now. A look-up that can't open its own files reports the name as unknown."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return SHORT.get(error.errno or 0)
    return None


def _needs_name_service(host: str) -> bool:
    """Whether the host's address must come from a name service: it is a full domain name, not an address."""
    return "." in host and not host.replace(".", "").isdecimal()
