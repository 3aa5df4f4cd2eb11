"""Each vendor's way of saying "too much", and what follows: no probe, runs alone tell, and one trial at the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from synkron.model import Outcome, OutcomeKind
from synkron.settings.load import Settings
from synkron.vendors import store
from synkron.vendors.health import Health, Verdict, sample_of_run
from synkron.vendors.monitor import watch_health
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import Watches, read_watches
from tests.conftest import Connection
from tests.delivery.targets.far_side import answering, far_side
from tests.vendors.simulators.business_central import BusinessCentral
from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.dataverse import Dataverse
from tests.vendors.simulators.serving import SimulatedFault, Simulator
from tests.vendors.simulators.watched import watched
from tests.vendors.simulators.xledger import Xledger

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 502, "HTTP 502")
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)


def _credits(vendor: Simulator) -> None:
    assert isinstance(vendor, Xledger)
    vendor.credits_reset_at = NOON + 3 * HOUR


def _silent_credits(vendor: Simulator) -> None:
    _credits(vendor)
    assert isinstance(vendor, Xledger)
    vendor.tells_reset = False


def _burst(vendor: Simulator) -> None:
    assert isinstance(vendor, Xledger)
    vendor.burst_limited = True


def _central(vendor: Simulator) -> None:
    assert isinstance(vendor, BusinessCentral)
    vendor.throttled = True


def _verse(vendor: Simulator) -> None:
    assert isinstance(vendor, Dataverse)
    vendor.throttle(2 * HOUR)


# requirement R18.5
@pytest.mark.parametrize(
    ("name", "throttle", "rests", "told"),
    [
        # Inside a 200, with a reset; without one, 20 minutes; and for a burst, 5 seconds.
        ("xledger", _credits, 3 * HOUR, "INSUFFICIENT_CREDITS"),
        ("xledger", _silent_credits, 20 * MINUTE, "INSUFFICIENT_CREDITS"),
        ("xledger", _burst, timedelta(seconds=5), "BURST_RATE_LIMIT_REACHED"),
        # A 429 that does not say for how long, and one that does.
        ("business_central", _central, HOUR, "HTTP 429"),
        ("dataverse", _verse, 2 * HOUR, "HTTP 429"),
    ],
)
async def test_a_vendor_that_has_had_enough(
    connection: Connection, name: str, throttle: Callable[[Simulator], None], rests: timedelta, told: str
) -> None:
    clock = SteppedClock()
    async with watched(name, clock) as there, open_prober(there.watches.requests) as prober:
        [watch] = there.watches.watches
        throttle(there.vendor)
        await watch_health(connection, there.watches, prober, clock.now)
        known = await _known(connection, there.watches, clock.now)
        assert (known.verdict, known.known_by, told in known.reason) == (Verdict.THROTTLED, "probe", True)
        assert known.passive_until is not None
        assert rests <= known.passive_until - NOON < rests + timedelta(seconds=2)
        # No probe goes while it rests; only a failed run turns the verdict, and a good one is the recovery.
        sent = len(there.vendor.received)
        for part, outcome in ((0.2, BROKEN), (0.5, DONE), (0.9, BROKEN)):
            clock.now = NOON + rests * part
            await store.record(connection, watch, [sample_of_run(outcome, MINUTE, clock.now)])
            await watch_health(connection, there.watches, prober, clock.now)
            known = await _known(connection, there.watches, clock.now)
            assert known.verdict is (Verdict.HEALTHY if outcome is DONE else Verdict.UNREACHABLE)
            assert known.known_by == "passive"
        assert len(there.vendor.received) == sent
        # One trial at the end, though never within 15 minutes of the last probe.
        _recovered(there.vendor)
        assert known.passive_until is not None
        clock.now = max(known.passive_until, NOON + 15 * MINUTE + SECOND)
        await watch_health(connection, there.watches, prober, clock.now)
        known = await _known(connection, there.watches, clock.now)
        assert (known.verdict, known.known_by) == (Verdict.HEALTHY, "probe")


async def test_bufdir_names_no_limit_and_is_believed_when_it_does(connection: Connection) -> None:
    async with far_side(answering(429, Retry_After="3600")) as there:
        watches = read_watches(Settings(types={"bufdir": {"health": {"url": f"{there.url}/"}}}), {})
        async with open_prober(watches.requests) as prober:
            for minutes in range(0, 60, 16):
                await watch_health(connection, watches, prober, NOON + MINUTE * minutes)
            assert len(there.requests) == 1
            there.answer = _fine
            await watch_health(connection, watches, prober, NOON + 61 * MINUTE)
        assert (await _known(connection, watches, NOON)).verdict is Verdict.HEALTHY
        assert len(there.requests) == 2


@pytest.mark.parametrize("name", ["business_central", "dataverse"])
async def test_a_token_serves_for_an_hour(connection: Connection, name: str) -> None:
    clock = SteppedClock()
    async with watched(name, clock) as there, open_prober(there.watches.requests) as prober:
        assert isinstance(there.vendor, BusinessCentral | Dataverse)
        for _ in range(12):
            await watch_health(connection, there.watches, prober, clock.now)
            assert (await _known(connection, there.watches, clock.now)).verdict is Verdict.HEALTHY
            clock.step(minutes=16)
        assert there.vendor.tokens_issued == 3
        # A token that the vendor refuses early is not used again.
        there.vendor.revoke_tokens()
        await watch_health(connection, there.watches, prober, clock.now)
        known = await _known(connection, there.watches, clock.now)
        if there.vendor.tokens_issued == 3:
            assert known.verdict is Verdict.UNAUTHORIZED
            assert known.next_probe_at is not None
            clock.now = known.next_probe_at
            await watch_health(connection, there.watches, prober, clock.now)
            known = await _known(connection, there.watches, clock.now)
        assert known.verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (SimulatedFault.DOWN, "unreachable"),
        (SimulatedFault.GARBAGE, "unreachable"),
        (SimulatedFault.CLOSED, "unreachable"),
        (SimulatedFault.HUGE, "unreachable"),
    ],
)
async def test_a_token_endpoint_that_does_not_serve(
    connection: Connection, fault: SimulatedFault, verdict: str
) -> None:
    clock = SteppedClock()
    async with watched("dataverse", clock) as there, open_prober(there.watches.requests) as prober:
        assert isinstance(there.vendor, Dataverse)
        there.vendor.token_fault = fault
        await watch_health(connection, there.watches, prober, clock.now)
        known = await _known(connection, there.watches, clock.now)
        assert (known.verdict.value, "token endpoint" in known.reason) == (verdict, True)


@pytest.mark.parametrize("name", ["business_central", "dataverse"])
async def test_a_client_secret_that_was_changed(connection: Connection, name: str) -> None:
    clock = SteppedClock()
    async with watched(name, clock) as there, open_prober(there.watches.requests) as prober:
        assert isinstance(there.vendor, BusinessCentral | Dataverse)
        old, there.vendor.client_secret = there.vendor.client_secret, "another"
        await watch_health(connection, there.watches, prober, clock.now)
        known = await _known(connection, there.watches, clock.now)
        assert (known.verdict, "token endpoint" in known.reason) == (Verdict.UNAUTHORIZED, True)
        assert old not in known.reason


async def test_an_api_token_that_was_changed(connection: Connection) -> None:
    clock = SteppedClock()
    async with watched("xledger", clock) as there, open_prober(there.watches.requests) as prober:
        assert isinstance(there.vendor, Xledger)
        there.vendor.token = "another"
        await watch_health(connection, there.watches, prober, clock.now)
        assert (await _known(connection, there.watches, clock.now)).verdict is Verdict.UNAUTHORIZED


def _recovered(vendor: Simulator) -> None:
    match vendor:
        case Xledger():
            vendor.burst_limited, vendor.credits_reset_at = False, None
        case BusinessCentral():
            vendor.throttled = False
        case _:
            pass


async def _fine(request: web.Request) -> web.Response:
    del request
    return web.Response()


async def _known(connection: Connection, watches: Watches, at: datetime) -> Health:
    [known] = (await store.read_known(connection, watches.watches, at)).values()
    return known.health
