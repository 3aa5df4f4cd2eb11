"""One job: fence, look at the live row again, call the target, record what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import structlog
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job

from synkron import ledger
from synkron.database import DRIVER_FAULTS, Pool
from synkron.errors import SynkronError
from synkron.model import Outcome, OutcomeKind, Run, State
from synkron.plan import after_attempt
from synkron.queue import queue_manager
from synkron.settings import Settings
from synkron.targets import Target
from synkron.turn import read_turn, reason_to_skip, turn_statement

BATCH = 50
# The queue's notifications wake a worker sooner; this bounds what a lost one costs.
POLL = timedelta(seconds=2)
# Seconds. Together they stay below the heartbeat's time, after which another worker takes the run over.
PAUSES_TO_RECORD = (0.2, 1.0, 3.0, 8.0)
WAIT_AFTER_FAULT = timedelta(seconds=5)

log = structlog.get_logger("synkron")


class Worker:
    """Executes runs until it is stopped. Any number of workers on any number of hosts share the work."""

    def __init__(self, pool: Pool, settings: Settings, targets: Mapping[str, Target], name: str) -> None:
        self._pool = pool
        self._settings = settings
        self._targets = targets
        self._name = name
        self._queue = queue_manager(pool)
        self._calls: set[asyncio.Task[Outcome]] = set()
        self._handing_back = asyncio.Event()
        self._turn_statement = ""
        for integration_type, policy in settings.policies.items():
            self._queue.entrypoint(integration_type, concurrency_limit=policy.concurrency)(self._execute)

    async def run(self) -> None:
        """Take jobs until ``stop``; returns when the last attempt has ended.

        A listener that fails is no reason to stop, as PgQueuer would wait for every attempt first: the poll serves.
        """
        self._turn_statement = await turn_statement(self._pool, self._settings.source)
        await self._queue.run(dequeue_timeout=POLL, batch_size=BATCH, heartbeat_timeout=self._settings.heartbeat)

    @property
    def under_way(self) -> int:
        """How many attempts are at their targets."""
        return len(self._calls)

    def stop(self) -> None:
        """Take no more jobs. The attempts that are under way go on."""
        self._queue.shutdown.set()

    def hand_back(self) -> None:
        """Break the attempts off that are under way; their runs wait for another worker."""
        self._handing_back.set()
        for call in self._calls:
            call.cancel()

    async def _execute(self, job: Job) -> None:
        """One job. When the database fails it, the queue comes back; its run's own failures are the ledger's."""
        run_id = int(job.payload or b"0")
        try:
            await self._deliver(run_id, job.id)
        except (*DRIVER_FAULTS, SynkronError) as error:
            log.warning("run put off", run_id=run_id, reason=str(error))
            raise RetryRequested(WAIT_AFTER_FAULT, str(error)) from error

    async def _deliver(self, run_id: int, job_id: int) -> None:
        """Deliver a run, once.

        1. Look at the run; one that has ended is not delivered again.
        2. Look at its integration's row as it stands now; a run that it does not call for any more is skipped.
        3. Start the next attempt, unless another run of the integration must come first.
        4. Call the target.
        5. Record the outcome, which also gives the next one its turn: this run's next attempt, or the next run.
        """
        turn = await read_turn(self._pool, self._turn_statement, run_id, self._settings.source)
        if turn is None or turn.state not in (State.CLAIMED, State.RUNNING):
            return
        reason = self._no_target(turn.run) or reason_to_skip(turn, self._settings)
        if reason is not None:
            if await ledger.skip(self._pool, run_id, reason, job_id):
                log.info("run skipped", run_id=run_id, org_id=turn.run.org_id, reason=reason)
            return
        started = await ledger.start(self._pool, run_id, self._name, job_id)
        if started is not None and self._handing_back.is_set():
            await ledger.hand_back(self._pool, started)
        elif started is not None:
            await self._attempt(started)

    def _no_target(self, run: Run) -> str | None:
        if run.integration_type in self._targets:
            return None
        return f"no target: set types.{run.integration_type}.target in synkron.toml"

    async def _attempt(self, run: Run) -> None:
        policy = self._settings.policies[run.integration_type]
        if run.failures >= policy.attempts:
            error = f"given up: {run.failures} attempts failed or lost their worker"
            await self._end(run, Outcome(OutcomeKind.FINAL, error=error))
            return
        call = asyncio.create_task(self._targets[run.integration_type].call(run))
        self._calls.add(call)
        try:
            outcome = await call
        except asyncio.CancelledError:
            if not self._handing_back.is_set():
                raise
            await ledger.hand_back(self._pool, run)
            return
        finally:
            self._calls.discard(call)
        await self._end(run, outcome)

    async def _end(self, run: Run, outcome: Outcome) -> None:
        state, wait = after_attempt(run, outcome, self._settings.policies[run.integration_type])
        if await self._record(run, outcome, state, wait):
            _report(run, outcome, state)
        else:
            log.warning("run taken over", run_id=run.id, attempt=run.attempt)

    async def _record(self, run: Run, outcome: Outcome, state: State, wait: timedelta) -> bool:
        """Record the outcome, again and again where the database fails: what is known must not be delivered twice."""
        for pause in PAUSES_TO_RECORD:
            try:
                return await ledger.finish(self._pool, run, outcome, state, wait)
            except DRIVER_FAULTS as error:
                log.warning("outcome not recorded yet", run_id=run.id, reason=str(error), retry_in=pause)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._handing_back.wait(), pause)
        return await ledger.finish(self._pool, run, outcome, state, wait)


def _report(run: Run, outcome: Outcome, state: State) -> None:
    word = {State.SUCCEEDED: "run succeeded", State.FAILED: "run failed", State.CLAIMED: "run will be retried"}[state]
    write = log.info if state is State.SUCCEEDED else log.warning
    write(
        word,
        run_id=run.id,
        org_id=run.org_id,
        integration_type=run.integration_type,
        scheduled_for=run.scheduled_for.isoformat(),
        drift_ms=round(run.drift / timedelta(milliseconds=1)),
        attempt=run.attempt,
        **({"error": outcome.error} if outcome.error else {}),
    )
