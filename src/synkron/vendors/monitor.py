"""Measures the health of the vendors' endpoints. Each round checks all of them and probes those that are due."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from synkron.errors import Advice, NotFound, Refused
from synkron.postgres.connection import Connection
from synkron.runtime import log
from synkron.settings.integrations.naming import section_of
from synkron.shortage import Shortage
from synkron.vendors import store
from synkron.vendors.health import Health, Sample, Watch
from synkron.vendors.probe_times import next_month, next_probe, probe_blocks
from synkron.vendors.store import EndpointState
from synkron.vendors.watches import Watches


class Probes(Protocol):
    """Sends probes (``probe.Prober``)."""

    async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
        """Send one probe. Every result becomes a sample. Raises only cancellation and Shortage."""


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe that was sent by hand: what it showed, and the health after it."""

    watch: Watch
    sample: Sample
    health: Health


async def watch_health(connection: Connection, watches: Watches, prober: Probes, at: datetime) -> datetime | None:
    """One round at the moment ``at`` of the database's clock. Returns when the next probe is due, None for never.

    Any number of monitors may run at the same time; only one of them probes an endpoint.

    1. Create the rows of the settings' endpoints that are missing.
    2. Find those whose probe is due.
    3. Claim them, one by one. A claim also counts against the allowance and forbids the next probe for 15 minutes.
    4. Send the claimed probes at the same time, with no transaction open. A probe that can't be sent because of a
       shortage on this host shows nothing about its vendor.
    5. Judge the result of each and record it.
    6. Find out when the next probe is due.
    """
    await store.keep(connection, watches.watches, at)
    await store.drop_unwatched(connection, watches.watches, at)
    known = await store.read_known(connection, watches.watches, at)
    due = [watch for watch in watches.watches if (due_at := _due_at(known, watch, at)) is not None and due_at <= at]
    won = [(watch, health) for watch in due if (health := await store.claim(connection, watch, at)) is not None]
    samples = await asyncio.gather(*(_sample(prober, watch, health, at) for watch, health in won))
    for (watch, before), sample in zip(won, samples, strict=True):
        if sample is not None:
            now = await store.record(connection, watch, [sample])
            # Everything else is in the table.
            if now.verdict is not before.verdict:
                log.info("health changed", endpoint=now.endpoint, verdict=now.verdict.value, reason=now.reason)
    after = await store.read_known(connection, watches.watches, at) if won else known
    return min((moment for watch in watches.watches if (moment := _due_at(after, watch, at))), default=None)


async def probe_now(
    connection: Connection, watches: Watches, prober: Probes, integration_type: str, at: datetime
) -> Probed:
    """Probe the vendor of a type even if no probe is due. Raises NotFound, and Refused with the time when it may."""
    watch = probed_watch(watches.watches, integration_type)
    await store.keep(connection, [watch], at)
    health = await store.claim(connection, watch, at, only_when_due=False)
    if health is None:
        known = (await store.read_known(connection, [watch], at))[watch.endpoint]
        raise refusal(known, watch, at)
    try:
        sample = await prober.probe(watch, health, at)
    except Shortage as short:
        raise Refused(
            f"The probe of {watch.endpoint} was not sent: {short}. Correct that, and probe again later."
        ) from None
    return Probed(watch, sample, await store.record(connection, watch, [sample]))


def probed_watch(watches: Sequence[Watch], integration_type: str) -> Watch:
    """How the type is probed. Raises NotFound for one that is not watched, and Refused for one without probes."""
    watch = next((one for one in watches if integration_type in one.integration_types), None)
    if watch is None:
        names = ", ".join(sorted(name for one in watches for name in one.integration_types)) or "none"
        raise NotFound(
            f"The vendor of the type {integration_type} is not watched. A type is watched if it has a target or a "
            f"section types.NAME.health in the settings: {names}."
        )
    if not watch.probes:
        raise Refused(
            f"The vendor of {integration_type} is not probed: only runs show its health. To probe it, set "
            f'{section_of(integration_type)}.health.url and do not set mode = "passive".'
        )
    return watch


def refusal(known: EndpointState, watch: Watch, at: datetime) -> Refused:
    """Why no probe may go at that moment, and when one may."""
    found = probe_blocks(known.health, watch, known.counted, at)
    if not found:
        return Refused(f"Another process has just probed {watch.endpoint}.", Advice.SEE_HEALTH)
    last = max(found, key=lambda one: one.until)
    reasons = "; ".join(one.reason for one in found)
    when = f"It can be probed from {last.until:%Y-%m-%d %H:%M:%S} UTC."
    return Refused(f"{watch.endpoint} can't be probed now: {reasons}. {when}")


def spending_warning(watch: Watch, at: datetime) -> str | None:
    """A warning if probes at this interval would exceed their share of the vendor's allowance; else None."""
    if watch.most_probes is None:
        return None
    longest = timedelta(days=31)
    wanted = int(longest / watch.interval)
    if wanted <= watch.most_probes:
        return None
    fitting = longest / max(watch.most_probes, 1)
    name = watch.integration_types[0]
    return (
        f"at this interval, a month has up to {wanted} probes, but the allowance for probes is {watch.most_probes}: "
        f"once it is spent, no probe is sent before {next_month(at):%Y-%m-%d}. Set {section_of(name)}.health.interval "
        f"to {int(fitting / timedelta(minutes=1)) + 1}m or more."
    )


def _due_at(known: Mapping[str, EndpointState], watch: Watch, at: datetime) -> datetime | None:
    """When the next probe of the endpoint is due; None for never, or if another host has just dropped the row."""
    one = known.get(watch.endpoint)
    return None if one is None else next_probe(one.health, watch, one.counted, at)


async def _sample(prober: Probes, watch: Watch, health: Health, at: datetime) -> Sample | None:
    """What the probe shows; None if it could not be sent."""
    try:
        return await prober.probe(watch, health, at)
    except Shortage as short:
        log.warning("probe not sent", endpoint=watch.endpoint, reason=str(short))
        return None
