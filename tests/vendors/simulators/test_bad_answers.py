"""Whatever a vendor answers is bounded, judged and written down, and the monitor goes on."""

from __future__ import annotations

import asyncio
import tracemalloc
from datetime import timedelta

import pytest

from synkron.settings.load import Settings
from synkron.vendors import store
from synkron.vendors.health import Verdict
from synkron.vendors.monitor import watch_health
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import Watches, read_watches
from tests.conftest import Connection
from tests.vendors.simulators.clock import SteppedClock
from tests.vendors.simulators.serving import SimulatedFault
from tests.vendors.simulators.watched import NAMES, watched

PATIENCE = 20.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fault", "verdict", "told"),
    [
        (SimulatedFault.DOWN, "unreachable", "HTTP 503"),
        (SimulatedFault.ERROR, "unreachable", "HTTP 500"),
        (SimulatedFault.SILENT, "unreachable", "no answer from 127.0.0.1"),
        (SimulatedFault.CLOSED, "unreachable", "closed the connection"),
        (SimulatedFault.GARBAGE, "degraded", "not JSON"),
        (SimulatedFault.HUGE, "degraded", "longer than 64 KiB"),
        (SimulatedFault.REDIRECT_LOOP, "degraded", "redirects are not followed"),
    ],
)
async def test_a_bad_answer(connection: Connection, name: str, fault: SimulatedFault, verdict: str, told: str) -> None:
    clock = SteppedClock()
    async with watched(name, clock) as there, open_prober(there.watches.requests) as prober:
        # Without credentials, the status says it all: any answer below 500 means that it is there.
        if name == "bufdir" and verdict == "degraded":
            verdict, told = "healthy", "HTTP"
        there.vendor.fault = fault
        tracemalloc.start()
        async with asyncio.timeout(PATIENCE):
            await watch_health(connection, there.watches, prober, clock.now)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        [known] = (await store.read_known(connection, there.watches.watches, clock.now)).values()
        assert (known.health.verdict.value, told in known.health.reason) == (verdict, True), known.health.reason
        assert await connection.fetchval("select count(*) from synkron.samples") == 1
        assert most < 32 * 1024 * 1024
        # It goes on, and sees the vendor well again.
        there.vendor.fault = SimulatedFault.NONE
        assert known.health.next_probe_at is not None
        clock.now = known.health.next_probe_at
        await watch_health(connection, there.watches, prober, clock.now)
        [known] = (await store.read_known(connection, there.watches.watches, clock.now)).values()
        assert known.health.verdict is Verdict.HEALTHY


async def test_a_vendor_that_is_slow(connection: Connection) -> None:
    clock = SteppedClock()
    async with watched("xledger", clock) as there:
        there.vendor.fault, there.vendor.slowness = SimulatedFault.SLOW, 0.05
        url, headers = f"{there.vendor.base_url}/", {"slow_after": "20ms", "url": f"{there.vendor.base_url}/"}
        watches: Watches = read_watches(Settings(types={"xledger": {"health": headers}}), {})
        async with open_prober(watches.requests) as prober:
            await watch_health(connection, watches, prober, clock.now)
        [known] = (await store.read_known(connection, watches.watches, clock.now)).values()
        assert (known.health.endpoint, known.health.verdict) == (url, Verdict.DEGRADED)
        latency: timedelta = await connection.fetchval("select latency from synkron.samples")
        assert latency >= timedelta(milliseconds=50)


async def test_one_bad_vendor_costs_the_others_nothing(connection: Connection) -> None:
    """Probes go together: the answers that come are written down, beside that of the vendor that never answers."""
    clock = SteppedClock()
    async with watched("bufdir", clock) as silent, watched("xledger", clock) as well:
        silent.vendor.fault = SimulatedFault.SILENT
        together = Watches(
            (*silent.watches.watches, *well.watches.watches), {**silent.watches.requests, **well.watches.requests}
        )
        async with open_prober(together.requests) as prober, asyncio.timeout(PATIENCE):
            await watch_health(connection, together, prober, clock.now)
        known = (await store.read_known(connection, together.watches, clock.now)).values()
        assert sorted(one.health.verdict.value for one in known) == ["healthy", "unreachable"]
