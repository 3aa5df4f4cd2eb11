"""Loops that outlive what goes wrong in them: the database's faults, and Synkron's own."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable

from pgqueuer.domain.errors import PgqException

from synkron.errors import NotAtHome, Refused, SynkronError
from synkron.log import log
from synkron.postgres.connection import DRIVER_FAULTS, Connect, reason_of
from synkron.postgres.statements import statements
from synkron.waiting import pause

SQL = statements("ledger/internal_faults")
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# Seconds until one looks again whether somebody has said what a ledger is that is not at home.
LOOK_AGAIN = 5.0
# Seconds. A fault that can't be written down in this time is in the log alone.
NOTED_WITHIN = 5.0
PACKAGE = __name__.partition(".")[0]
# What the database does to everybody, and what is reported in a sentence.
EXPECTED = (*DRIVER_FAULTS, PgqException, SynkronError)


class InternalFaults:
    """Notes what nobody expected: in the log, with its traceback once, and in ``synkron.internal_faults``."""

    def __init__(self, connect: Connect, node: str) -> None:
        self._connect = connect
        self._node = node
        self._known: set[tuple[str, str, str]] = set()

    async def note(self, loop: str, error: BaseException, **facts: object) -> None:
        """Note a fault of the loop. Raises nothing: what can't be written down is in the log."""
        name, place = type(error).__qualname__, place_of(error)
        is_new = (loop, name, place) not in self._known
        self._known.add((loop, name, place))
        log.error("internal fault", loop=loop, error=name, place=place, **facts, exc_info=error if is_new else None)
        try:
            async with asyncio.timeout(NOTED_WITHIN), self._connect() as connection:
                await connection.execute(SQL["note"], self._node, loop, name, place)
        except Exception as failure:  # noqa: BLE001 - it is about another fault, which the log has
            log.debug("internal fault not written down", loop=loop, reason=type(failure).__name__)


async def persist(name: str, stop: asyncio.Event, run: Callable[[], Awaitable[None]], faults: InternalFaults) -> None:
    """Run a loop until told to stop; whatever goes wrong in it, begin again, each time after a longer pause.

    On a ledger that is not at home it waits until that is.
    """
    loop = asyncio.get_running_loop()
    longer = FIRST_PAUSE
    while not stop.is_set():
        began = loop.time()
        error = await _error_of(run)
        if error is None:
            # It ended though nobody told it to; at once again, it might leave no time for anything else.
            await pause(FIRST_PAUSE, stop)
            continue
        if isinstance(error, NotAtHome):
            # `loops.report_node` says it, once for all loops.
            await pause(LOOK_AGAIN, stop)
            continue
        longer = FIRST_PAUSE if loop.time() - began > LONGEST_PAUSE else min(longer * 2, LONGEST_PAUSE)
        if isinstance(error, EXPECTED):
            event = "loop refused" if isinstance(error, Refused) else "database failed"
            log.warning(event, loop=name, reason=reason_of(error), retry_in=longer)
        else:
            await faults.note(name, error, retry_in=longer)
        await pause(longer, stop)


def place_of(error: BaseException) -> str:
    """Where it was raised: the innermost line of Synkron's own, or else the innermost of all. No path, and no text."""
    frames = [
        f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [frame for frame in frames if frame.startswith(f"{PACKAGE}.")]
    return (own or frames or ["unknown"])[-1]


async def _error_of(run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """What the loop ends with, if it was not told to. That somebody else was cancelled is a fault like another."""
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
