"""What is short on this host is told from a far side that is not there."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLError
from typing import NoReturn

import pytest

from synkron.delivery.targets.http import HttpTarget
from synkron.model import OutcomeKind
from synkron.runtime import wall_clock
from synkron.shortage import NO_MEMORY, NO_NAMES, NO_NETWORK, NO_THREAD, SHORT, HostResources, Shortage
from tests.delivery.targets.far_side import PATIENCE, RUN, accept, far_side, target_at, terms

AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
UNREACHABLE = OSError(errno.ENETUNREACH, "Network is unreachable")
NO_ROUTE = OSError(errno.EHOSTUNREACH, "No route to host")
REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")
HERE = "a.example"


@pytest.mark.parametrize(
    ("error", "short"),
    [
        *((OSError(number, os.strerror(number)), text) for number, text in SHORT.items()),
        (MemoryError(), NO_MEMORY),
        (socket.gaierror(socket.EAI_MEMORY, "no memory"), NO_MEMORY),
        (RuntimeError("can't start new thread"), NO_THREAD),
        (OSError(errno.ENETDOWN, "Network is down"), NO_NETWORK),
        (UNREACHABLE, NO_NETWORK),
        (AGAIN, NO_NAMES),
        (UNKNOWN, None),
        (REFUSED, None),
        (NO_ROUTE, None),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), None),
        (OSError("Multiple exceptions: ..."), None),
        (SSLError(1, "wrong version number"), None),
        (TimeoutError(), None),
        (RuntimeError("something else"), None),
    ],
    ids=repr,
)
def test_what_an_error_says(error: BaseException, short: str | None) -> None:
    assert HostResources().shortage(HERE, error) == short


@pytest.mark.parametrize(
    ("errors", "short"),
    [
        # For everybody at once: nobody was reached meanwhile.
        ([("a.example", AGAIN), ("b.example", AGAIN), ("a.example", AGAIN)], NO_NAMES),
        ([("b.example", None), ("a.example", AGAIN)], NO_NAMES),
        ([("a.example", UNREACHABLE), ("b.example", UNREACHABLE)], NO_NETWORK),
        ([("a.example", NO_ROUTE), ("b.example", NO_ROUTE)], NO_NETWORK),
        # For one alone, as others are reached.
        ([("a.example", AGAIN), ("b.example", None), ("a.example", AGAIN)], None),
        ([("a.example", AGAIN), ("b.example", UNKNOWN), ("a.example", AGAIN)], None),
        ([("a.example", AGAIN), ("b.example", REFUSED), ("a.example", AGAIN)], None),
        ([("a.example", UNREACHABLE), ("b.example", None), ("a.example", UNREACHABLE)], None),
        ([("a.example", NO_ROUTE), ("b.example", None), ("c.example", NO_ROUTE), ("a.example", NO_ROUTE)], None),
        ([("a.example", NO_ROUTE), ("a.example", NO_ROUTE)], None),
        # Nobody asks the name service for these, nor the network for that.
        (
            [("a.example", AGAIN), ("localhost", None), ("127.0.0.1", None), ("::1", None), ("a.example", AGAIN)],
            NO_NAMES,
        ),
        # It was reached in between, and fails anew.
        ([("a.example", AGAIN), ("a.example", None), ("b.example", None), ("a.example", AGAIN)], NO_NAMES),
    ],
)
def test_whether_it_is_one_or_all(errors: list[tuple[str, OSError | None]], short: str | None) -> None:
    surroundings, found = HostResources(), None
    for host, error in errors:
        if error is None:
            surroundings.connected(host)
        else:
            found = surroundings.shortage(host, error)
    assert found == short


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process may open no further file, as if that many were open already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.open(os.devnull, os.O_RDONLY)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_process_without_files_sends_nothing_and_says_why() -> None:
    async with far_side(accept) as there, target_at(there.url) as target:
        with no_more_files(), pytest.raises(Shortage, match="this process may open no more files"):
            await target.call(RUN, terms())
        assert there.requests == []
        assert (await target.call(RUN, terms())).kind is OutcomeKind.SUCCEEDED


@pytest.mark.parametrize("error", [UNKNOWN, AGAIN])
async def test_a_look_up_that_could_open_no_file_knows_no_name(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with target_at("http://synkron.invalid/sync") as target:
        with no_more_files(), pytest.raises(Shortage, match="this process may open no more files"):
            await target.call(RUN, terms())


async def test_a_warm_up_says_it_too() -> None:
    async with far_side(accept) as there, target_at(there.url) as target:
        assert isinstance(target, HttpTarget)
        with no_more_files():
            reception = await target.warm_up("warm-up", wall_clock(), PATIENCE)
    assert (reception.http_status, there.requests) == (None, [])
    place = there.url.removeprefix("http://")
    assert reception.error == f"no connection to {place}: this process may open no more files"


async def test_a_name_service_that_does_not_answer_is_no_failure_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> NoReturn:
        raise AGAIN

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with target_at("http://synkron.invalid/sync") as target:
        with pytest.raises(Shortage, match=NO_NAMES):
            await target.call(RUN, terms())
