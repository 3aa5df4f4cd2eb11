"""What a worker's runs show about the vendors behind their targets: noted at once, written every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from synkron.model import Outcome
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection, Pool
from synkron.runtime import log, sleep
from synkron.vendors import store
from synkron.vendors.health import Health, Sample, Verdict, Watch, sample_of_run

FLUSH_EVERY = 5.0
# The shortest time between two flushes, however often the findings change.
REST = 0.5
# The most samples of an endpoint that are kept while the database does not accept them.
MOST_WAITING = 100


# requirement R18.4
class Observer:
    """Notes what runs show about vendors, and gives their known health. Each worker has one.

    What the database does not accept is kept, up to 100 changes of an endpoint's finding; then the oldest are lost.
    """

    def __init__(self, pool: Pool, watches: Iterable[Watch]) -> None:
        self._pool = pool
        self._watches = {watch.endpoint: watch for watch in watches}
        self._endpoints = {name: watch.endpoint for watch in self._watches.values() for name in watch.integration_types}
        self._waiting: dict[str, list[Sample]] = {}
        self._found: dict[str, Verdict] = {}
        self._known: dict[str, Health] = {}
        self._changed = asyncio.Event()
        self._is_failing = False

    def note(
        self, integration_type: str, outcome: Outcome, duration: timedelta, at: datetime, org_id: str | None = None
    ) -> None:
        """Note the outcome of an organization's run that ended at that moment of the database's clock. Never waits."""
        endpoint = self._endpoints.get(integration_type)
        if endpoint is None:
            return
        sample = sample_of_run(outcome, duration, at, self._watches[endpoint].throttled_codes, org_id)
        _add(self._waiting.setdefault(endpoint, []), sample)
        if self._found.get(endpoint) is not sample.finding:
            self._found[endpoint] = sample.finding
            self._changed.set()

    def health_of(self, integration_type: str) -> Health | None:
        """The health of the type's vendor at the last look, a few seconds ago; None before the first look."""
        return self._known.get(self._endpoints.get(integration_type, ""))

    async def run(self, stop: asyncio.Event) -> None:
        """Write and look every five seconds and whenever a finding changes, until told to stop; then once more."""
        while not stop.is_set():
            await self.look()
            await sleep(REST, stop)
            await sleep(FLUSH_EVERY - REST, stop, self._changed)
        await self.look()

    async def flush(self) -> None:
        """Write what was noted, and read the health of all endpoints. Samples that can't be written are kept."""
        self._changed.clear()
        async with self._pool.acquire() as connection:
            await self._write(connection)
            known = await store.read_known(connection, self._watches.values(), await database_clock(connection))
        self._known = {endpoint: one.health for endpoint, one in known.items()}

    async def _write(self, connection: Connection) -> None:
        waiting, self._waiting = self._waiting, {}
        try:
            for endpoint in list(waiting):
                await store.record(connection, self._watches[endpoint], waiting[endpoint])
                del waiting[endpoint]
        finally:
            for endpoint, newer in self._waiting.items():
                for sample in newer:
                    _add(waiting.setdefault(endpoint, []), sample)
            self._waiting = waiting

    async def look(self) -> None:
        """Flush. An error of the database does not stop the worker; it is logged once."""
        try:
            await self.flush()
        except Exception as error:  # noqa: BLE001 - runs go on, and the flush is tried again
            if not self._is_failing:
                log.warning("health samples not written yet", reason=str(error) or type(error).__name__)
            self._is_failing = True
        else:
            self._is_failing = False


def _add(waiting: list[Sample], sample: Sample) -> None:
    """Add a sample. If it shows the same as the one before, the two become one."""
    last = waiting[-1] if waiting else None
    if last is not None and last.finding is sample.finding:
        resets = [one.resets_at for one in (last, sample) if one.resets_at is not None]
        waiting[-1] = replace(
            sample,
            at=max(last.at, sample.at),
            contacts=last.contacts + sample.contacts,
            org_id=sample.org_id if sample.org_id == last.org_id else None,
            resets_at=max(resets, default=None),
            rest=sample.rest or last.rest,
        )
    else:
        waiting.append(sample)
        del waiting[:-MOST_WAITING]
