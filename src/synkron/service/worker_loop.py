"""The loop of a worker: it executes runs until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from synkron.delivery.targets import Target
from synkron.delivery.worker import Worker
from synkron.ledger.installation import at_home
from synkron.postgres.connection import CLOSE_TIMEOUT, pooled
from synkron.runtime import log, until
from synkron.settings.load import Settings
from synkron.source.mirror import Mirror

POOL_SIZE = 20


async def keep_working(
    url: str,
    settings: Settings,
    targets: Mapping[str, Target],
    name: str,
    stop: asyncio.Event,
    at_once: asyncio.Event,
    mirror: Mirror | None = None,
) -> None:
    """Execute runs. When told to stop, let those under way finish within the grace, then hand them back."""
    grace = settings.shutdown_grace.total_seconds()
    async with pooled(url, size=POOL_SIZE, by_key=True, heartbeat=settings.heartbeat) as pool:
        await at_home(pool, settings)
        worker = Worker(pool, settings, targets, name, mirror=mirror)
        running = asyncio.create_task(worker.run())
        try:
            await until(running, stop)
            worker.stop()
            if not running.done():
                log.info("stopping", attempts_under_way=worker.under_way, grace=grace)
            await until(running, at_once, longest=grace)
            if not running.done():
                worker.hand_back()
            await asyncio.wait({running})
        finally:
            if not running.done():
                # Cancelled: otherwise this would wait for its statements on the database.
                pool.terminate()
                running.cancel()
                await asyncio.wait({running}, timeout=CLOSE_TIMEOUT)
        await running
