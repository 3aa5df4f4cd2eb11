"""A target that is a Python callable, named in the settings as ``package.module:function``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from importlib import import_module
from traceback import format_exception_only
from typing import TypeAlias

from synkron.delivery.recordable import recordable, shown
from synkron.delivery.targets.lease import Lease, Terms
from synkron.errors import SettingsError
from synkron.model import Outcome, OutcomeKind, Run
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import TypeSettings
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import fault, gathering

Function: TypeAlias = Callable[[Run], object]

# Values that show work not done or a failure not raised. If they counted as success, an export would be lost.
NOT_RESULTS = (Generator, AsyncGenerator, BaseException, OutcomeKind, type)
NOT_CALLED = Outcome(OutcomeKind.RETRYABLE, error="not called: a thread of the worker became free too late")


class CallableTarget:
    """A Python callable that takes the ``Run``. It may return an ``Outcome`` or anything else; exceptions are retried.

    A coroutine function is awaited, and cancelled at its timeout. Any other callable runs in a thread, which can't be
    stopped: after the timeout it goes on beside the next attempt and occupies one of the type's ``concurrency``
    threads. Such a callable needs time limits of its own.
    """

    def __init__(self, function: Function, concurrency: int, redaction: Redaction) -> None:
        self._function = function
        self._redaction = redaction
        # Not the event loop's own threads: callables that hang would block name look-ups, which use those.
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="synkron-target")

    async def call(self, run: Run, terms: Terms) -> Outcome:
        """Call once, within the timeout."""
        seconds = terms.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds) as deadline:
                return self._judge(await self._returned(run, terms.lease))
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return self._failed(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - nothing that a callable does may stop the worker
            if deadline.expired():
                return Outcome(OutcomeKind.RETRYABLE, error=f"not finished within {seconds:g} s")
            return self._failed(error)

    def close(self) -> None:
        """Start no more calls. Calls that still run in a thread are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _returned(self, run: Run, lease: Lease) -> object:
        if inspect.iscoroutinefunction(self._function):
            returned = await self._function(run)
        else:
            in_thread = partial(copy_context().run, self._called, run, lease)
            returned = await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)
        # Any function may return a coroutine that it has not awaited, for example a decorated one.
        while inspect.isawaitable(returned):
            returned = await returned
        return returned

    def _called(self, run: Run, lease: Lease) -> object:
        """Call it in the thread. No exception leaves here, because a future can't carry every one (StopIteration)."""
        if lease.has_ended():
            return NOT_CALLED
        try:
            return self._function(run)
        except BaseException as error:  # noqa: BLE001
            return self._failed(error)

    def _judge(self, returned: object) -> Outcome:
        if isinstance(returned, Outcome):
            return recordable(returned, self._redaction.excerpt)
        if isinstance(returned, NOT_RESULTS):
            what = shown(returned, self._redaction.excerpt)
            return Outcome(
                OutcomeKind.RETRYABLE, error=f"it returned {what}; return an Outcome, or raise the exception"
            )
        return Outcome(OutcomeKind.SUCCEEDED)

    def _failed(self, error: BaseException) -> Outcome:
        text = "".join(format_exception_only(error))
        return Outcome(OutcomeKind.RETRYABLE, error=self._redaction.excerpt(text))


def load_function(name: str, one: TypeSettings, redaction: Redaction, given: Mapping[str, Function]) -> Function:
    """The callable of the type ``name``: imported, unless one is ``given``. Raises SettingsError with all errors."""
    faults: list[str] = []
    for key, written in (("secret", one.secret), ("headers", one.headers)):
        with gathering(faults):
            if written:
                raise fault(
                    f"{section_of(name)}.{key}", "only an HTTP target uses it, and this one is a callable; remove it"
                )
    with gathering(faults):
        key, target = f"{section_of(name)}.target", one.target or ""
        function = _checked(key, target, given[name] if name in given else _imported(key, target, redaction))
    if faults:
        raise SettingsError(faults)
    return function


def _imported(key: str, target: str, redaction: Redaction) -> object:
    module_name, _, function_name = target.partition(":")
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the module's own code runs here
        reason = redaction.excerpt("".join(format_exception_only(error)))
        raise fault(
            key,
            f"{module_name} can't be imported ({reason}); correct the name, install its package beside Synkron, "
            "or put its folder on PYTHONPATH",
        ) from None
    function: object = getattr(module, function_name, None)
    if function is None:
        raise fault(key, f"the module {module_name} has no {function_name}; correct the name after the colon")
    return function


def _checked(key: str, target: str, function: object) -> Function:
    """The function, if it can be called with a run."""
    if not callable(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise fault(key, f"{target} can't be called; name a function or coroutine function that takes a run")
    try:
        with suppress(ValueError):  # a built-in function may have no signature
            inspect.signature(function).bind(object())
    except TypeError:
        raise fault(key, f"{target} can't be called with a run as its only argument; correct its parameters") from None
    return function


def _is_cancelled() -> bool:
    """Whether this task is being cancelled, and not a task of the callable's own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
