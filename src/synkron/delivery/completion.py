"""Runs that complete later: their targets answered 202 and report the outcome afterwards."""

from __future__ import annotations

from synkron.delivery.decide import after_attempt
from synkron.delivery.recordable import recordable
from synkron.errors import NotFound, Refused
from synkron.ledger import attempts
from synkron.ledger.claims import run_of
from synkron.ledger.installation import at_home
from synkron.model import Outcome, OutcomeKind, State
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.runtime import log
from synkron.scheduler.policies import overridden
from synkron.settings.load import Settings

SQL = statements("delivery/completion")
ENDED = (OutcomeKind.SUCCEEDED, OutcomeKind.RETRYABLE, OutcomeKind.FINAL)


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
    outcome = recordable(outcome)
    async with connection.transaction():
        await at_home(connection, settings)
        row = await connection.fetchrow(SQL["run"], run_id)
        if row is None:
            raise NotFound(f"There is no run {run_id}.")
        if row["key"] != key:
            raise Refused(f"This is not the idempotency key of run {run_id}. Give the key that came with the run.")
        if row["attempt"] != attempt:
            raise Refused(f"Run {run_id} is at attempt {row['attempt']}; attempt {attempt} can't complete it any more.")
        if row["state"] != State.RUNNING:
            raise Refused(f"Run {run_id} is {row['state']} and does not wait for a completion.")
        if row["is_overdue"]:
            raise Refused(f"Run {run_id} had to be completed by {row['completes_by']:%Y-%m-%dT%H:%M:%SZ}.")
        run = run_of(row)
        if run.integration_type not in settings.types:
            raise Refused(f"The settings have no integration type {run.integration_type}. Add it to synkron.toml.")
        state, wait = after_attempt(run, outcome, overridden(settings.types[run.integration_type].policy, row))
        # The worker's call may still be under way: the completion can arrive before the 202.
        await attempts.finish(connection, run, outcome, state, wait)
    log.info("run completed", run_id=run_id, org_id=run.org_id, attempt=attempt, state=state.value)
    return state
