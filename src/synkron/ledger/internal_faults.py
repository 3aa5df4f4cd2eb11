"""Loops that survive the errors in them: those of the database, and Synkron's own."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

from pgqueuer.domain.errors import PgqException

from synkron.backoff import doubled
from synkron.errors import NotAtHome, Refused, SynkronError
from synkron.postgres.connection import DRIVER_FAULTS, Connect, reason_of
from synkron.postgres.statements import statements
from synkron.runtime import log, sleep

SQL = statements("ledger/internal_faults")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# On a ledger that is not at home: seconds between checks whether it has been adopted.
LOOK_AGAIN = 5.0
# Seconds. An error that can't be recorded in this time is only in the log.
NOTED_WITHIN = 5.0
PACKAGE = __name__.partition(".")[0]
# Errors of the database, and those that are reported as a sentence.
EXPECTED = (*DRIVER_FAULTS, PgqException, SynkronError)


class InternalFaults:
    """Records unexpected errors: in the log, with a traceback the first time, and in ``synkron.internal_faults``."""

    def __init__(self, connect: Connect, node: str) -> None:
        self._connect = connect
        self._node = node
        self._known: set[tuple[str, str, str]] = set()

    async def note(self, loop: str, error: BaseException, **facts: object) -> None:
        """Record an error in the loop. Raises nothing: an error that can't be recorded is still in the log."""
        name, place = type(error).__qualname__, place_of(error)
        is_new = (loop, name, place) not in self._known
        self._known.add((loop, name, place))
        log.error("internal fault", loop=loop, error=name, place=place, **facts, exc_info=error if is_new else None)
        try:
            async with asyncio.timeout(NOTED_WITHIN), self._connect() as connection:
                await connection.execute(SQL["note"], self._node, loop, name, place)
        except Exception as failure:  # noqa: BLE001 - the error that matters is already in the log
            log.debug("internal fault not recorded", loop=loop, reason=type(failure).__name__)


async def persist(name: str, stop: asyncio.Event, run: Callable[[], Awaitable[None]], faults: InternalFaults) -> None:
    """Run a loop until told to stop. After any error it starts again, each time after a longer pause.

    On a ledger that is not at home, it waits until the ledger is.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while not stop.is_set():
        began = loop.time()
        error = await _error_of(run)
        if error is None:
            # It ended although nobody told it to. Without a pause it could take all the time of this process.
            await sleep(FIRST_PAUSE, stop)
            continue
        if isinstance(error, NotAtHome):
            # `background.keep_reporting` logs it, once for all loops.
            await sleep(LOOK_AGAIN, stop)
            continue
        failures = 0 if loop.time() - began > LONGEST_PAUSE else failures + 1
        longer = doubled(FIRST_PAUSE, failures, LONGEST_PAUSE)
        if isinstance(error, EXPECTED):
            event = "loop refused" if isinstance(error, Refused) else "database failed"
            log.warning(event, loop=name, reason=reason_of(error), retry_in=longer)
        else:
            await faults.note(name, error, retry_in=longer)
        await sleep(longer, stop)


def place_of(error: BaseException) -> str:
    """Where it was raised: the innermost line of Synkron's own code, or else the innermost of all. No path, no text."""
    frames = [
        f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [frame for frame in frames if frame.startswith(f"{PACKAGE}.")]
    return (own or frames or ["unknown"])[-1]


async def _error_of(run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """The error that ended the loop, if any. A cancellation that was not meant for this task counts as an error."""
    try:
        await run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return error
    except Exception as error:  # noqa: BLE001 - nothing that happens in one loop may end another
        return error
    return None
