"""Runs that complete later: their targets answered 202 and report the outcome afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import LockNotAvailableError, Record

from synkron.delivery.decide import after_attempt
from synkron.delivery.recordable import recordable
from synkron.errors import DatabaseError, NotFound, Refused
from synkron.ledger import attempts
from synkron.ledger.claims import run_of
from synkron.ledger.installation import at_home
from synkron.model import Outcome, OutcomeKind, State
from synkron.postgres.batch import Batched
from synkron.postgres.connection import Connection, Pool
from synkron.postgres.statements import statements
from synkron.runtime import log
from synkron.scheduler.policies import overridden
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries

SQL = statements("delivery/completion")
ENDED = (OutcomeKind.SUCCEEDED, OutcomeKind.RETRYABLE, OutcomeKind.FINAL)


class Completion(NamedTuple):
    """The outcome of a run's attempt, with the key that its target received."""

    run_id: int
    key: str
    attempt: int
    outcome: Outcome


class Found(NamedTuple):
    """The type of a run, and when the database was asked for it."""

    integration_type: str
    at: datetime


class RunLocked(DatabaseError):
    """Another transaction has had the run locked for a second."""


class Completions:
    """The completions that come to one process. Those that are under way at the same time go to the database together.

    Each has the result that it would have alone. Errors of the driver are sentences. Nobody waits for long because
    another transaction has one of the runs locked.
    """

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._source = SourceQueries(settings.source)
        self._find: Batched[int, Found | None] = Batched(self._find_all)
        self._complete: Batched[Completion, State | Refused] = Batched(self._complete_all)

    async def find(self, run_id: int) -> Found | None:
        """What is known of the run; None if there is none with this number."""
        return await self._find(run_id)

    async def complete(self, one: Completion) -> State:
        """As ``complete_run``. The outcome must be one of ``ENDED``. Raises RunLocked, too."""
        try:
            return _state(await self._complete(one))
        except LockNotAvailableError:
            raise RunLocked(f"another transaction has run {one.run_id} locked; try again") from None

    async def _find_all(self, run_ids: Sequence[int]) -> list[Found | None]:
        async with self._source.in_words():
            rows = await self._pool.fetch(SQL["find"], run_ids)
        found = {row["id"]: Found(row["integration_type"], row["at"]) for row in rows}
        return [found.get(run_id) for run_id in run_ids]

    async def _complete_all(self, asked: Sequence[Completion]) -> list[State | Refused]:
        async with self._source.in_words(), self._pool.acquire() as connection:
            return await complete_all(connection, self._settings, asked, waits_briefly=True)


async def complete_run(
    connection: Connection, settings: Settings, run_id: int, *, key: str, attempt: int, outcome: Outcome
) -> State:
    """Record the outcome of an attempt that its target has accepted. Returns the run's new state.

    ``key`` and ``attempt`` are those that the target received. A retryable outcome leads to the next attempt, like any
    other. Raises NotFound and NotAtHome; and Refused, with nothing changed, if the key or attempt is not the run's, the
    run is not waiting (it has ended, or was tried again), or its deadline has passed.
    """
    if outcome.kind not in ENDED:
        raise Refused(f"Run {run_id} is already accepted. Give its outcome: succeeded, retryable or final.")
    (result,) = await complete_all(connection, settings, [Completion(run_id, key, attempt, outcome)])
    return _state(result)


async def complete_all(
    connection: Connection, settings: Settings, asked: Sequence[Completion], *, waits_briefly: bool = False
) -> list[State | Refused]:
    """Record many outcomes in one transaction. The results are in their order: a new state, or why there is none.

    Of several completions of a run, the first that fits counts. Raises NotAtHome. If it ``waits_briefly``, it raises
    asyncpg's LockNotAvailableError, with nothing recorded, once it has waited a second for another transaction's lock.
    """
    results: list[State | Refused] = []
    ends: dict[int, attempts.AttemptEnd] = {}
    async with connection.transaction():
        if waits_briefly:
            await connection.execute(SQL["wait_briefly"])
        await at_home(connection, settings)
        rows = await connection.fetch(SQL["runs"], [one.run_id for one in asked])
        found = {row["id"]: row for row in rows}
        for one in asked:
            result = _judged(one, found.get(one.run_id), ends.get(one.run_id), settings)
            if isinstance(result, attempts.AttemptEnd):
                ends[one.run_id] = result
            results.append(result if isinstance(result, Refused) else result.state)
        if ends:
            # The worker's calls may still be under way: a completion can arrive before the 202.
            await attempts.finish_all(connection, list(ends.values()))
    for end in ends.values():
        _report(end)
    return results


def _judged(
    one: Completion, row: Record | None, before: attempts.AttemptEnd | None, settings: Settings
) -> attempts.AttemptEnd | Refused:
    """How the attempt ends, or why it can't. ``before`` is how a completion of the same transaction ends it."""
    number, attempt = one.run_id, one.attempt
    if row is None:
        return NotFound(f"There is no run {number}.")
    if row["key"] != one.key:
        return Refused(f"This is not the idempotency key of run {number}. Give the key that came with the run.")
    if row["attempt"] != attempt:
        return Refused(f"Run {number} is at attempt {row['attempt']}; attempt {attempt} can't complete it any more.")
    if (state := before.state if before else row["state"]) != State.RUNNING:
        return Refused(f"Run {number} is {state} and does not wait for a completion.")
    if row["is_overdue"]:
        return Refused(f"Run {number} had to be completed by {row['completes_by']:%Y-%m-%dT%H:%M:%SZ}.")
    run = run_of(row)
    if run.integration_type not in settings.types:
        return Refused(f"The settings have no integration type {run.integration_type}. Add it to synkron.toml.")
    outcome = recordable(one.outcome)
    policy = overridden(settings.types[run.integration_type].policy, row)
    return attempts.ending(run, outcome, *after_attempt(run, outcome, policy))


def _report(end: attempts.AttemptEnd) -> None:
    # As for the runs of a worker, a line for each that succeeded would hide the others.
    write = log.debug if end.state is State.SUCCEEDED else log.info
    write("run completed", run_id=end.run.id, org_id=end.run.org_id, attempt=end.run.attempt, state=end.state.value)


def _state(result: State | Refused) -> State:
    if isinstance(result, Refused):
        raise result
    return result
