"""One job: fence, look at the live row again, call the target, record what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job

from synkron.delivery.calls import BrokenOff, Calls
from synkron.delivery.record import Recording
from synkron.delivery.shortages import Shortages
from synkron.delivery.targets import Lease, Target, Terms
from synkron.delivery.turn import (
    Turn,
    no_longer_called_for,
    read_turns,
    reason_to_defer,
    reason_to_skip,
    reason_to_wait,
    turn_statement,
)
from synkron.delivery.warm_up.store import Meetings
from synkron.errors import SynkronError
from synkron.http.shortage import Shortage
from synkron.ledger import attempts
from synkron.ledger.internal_faults import InternalFaults, persist
from synkron.ledger.queue import Manager
from synkron.log import log
from synkron.model import Integration, Meeting, Outcome, OutcomeKind, Policy, Run, State
from synkron.postgres.batch import Batched
from synkron.postgres.connection import DRIVER_FAULTS, Pool
from synkron.runtime import SteadyClock, steady_clock
from synkron.scheduler.decide import after_attempt, after_shortage, given_up, moved
from synkron.scheduler.moves import Following, follow_all
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings
from synkron.vendors.health import DOWN
from synkron.vendors.observer import Observer
from synkron.vendors.probe import watches_of

BATCH = 200
# The queue's notifications wake a worker sooner; this bounds what a lost one costs.
POLL = timedelta(seconds=2)
# How soon one looks again for what came a moment after the last look, or whose moment comes right after it.
LOOK_AGAIN = timedelta(milliseconds=20)
WAIT_AFTER_FAULT = timedelta(seconds=5)
# How often a run is looked at whose row names an organization that is missing, or a type without a target.
WAIT_FOR_ROW = timedelta(minutes=1)

WORDS = {State.SUCCEEDED: "run succeeded", State.FAILED: "run failed", State.CLAIMED: "run will be retried"}
STOOD_STILL = "the worker stood still before it could call the target"


class Worker:
    """Executes runs until it is stopped. Any number of workers on any number of hosts share the work."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        targets: Mapping[str, Target],
        name: str,
        clock: SteadyClock | None = None,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._targets = targets
        self._name = name
        self._clock = clock or steady_clock(asyncio.get_running_loop())
        # After the whole of it without a sign of life, another worker takes the run over.
        self._lease = settings.heartbeat.total_seconds() / 2
        self._meetings = Meetings(settings)
        self._observer = Observer(pool, watches_of(settings))
        self._ended = asyncio.Event()
        self._faults = InternalFaults(pool.acquire, name)
        self._queue = Manager(pool)
        self._queue.min_dequeue_poll_interval = LOOK_AGAIN
        self._calls = Calls()
        self._shortages = Shortages(self._clock)
        self._handing_back = asyncio.Event()
        self._recording = Recording(self._handing_back)
        self._one_suspect = asyncio.Lock()
        self._turn_statement = turn_statement(settings.source)
        # What concurrent jobs ask for goes in one statement.
        mark = self._queue.queue_manager_id
        self._turn: Batched[int, Turn | None] = Batched(
            lambda ids: read_turns(pool, self._turn_statement, ids, settings)
        )
        self._start: Batched[tuple[int, int], Run | None] = Batched(
            lambda asked: attempts.start_all(pool, asked, name, mark, settings.heartbeat / 10)
        )
        self._skip: Batched[attempts.Skip, bool] = Batched(lambda skips: attempts.skip_all(pool, skips, mark))
        self._finish: Batched[attempts.Ending, bool] = Batched(lambda endings: attempts.finish_all(pool, endings))
        self._follow: Batched[Following, bool] = Batched(lambda asked: follow_all(pool, asked, settings.source, mark))
        for integration_type, policy in settings.policies.items():
            self._queue.entrypoint(integration_type, concurrency_limit=policy.concurrency)(self._execute)

    async def run(self) -> None:
        """Take jobs until ``stop``; returns when the last attempt has ended.

        A listener that fails is no reason to stop, as PgQueuer would wait for every attempt first: the poll serves.
        """
        await self._turn_statement.fit(self._pool)
        # Before the first job, so that it is known for which vendors runs are held.
        await self._observer.look()
        observing = asyncio.create_task(self._observer.run(self._ended))
        heartbeat = self._settings.heartbeat
        beside = {
            asyncio.create_task(persist(name, self._ended, loop, self._faults))
            for name, loop in {
                "signs of life": lambda: self._queue.keep_alive(heartbeat),
                "listening": lambda: self._queue.keep_listening(heartbeat),
                "meetings": lambda: self._meetings.keep_exchanging(self._pool),
                "cancelled runs": lambda: self._calls.keep_looking_for_cancelled(self._pool, self._queue.cancellation),
            }.items()
        }
        try:
            await self._queue.run(
                dequeue_timeout=POLL,
                batch_size=BATCH,
                heartbeat_timeout=heartbeat,
                log_aggregation_interval=timedelta(),
            )
        finally:
            for task in beside:
                task.cancel()
            self._ended.set()
            await asyncio.wait({*beside, observing})

    @property
    def under_way(self) -> int:
        """How many attempts are at their targets."""
        return len(self._calls)

    def stop(self) -> None:
        """Take no more jobs. The attempts that are under way go on."""
        self._queue.shutdown.set()

    def hand_back(self) -> None:
        """Break the attempts off that are under way, and leave runs that have none; they wait for another worker."""
        self._handing_back.set()
        self._calls.break_off(BrokenOff.HANDED_BACK)
        for asking in (self._turn, self._skip):
            asking.refuse(lambda: RetryRequested(timedelta(), "the worker was stopped"))

    async def _execute(self, job: Job) -> None:
        """One job. When the database fails it, the queue comes back; its run's own failures are the ledger's."""
        run_id = int(job.payload or b"0")
        if self._recording.keeps(run_id):
            # The queue gives a job away that had no sign of life, as while the database was gone.
            raise RetryRequested(WAIT_AFTER_FAULT, "what came of it is still to be recorded")
        try:
            await self._deliver(run_id, job)
        except (*DRIVER_FAULTS, SynkronError) as error:
            log.warning("run put off", run_id=run_id, reason=str(error))
            raise RetryRequested(WAIT_AFTER_FAULT, str(error)) from error
        except RetryRequested:
            raise
        except Exception as error:  # noqa: BLE001 - it is this run's alone, and whoever finds it left will try it again
            await self._faults.note("runs", error, run_id=run_id)

    async def _deliver(self, run_id: int, job: Job, *, alone: bool = False) -> None:
        """Deliver a run, once.

        1. Look at the run; one that has ended, or that its target has accepted, is not delivered again.
        2. Look at its integration as it stands now: what must not run any more is skipped, what belongs to another type
           or organization by now follows, what is paused is left, and what is held while its vendor is down waits.
        3. Start the next attempt, unless another run of the integration must come first. Runs that lost their worker
           again and again come one at a time.
        4. Call the target.
        5. Record the outcome, which also gives the next one its turn: this run's next attempt, or the next run.
        """
        turn = await self._turn(run_id)
        if turn is None or turn.state not in (State.CLAIMED, State.RUNNING) or turn.is_accepted:
            return
        if job.entrypoint != turn.run.integration_type:
            return  # it has followed its row since this job was made, and has another
        reason = self._reason_to_skip(turn)
        if reason is not None:
            if await self._skip(attempts.Skip(run_id, reason, job.id)):
                log.info("run skipped", run_id=run_id, org_id=turn.run.org_id, reason=reason)
        elif reason := reason_to_wait(turn, self._targets):
            log.warning("run put off", run_id=run_id, org_id=turn.run.org_id, reason=reason)
            raise RetryRequested(WAIT_FOR_ROW, reason)
        elif turn.followed is not None:
            await self._let_follow(turn.run, turn.followed, job)
        elif turn.pause is not None:
            log.info("run held", run_id=run_id, org_id=turn.run.org_id, reason=turn.pause)
        elif await self._deferred(turn):
            log.info("run deferred", run_id=run_id, org_id=turn.run.org_id, integration_type=turn.run.integration_type)
        elif turn.is_suspect and not alone:
            # Of several runs that were lost together, maybe one killed the worker. It must not take the others with it.
            async with self._one_suspect:
                await self._deliver(run_id, job, alone=True)
        else:
            lease = Lease(self._clock() + self._lease, self._clock)
            started = await self._start((run_id, job.id))
            if started is not None:
                await self._attempt(started, turn, lease)

    async def _deferred(self, turn: Turn) -> bool:
        """Let the run wait where its vendor is down and the settings say so; False when it may go."""
        kind = turn.run.integration_type
        hold = self._settings.types[kind].health.hold
        health = self._observer.health_of(kind) if hold else None
        reason = None if health is None else reason_to_defer(turn, health, hold)
        if health is None or reason is None:
            return False
        return await attempts.defer(self._pool, turn.run.id, reason, hold, health.endpoint, DOWN)

    def _reason_to_skip(self, turn: Turn) -> str | None:
        """Why the run must not be delivered. What is to follow its row goes by the policy of where it comes to."""
        if (reason := no_longer_called_for(turn, self._settings)) or turn.followed is not None:
            return reason
        if turn.run.integration_type not in self._targets:
            return f"no target: set {section_of(turn.run.integration_type)}.target in synkron.toml"
        return reason_to_skip(turn)

    async def _let_follow(self, run: Run, row: Integration, job: Job) -> None:
        """Have the run go to the type and organization of its row; its new job delivers it."""
        note = moved(run.integration_type, row.integration_type, run.org_id, row.org_id)
        if await self._follow(Following(run.id, row.integration_type, row.org_id, note, job.id)):
            log.info("run follows its row", run_id=run.id, org_id=row.org_id, reason=note.removeprefix("; "))

    async def _attempt(self, run: Run, turn: Turn, lease: Lease) -> None:
        """Make the attempt, unless there were too many, or this worker has not got the time for it any more."""
        if error := given_up(run, turn.policy):
            await self._end(run, Outcome(OutcomeKind.FINAL, error=error), turn.policy)
        elif self._handing_back.is_set():
            await attempts.hand_back(self._pool, run)
        elif lease.has_ended():
            log.warning("run handed back", run_id=run.id, reason=STOOD_STILL)
            await attempts.hand_back(self._pool, run, STOOD_STILL)
        else:
            await self._meet(run, turn, lease)

    async def _meet(self, run: Run, turn: Turn, lease: Lease) -> None:
        """Call the target, and measure how it was met."""
        known, began = self._meetings.of(run.integration_type), self._clock()
        met_before = known.met_at
        try:
            outcome = await self._called(run, Terms(turn.at, turn.policy.timeout, lease))
        except Shortage as short:
            await self._put_back(run, str(short), turn.policy)
            return
        if outcome is not None:
            self._shortages.called(run)
            # The steady clock is put together of several, and can differ by a millisecond or so.
            duration = timedelta(seconds=max(self._clock() - began, 0.0))
            meeting = known.meet(outcome, duration, began_at=turn.at, met_before=met_before)
            self._observer.note(run.integration_type, outcome, duration, turn.at + duration, run.org_id)
            await self._end(run, outcome, turn.policy, meeting)

    async def _called(self, run: Run, terms: Terms) -> Outcome | None:
        """Call the target; None when the call was broken off, as the run was cancelled or is handed back."""
        outcome = await self._calls.make(run, self._targets[run.integration_type].call(run, terms))
        if isinstance(outcome, Outcome):
            return outcome
        if outcome is BrokenOff.CANCELLED:
            log.info("run cancelled", run_id=run.id, org_id=run.org_id, attempt=run.attempt)
        else:
            await attempts.hand_back(self._pool, run)
        return None

    async def _put_back(self, run: Run, short: str, policy: Policy) -> None:
        """Let a run wait that nothing was sent for, as something is short here. Its target has not failed."""
        self._shortages.note(short, run)
        wait = after_shortage(run)
        if wait is None:
            await self._end(run, Outcome(OutcomeKind.RETRYABLE, error=short), policy)
        else:
            back = attempts.back(run, f"put back: {short}", wait)
            await self._recording.record(run, lambda: self._finish(back))

    async def _end(self, run: Run, outcome: Outcome, policy: Policy, meeting: Meeting | None = None) -> None:
        if outcome.kind is OutcomeKind.ACCEPTED:
            word = "run accepted"
            recorded = await self._recording.record(
                run, lambda: attempts.accept(self._pool, run, outcome, policy.completion_timeout, meeting)
            )
        else:
            state, wait = after_attempt(run, outcome, policy)
            word = WORDS[state]
            ending = attempts.ending(run, outcome, state, wait, meeting)
            recorded = await self._recording.record(run, lambda: self._finish(ending))
        if recorded:
            _report(word, run, outcome)
        else:
            log.warning("run taken over or ended elsewhere", run_id=run.id, attempt=run.attempt)


def _report(word: str, run: Run, outcome: Outcome) -> None:
    # The ledger has every run. A line for each would drown what went wrong, and takes a tenth of a busy worker's time.
    write = log.debug if outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED) else log.warning
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
