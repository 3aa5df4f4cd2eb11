"""A worker for a test, and a target that remembers what it was called with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from synkron.delivery.targets import Target
from synkron.delivery.targets.lease import Terms
from synkron.delivery.worker import Worker
from synkron.ledger import history
from synkron.model import Outcome, OutcomeKind, Run
from synkron.postgres.connection import Connection, Pool
from synkron.runtime import SteadyClock
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.source.mirror import Mirror
from tests.support.databases import Database
from tests.support.fleet import nothing_queued, utc, watching

DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 503, "the target answered 503")
REFUSED = Outcome(OutcomeKind.FINAL, 422, "the target answered 422")
MOMENT = "2026-03-02T02:00:00"
QUICK = Settings(types={"xledger": TypeSettings(backoff=timedelta(milliseconds=1), attempts=3)})


class Recorder:
    """A target that remembers what it was called with, and answers as it is told.

    ``called`` is set when ``expected`` calls are under way or over.
    """

    def __init__(self, *answers: Outcome, wait: asyncio.Event | None = None, expected: int = 1) -> None:
        self.calls: list[Run] = []
        self.terms: list[Terms] = []
        self.called = asyncio.Event()
        self.ended = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0
        self._expected = expected
        self._answers = list(answers)
        self._wait = wait

    async def call(self, run: Run, terms: Terms) -> Outcome:
        self.terms.append(terms)
        self.calls.append(run)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if len(self.calls) >= self._expected:
            self.called.set()
        try:
            if self._wait is not None:
                await self._wait.wait()
            return self._answers.pop(0) if self._answers else DONE
        finally:
            self.at_once -= 1
            self.ended.set()


@asynccontextmanager
async def working(
    pool: Pool,
    target: Target | None,
    settings: Settings = QUICK,
    clock: SteadyClock | None = None,
    mirror: Mirror | None = None,
) -> AsyncIterator[Worker]:
    """A worker that takes jobs until the end of the block."""
    worker = Worker(pool, settings, {} if target is None else {"xledger": target}, "w", clock, mirror)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def claim(connection: Connection, at: str = MOMENT, settings: Settings = QUICK) -> tuple[int, ...]:
    """Claim what is due at the moment."""
    return (await tick(connection, settings, scheduler="test", at=utc(at))).run_ids


async def deliver(
    database: Database, pool: Pool, target: Target | None, clock: SteadyClock | None = None
) -> list[history.RecordedRun]:
    """Let a worker do all there is to do; answers the runs, the oldest first."""
    async with watching(database) as until, working(pool, target, clock=clock):
        await until(nothing_queued)
    return sorted(await history.runs(pool), key=lambda run: run.scheduled_for)
