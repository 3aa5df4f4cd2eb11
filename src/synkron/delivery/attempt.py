"""One attempt of a started run: call the target, and record what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from synkron.delivery.calls import BrokenOff, Calls
from synkron.delivery.decide import Turn, after_attempt, after_shortage, given_up
from synkron.delivery.record import OutcomeRecorder
from synkron.delivery.recordable import DONE
from synkron.delivery.shortages import Shortages
from synkron.delivery.targets import Target
from synkron.delivery.targets.lease import Lease, Terms
from synkron.delivery.warm_up.store import WarmthStore
from synkron.ledger import attempts
from synkron.model import CallTiming, Outcome, OutcomeKind, Run, State
from synkron.postgres.batch import Batched
from synkron.postgres.connection import Pool
from synkron.runtime import SteadyClock, log
from synkron.settings.load import Settings
from synkron.settings.policy import Policy
from synkron.shortage import Shortage
from synkron.vendors.observer import Observer

WORDS = {State.SUCCEEDED: "run succeeded", State.FAILED: "run failed", State.CLAIMED: "run will be retried"}
STOOD_STILL = "the worker stood still before it could call the target"


class AttemptRunner:
    """Makes the attempts of one worker. ``handing_back`` is set when they are to be broken off."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        targets: Mapping[str, Target],
        observer: Observer,
        clock: SteadyClock,
        handing_back: asyncio.Event,
    ) -> None:
        self.calls = Calls()
        self.warmth = WarmthStore(settings)
        self.recorder = OutcomeRecorder(handing_back)
        self._pool = pool
        self._targets = targets
        self._observer = observer
        self._clock = clock
        self._handing_back = handing_back
        self._shortages = Shortages(clock)
        self._finish: Batched[attempts.AttemptEnd, bool] = Batched(lambda ends: attempts.finish_all(pool, ends))
        self._accept: Batched[attempts.Acceptance, bool] = Batched(lambda some: attempts.accept_all(pool, some))

    async def make(self, run: Run, turn: Turn, lease: Lease) -> None:
        """Make the attempt, unless there were too many, or this worker's time for it is over."""
        if error := given_up(run, turn.policy):
            await self._end(run, Outcome(OutcomeKind.FINAL, error=error), turn.policy)
        elif self._handing_back.is_set():
            await attempts.hand_back(self._pool, run)
        elif lease.has_ended():
            log.warning("run handed back", run_id=run.id, reason=STOOD_STILL)
            await attempts.hand_back(self._pool, run, STOOD_STILL)
        else:
            await self._call(run, turn, lease)

    async def _call(self, run: Run, turn: Turn, lease: Lease) -> None:
        """Call the target, measure the call, and record what came of it."""
        known, began = self.warmth.of(run.integration_type), self._clock()
        met_before = known.met_at
        try:
            terms = Terms(turn.at, turn.policy.timeout, lease)
            outcome = await self.calls.make(run, self._targets[run.integration_type].call(run, terms))
        except Shortage as short:
            await self._put_back(run, str(short), turn.policy)
            return
        if outcome is BrokenOff.CANCELLED:
            log.info("run cancelled", run_id=run.id, org_id=run.org_id, attempt=run.attempt)
        elif outcome is BrokenOff.HANDED_BACK:
            await attempts.hand_back(self._pool, run)
        else:
            self._shortages.called(run)
            # The steady clock is combined from several clocks, so it can be off by about a millisecond.
            duration = timedelta(seconds=max(self._clock() - began, 0.0))
            timing = known.record(outcome, duration, began_at=turn.at, met_before=met_before)
            self._observer.note(run.integration_type, outcome, duration, turn.at + duration, run.org_id)
            await self._end(run, outcome, turn.policy, timing)

    async def _put_back(self, run: Run, short: str, policy: Policy) -> None:
        """Let a run wait because a shortage on this host prevented its request. Its target has not failed."""
        self._shortages.note(short, run)
        wait = after_shortage(run)
        if wait is None:
            await self._end(run, Outcome(OutcomeKind.RETRYABLE, error=short), policy)
        else:
            back = attempts.back(run, f"put back: {short}", wait)
            await self.recorder.record(run, lambda: self._finish(back))

    async def _end(self, run: Run, outcome: Outcome, policy: Policy, timing: CallTiming | None = None) -> None:
        if outcome.kind is OutcomeKind.ACCEPTED:
            word = "run accepted"
            acceptance = attempts.Acceptance(run, outcome, policy.completion_timeout, timing)
            recorded = await self.recorder.record(run, lambda: self._accept(acceptance))
        else:
            state, wait = after_attempt(run, outcome, policy)
            word = WORDS[state]
            ending = attempts.ending(run, outcome, state, wait, timing)
            recorded = await self.recorder.record(run, lambda: self._finish(ending))
        if recorded:
            _report(word, run, outcome)
        else:
            log.warning("run taken over or ended elsewhere", run_id=run.id, attempt=run.attempt)


def _report(word: str, run: Run, outcome: Outcome) -> None:
    # The ledger has every run. A log line for each would hide the failures, and takes a tenth of a busy worker's time.
    write = log.debug if outcome.kind in DONE else log.warning
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
