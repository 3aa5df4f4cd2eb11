"""The worker: for each job it reads the live row again, starts the attempt, calls the target, records the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job

from synkron.delivery.attempt import AttemptRunner
from synkron.delivery.calls import BrokenOff
from synkron.delivery.decide import Turn, no_longer_called_for, reason_to_defer, reason_to_skip, reason_to_wait
from synkron.delivery.targets import Target
from synkron.delivery.targets.lease import Lease
from synkron.delivery.turn import read_turns
from synkron.errors import SynkronError
from synkron.ledger import attempts, skips
from synkron.ledger.internal_faults import InternalFaults, persist
from synkron.ledger.queue import Manager
from synkron.model import Run, State
from synkron.postgres.batch import Batched
from synkron.postgres.connection import DRIVER_FAULTS, Pool
from synkron.runtime import SteadyClock, log, steady_clock
from synkron.scheduler.moves import Move, move_all, moved_note
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings
from synkron.source.mirror import Mirror
from synkron.source.queries import SourceQueries
from synkron.vendors.health import DOWN
from synkron.vendors.observer import Observer
from synkron.vendors.watches import watches_of

BATCH = 200
# The queue's notifications wake a worker sooner. This limits the cost of a lost one.
POLL = timedelta(seconds=2)
# How soon the queue is read again, for jobs that came, or became due, right after the last read.
LOOK_AGAIN = timedelta(milliseconds=20)
WAIT_AFTER_FAULT = timedelta(seconds=5)
# How often a run is checked again if its row names a missing organization or a type without a target.
WAIT_FOR_ROW = timedelta(minutes=1)


# requirement R15
class Worker:
    """Executes runs until it is stopped. Any number of workers on any number of hosts share the work."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        targets: Mapping[str, Target],
        name: str,
        clock: SteadyClock | None = None,
        mirror: Mirror | None = None,
    ) -> None:
        self._pool = pool
        self._mirror = mirror
        self._settings = settings
        self._targets = targets
        self._name = name
        self._clock = clock or steady_clock(asyncio.get_running_loop())
        # Another worker takes the run over after a whole heartbeat interval without a heartbeat.
        self._lease = settings.heartbeat.total_seconds() / 2
        self._observer = Observer(pool, watches_of(settings))
        self._ended = asyncio.Event()
        self._faults = InternalFaults(pool.acquire, name)
        self._queue = Manager(pool)
        self._queue.min_dequeue_poll_interval = LOOK_AGAIN
        self._handing_back = asyncio.Event()
        self._attempts = AttemptRunner(pool, settings, targets, self._observer, self._clock, self._handing_back)
        self._one_suspect = asyncio.Lock()
        self._source = SourceQueries(settings.source)
        # The questions of concurrent jobs are combined into one statement.
        queue_manager_id = self._queue.queue_manager_id
        self._turn: Batched[int, Turn | None] = Batched(self._read_turns)
        self._start: Batched[tuple[int, int], Run | None] = Batched(
            lambda asked: attempts.start_all(pool, asked, name, queue_manager_id, settings.heartbeat / 10)
        )
        self._skip: Batched[skips.Skip, bool] = Batched(lambda asked: skips.skip_all(pool, asked, queue_manager_id))
        self._follow: Batched[Move, bool] = Batched(lambda asked: move_all(pool, asked, queue_manager_id))
        for integration_type, policy in settings.policies.items():
            self._queue.entrypoint(integration_type, concurrency_limit=policy.concurrency)(self._execute)

    async def run(self) -> None:
        """Take jobs until ``stop``. Returns when the last attempt has ended.

        A failed listener does not stop the worker (PgQueuer would wait for every attempt first); it polls instead.
        """
        # Before the first job, so that the worker knows which vendors are down.
        await self._observer.look()
        observing = asyncio.create_task(self._observer.run(self._ended))
        heartbeat = self._settings.heartbeat
        beside = {
            asyncio.create_task(persist(name, self._ended, loop, self._faults))
            for name, loop in {
                "signs of life": lambda: self._queue.keep_alive(heartbeat),
                "listening": lambda: self._queue.keep_listening(heartbeat),
                "warmth": lambda: self._attempts.warmth.keep_exchanging(self._pool),
                "cancelled runs": lambda: self._attempts.calls.keep_looking_for_cancelled(
                    self._pool, self._queue.cancellation
                ),
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
        """How many calls of targets are under way."""
        return len(self._attempts.calls)

    def stop(self) -> None:
        """Take no more jobs. Attempts that are under way continue."""
        self._queue.shutdown.set()

    def hand_back(self) -> None:
        """Break off the attempts under way, and start no others. Their runs wait for another worker."""
        self._handing_back.set()
        self._attempts.calls.break_off(BrokenOff.HANDED_BACK)
        for asking in (self._turn, self._skip):
            asking.refuse(lambda: RetryRequested(timedelta(), "the worker was stopped"))

    async def _execute(self, job: Job) -> None:
        """Handle one job. If the database fails, the job is retried; failures of the run itself are in the ledger."""
        run_id = int(job.payload or b"0")
        if not await self._attempts.recorder.has_recorded(run_id):
            # The queue hands out a job again that had no heartbeat, for example while the database was gone.
            raise RetryRequested(WAIT_AFTER_FAULT, "its outcome is still to be recorded")
        try:
            await self._deliver(run_id, job)
        except (*DRIVER_FAULTS, SynkronError) as error:
            log.warning("run put off", run_id=run_id, reason=str(error))
            raise RetryRequested(WAIT_AFTER_FAULT, str(error)) from error
        except RetryRequested:
            raise
        except Exception as error:  # noqa: BLE001 - it affects only this run, which is tried again later
            await self._faults.note("runs", error, run_id=run_id)

    async def _deliver(self, run_id: int, job: Job, *, alone: bool = False) -> None:
        """Deliver a run once.

        1. Read the run. One that has ended, or that its target has accepted, is not delivered again.
        2. Check its integration's present row and state. The run is skipped if it must not run any more; it follows its
           row to another type or organization; it is left if it is paused; it waits if its vendor is down.
        3. Start the next attempt, unless another run of the integration must come first. Runs that have repeatedly lost
           their worker are started one at a time.
        4. Call the target.
        5. Record the outcome. This also enqueues what comes next: this run's next attempt, or the next run.
        """
        turn = await self._turn(run_id)
        if turn is None or turn.state not in (State.CLAIMED, State.RUNNING) or turn.is_accepted:
            return
        if job.entrypoint != turn.run.integration_type:
            return  # The run has followed its row since this job was enqueued, and has another job.
        reason = self._reason_to_skip(turn)
        if reason is not None:
            if await self._skip(skips.Skip(run_id, reason, job.id)):
                log.info("run skipped", run_id=run_id, org_id=turn.run.org_id, reason=reason)
        elif reason := reason_to_wait(turn, self._targets):
            log.warning("run put off", run_id=run_id, org_id=turn.run.org_id, reason=reason)
            raise RetryRequested(WAIT_FOR_ROW, reason)
        elif turn.followed is not None:
            row, run = turn.followed, turn.run
            note = moved_note(run.integration_type, row.integration_type, run.org_id, row.org_id)
            if await self._follow(Move(run_id, row.integration_type, row.org_id, note, job.id)):
                log.info("run follows its row", run_id=run_id, org_id=row.org_id, reason=note.removeprefix("; "))
        elif turn.pause is not None:
            log.info("run held", run_id=run_id, org_id=turn.run.org_id, reason=turn.pause)
        elif await self._deferred(turn):
            log.info("run deferred", run_id=run_id, org_id=turn.run.org_id, integration_type=turn.run.integration_type)
        elif turn.is_suspect and not alone:
            # If several runs were lost together, one of them may have killed the worker. It must not affect the others.
            async with self._one_suspect:
                await self._deliver(run_id, job, alone=True)
        else:
            lease = Lease(self._clock() + self._lease, self._clock)
            started = await self._start((run_id, job.id))
            if started is not None:
                await self._attempts.make(started, turn, lease)

    async def _read_turns(self, run_ids: Sequence[int]) -> list[Turn | None]:
        """The runs as they are now; their rows are first read again into the mirror, if there is one."""
        if self._mirror is not None:
            await self._mirror.refresh_rows_of(self._pool, run_ids)
        return await read_turns(self._pool, self._source, run_ids, self._settings)

    async def _deferred(self, turn: Turn) -> bool:
        """Let the run wait if its vendor is down and the settings say ``hold``. False if it may start."""
        kind = turn.run.integration_type
        hold = self._settings.types[kind].health.hold
        health = self._observer.health_of(kind) if hold else None
        if health is None or (reason := reason_to_defer(turn, health, hold)) is None:
            return False
        return await attempts.defer(self._pool, turn.run.id, reason, hold, health.endpoint, DOWN)

    def _reason_to_skip(self, turn: Turn) -> str | None:
        """Why the run must not be delivered. A run that must follow its row is judged by the policy of its new type."""
        if (reason := no_longer_called_for(turn, self._settings.types)) or turn.followed is not None:
            return reason
        if turn.run.integration_type not in self._targets:
            return f"no target: set {section_of(turn.run.integration_type)}.target in synkron.toml"
        return reason_to_skip(turn)
