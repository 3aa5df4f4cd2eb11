"""The callable target: everything that a function may return or raise."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

import pytest
from pydantic import SecretStr

from synkron.delivery.targets.function import CallableTarget
from synkron.model import Outcome, OutcomeKind, Run
from synkron.settings.redaction import Redaction
from tests.delivery.targets.far_side import ENDED, RUN, terms

SHORT = timedelta(milliseconds=5)


async def called(function: Callable[[Run], object]) -> Outcome:
    target = CallableTarget(function, 1, Redaction([]))
    try:
        return await target.call(RUN, terms())
    finally:
        target.close()


async def test_whatever_is_returned_is_success() -> None:
    assert await called(lambda _: False) == Outcome(OutcomeKind.SUCCEEDED)


async def test_an_outcome_that_is_returned_is_the_outcome() -> None:
    own = Outcome(OutcomeKind.FINAL, error="the ledger of 2025 is closed")
    assert await called(lambda _: own) == own


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        (OutcomeKind.FINAL, "<OutcomeKind.FINAL: 'final'>"),
        (ValueError("no such account"), "ValueError('no such account')"),
        (Outcome, "<class 'synkron.model.Outcome'>"),
        ((step for step in "12"), "<generator object <genexpr> at"),
    ],
    ids=["kind", "exception", "class", "generator"],
)
async def test_what_is_no_result_is_no_success(returned: object, shown: str) -> None:
    """Work that nobody did, or a failure that nobody raised."""
    outcome = await called(lambda _: returned)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert str(outcome.error).startswith(f"it returned {shown}")
    assert str(outcome.error).endswith("return an Outcome, or raise the exception")


async def test_an_outcome_is_made_fit_and_a_secret_in_it_redacted() -> None:
    def function(_: Run) -> object:
        return Outcome("planted-71c2a9", 999, "the key is planted-71c2a9", timedelta.max)  # type: ignore[arg-type]  # a mistake

    target = CallableTarget(function, 1, Redaction([SecretStr("planted-71c2a9")]))
    outcome = await target.call(RUN, terms())
    target.close()
    assert outcome == Outcome(
        OutcomeKind.RETRYABLE,
        599,
        "the outcome's kind is '[redacted]', but must be succeeded, accepted, retryable or final; its status was 999: "
        "the key is [redacted]",
        timedelta(hours=24),
    )


class Exotic(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class TestWhatIsRaised:
    @pytest.mark.parametrize(
        ("error", "text"),
        [
            (ValueError("no such account"), "ValueError: no such account"),
            (TimeoutError(), "TimeoutError"),
            (KeyError("journal"), "KeyError: 'journal'"),
            (StopIteration(), "StopIteration"),
            (SystemExit(1), "SystemExit: 1"),
            (ValueError("two\nlines" + "!" * 400), "ValueError: two lines" + "!" * 278 + "…"),
            (Exotic(), "tests.delivery.targets.test_callable.Exotic: <exception str() failed>"),
        ],
        ids=lambda value: type(value).__name__,
    )
    async def test_it_is_worth_another_try(self, error: BaseException, text: str) -> None:
        def plain(_: Run) -> NoReturn:
            raise error

        async def coroutine(_: Run) -> NoReturn:
            raise error

        assert await called(plain) == Outcome(OutcomeKind.RETRYABLE, error=text)
        if not isinstance(error, StopIteration):
            assert await called(coroutine) == Outcome(OutcomeKind.RETRYABLE, error=text)

    async def test_a_stop_iteration_in_a_coroutine(self) -> None:
        async def coroutine(_: Run) -> object:
            return next(iter(()))

        outcome = await called(coroutine)
        assert outcome == Outcome(OutcomeKind.RETRYABLE, error="RuntimeError: coroutine raised StopIteration")

    async def test_a_task_of_the_callable_s_own_that_is_cancelled_does_not_cancel_the_worker(self) -> None:
        async def coroutine(_: Run) -> None:
            own = asyncio.create_task(asyncio.Event().wait())
            own.cancel()
            await own

        outcome = await called(coroutine)
        assert outcome.kind is OutcomeKind.RETRYABLE
        assert outcome.error == "asyncio.exceptions.CancelledError"


async def test_a_plain_function_runs_in_a_thread_with_the_caller_s_context() -> None:
    request_id = contextvars.ContextVar("request_id", default="none")
    request_id.set("4711")
    seen: list[object] = []
    await called(lambda _: seen.extend([request_id.get(), threading.current_thread() is threading.main_thread()]))
    assert seen == ["4711", False]


async def test_a_coroutine_that_a_plain_function_makes_is_awaited() -> None:
    async def export(_: Run) -> NoReturn:
        raise ValueError("reached")

    def decorated(run: Run) -> Awaitable[None]:
        return export(run)

    async def not_awaited(run: Run) -> Awaitable[None]:
        return export(run)

    for function in (decorated, functools.partial(export), not_awaited):
        assert (await called(function)).error == "ValueError: reached"


async def test_a_callable_that_hangs_keeps_no_other_thread_from_working() -> None:
    released = threading.Event()
    try:
        hanging = CallableTarget(lambda _: released.wait(), 1, Redaction([]))
        for _ in range(40):
            assert (await hanging.call(RUN, terms(SHORT))).kind is OutcomeKind.RETRYABLE
        assert await asyncio.to_thread(lambda: "free") == "free"
        assert await called(lambda _: "done") == Outcome(OutcomeKind.SUCCEEDED)
    finally:
        released.set()
        hanging.close()


async def test_a_plain_function_that_gets_a_thread_too_late_is_not_called() -> None:
    """Its run may be another worker's by then."""
    seen: list[object] = []
    target = CallableTarget(seen.append, 1, Redaction([]))
    outcome = await target.call(RUN, terms(lease=ENDED))
    target.close()
    assert seen == []
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert str(outcome.error).startswith("not called")


async def test_a_callable_may_say_that_it_will_complete_later() -> None:
    accepted = Outcome(OutcomeKind.ACCEPTED)
    assert await called(lambda _: accepted) == accepted
