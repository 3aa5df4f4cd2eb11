"""What every kind of target promises: whatever the far side does comes back as an Outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from synkron.delivery.targets import Target
from synkron.delivery.targets.function import CallableTarget
from synkron.delivery.targets.http import HttpTarget
from synkron.delivery.targets.request import TargetEndpoint
from synkron.http import open_session
from synkron.model import OutcomeKind, Run
from synkron.settings.redaction import Redaction
from tests.delivery.targets.far_side import RUN, far_side, terms

SECRET = SecretStr("planted-71c2a9")
REDACTION = Redaction([SECRET])
SHORT = timedelta(milliseconds=50)


@dataclass
class Opened:
    """A target, and the event that its far side sets when it is reached."""

    target: Target
    reached: asyncio.Event


Kind = Callable[[str], AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def http(behaviour: str) -> AsyncIterator[Opened]:
    async def answer(request: web.Request) -> web.Response:
        del request
        if behaviour == "hang":
            await asyncio.Event().wait()
        text = f"boom, and the key is {SECRET.get_secret_value()}" if behaviour == "fail" else ""
        return web.Response(status=500 if behaviour == "fail" else 200, text=text)

    async with far_side(answer) as there, open_session(1) as session:
        endpoint = TargetEndpoint(URL(there.url), {}, None, (SECRET,))
        yield Opened(HttpTarget(endpoint, session, REDACTION), there.reached)


@asynccontextmanager
async def coroutine_function(behaviour: str) -> AsyncIterator[Opened]:
    reached = asyncio.Event()

    async def function(run: Run) -> None:
        assert run == RUN
        reached.set()
        if behaviour == "hang":
            await asyncio.Event().wait()
        if behaviour == "fail":
            raise ValueError(f"boom, and the key is {SECRET.get_secret_value()}")

    yield Opened(CallableTarget(function, 1, REDACTION), reached)


@asynccontextmanager
async def plain_function(behaviour: str) -> AsyncIterator[Opened]:
    reached, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def function(run: Run) -> None:
        assert run == RUN
        loop.call_soon_threadsafe(reached.set)
        if behaviour == "hang":
            released.wait()
        if behaviour == "fail":
            raise ValueError(f"boom, and the key is {SECRET.get_secret_value()}")

    target = CallableTarget(function, 5, REDACTION)
    try:
        yield Opened(target, reached)
    finally:
        released.set()
        target.close()


@pytest.fixture(params=[http, coroutine_function, plain_function], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


async def test_success(kind: Kind) -> None:
    async with kind("succeed") as opened:
        outcome = await opened.target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.error is None


async def test_failure_is_worth_another_try_and_says_why_without_a_secret(kind: Kind) -> None:
    async with kind("fail") as opened:
        outcome = await opened.target.call(RUN, terms())
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error is not None
    assert outcome.error.endswith("boom, and the key is [redacted]")


# requirement R16.1
async def test_a_far_side_that_does_not_end_is_left_after_the_timeout(kind: Kind) -> None:
    async with kind("hang") as opened:
        outcome = await opened.target.call(RUN, terms(SHORT))
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error is not None
    assert outcome.error.endswith("within 0.05 s")


async def test_cancellation_passes_through(kind: Kind) -> None:
    async with kind("hang") as opened:
        call = asyncio.create_task(opened.target.call(RUN, terms()))
        await opened.reached.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_target_can_be_called_again_and_at_the_same_time(kind: Kind) -> None:
    async with kind("succeed") as opened:
        outcomes = await asyncio.gather(*(opened.target.call(RUN, terms()) for _ in range(5)))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}
