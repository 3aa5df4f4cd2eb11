"""The Edge Function's simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import ClientSession
from standardwebhooks import Webhook

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.request import body
from synkron.model import OutcomeKind
from synkron.settings.load import Settings
from tests.delivery.targets.far_side import RUN, SIGNING, terms
from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.edge_function import EdgeFunction, edge_function
from tests.vendors.simulators.serving import SimulatedFault

WARM_UP = {"Synkron-Warm-Up": "1"}
IDLE = timedelta(minutes=1)


@pytest.fixture
async def vendor(clock: SteppedClock) -> AsyncIterator[EdgeFunction]:
    async with edge_function(clock=clock, cold_start=0, idle=IDLE) as listening:
        yield listening


@pytest.fixture
async def strict_vendor(clock: SteppedClock) -> AsyncIterator[EdgeFunction]:
    """It wants a signature."""
    async with edge_function(clock=clock, cold_start=0, secret=SIGNING) as listening:
        yield listening


def signed(key: str = RUN.key, at: datetime = NOON) -> dict[str, str]:
    return {
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SIGNING).sign(key, at, body(RUN).decode()),
    }


async def deliver(vendor: EdgeFunction, client: ClientSession, key: str = "run-1") -> str:
    """Deliver a run, and say when the isolate booted."""
    async with client.post(vendor.sync_url, json={}, headers={"Idempotency-Key": key}) as response:
        assert response.status == 200
        return response.headers["Synkron-Booted-At"]


async def test_what_synkron_sends_is_accepted_and_remembered(strict_vendor: EdgeFunction, clock: SteppedClock) -> None:
    vendor = strict_vendor
    settings = Settings(types={"xledger": {"target": vendor.sync_url, "secret": "env:SECRET"}})
    async with open_targets(settings, {"SECRET": SIGNING}) as targets:
        for run in (RUN, replace(RUN, key="run-2"), replace(RUN, attempt=2)):
            assert (await targets["xledger"].call(run, terms(at=clock.now))).kind is OutcomeKind.SUCCEEDED
    assert vendor.runs == [RUN.key, "run-2", RUN.key]
    assert vendor.repeats == {RUN.key: 1}
    assert [one.authorized for one in vendor.received] == [True] * 3


async def test_a_run_that_comes_again_is_told_so(vendor: EdgeFunction, client: ClientSession) -> None:
    answers = []
    for _ in range(2):
        async with client.post(vendor.sync_url, json={}, headers={"Idempotency-Key": "run-1"}) as response:
            answers.append(await response.json())
    assert answers == [{"repeated": False}, {"repeated": True}]


@pytest.mark.parametrize(
    ("without", "content", "status", "error"),
    [
        ("Idempotency-Key", body(RUN), 400, "the header Idempotency-Key is missing"),
        ("webhook-id", body(RUN), 401, "the signature is missing or wrong"),
        ("webhook-signature", body(RUN), 401, "the signature is missing or wrong"),
        ("webhook-timestamp", body(RUN), 401, "the signature is missing or wrong"),
        (None, b"{}", 401, "the signature is missing or wrong"),
        (None, b"\xff", 401, "the signature is missing or wrong"),
    ],
)
async def test_a_request_that_is_refused(
    without: str | None, content: bytes, status: int, error: str, strict_vendor: EdgeFunction, client: ClientSession
) -> None:
    headers = {name: value for name, value in signed().items() if name != without}
    async with client.post(strict_vendor.sync_url, data=content, headers=headers) as response:
        assert (response.status, await response.json()) == (status, {"error": error})
        assert "Synkron-Booted-At" in response.headers
    assert strict_vendor.runs == []


@pytest.mark.parametrize("content", [b"", b"run 4711, please", b"[4711]", b"\xff"])
async def test_a_body_that_is_no_run(content: bytes, vendor: EdgeFunction, client: ClientSession) -> None:
    async with client.post(vendor.sync_url, data=content, headers={"Idempotency-Key": "run-1"}) as response:
        assert (response.status, await response.json()) == (400, {"error": "the body is not a run"})


@pytest.mark.parametrize("signature", ["", "v1,", "v1,AAAA", "nonsense", "v1,æøå", "v2,AAAA v1"])
async def test_a_wrong_signature(signature: str, strict_vendor: EdgeFunction, client: ClientSession) -> None:
    headers = signed() | {"webhook-signature": signature}
    async with client.post(strict_vendor.sync_url, data=body(RUN), headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("late", "status"),
    [(timedelta(minutes=-6), 401), (timedelta(minutes=-5), 200), (timedelta(minutes=5), 200), (timedelta(days=1), 401)],
)
async def test_a_signature_holds_for_five_minutes_of_the_clock(
    late: timedelta, status: int, strict_vendor: EdgeFunction, clock: SteppedClock, client: ClientSession
) -> None:
    clock.now += late
    async with client.post(strict_vendor.sync_url, data=body(RUN), headers=signed()) as response:
        assert response.status == status


@pytest.mark.parametrize(
    ("method", "headers", "status", "warm_ups"),
    [
        ("GET", WARM_UP, 204, 1),
        ("GET", {}, 405, 0),
        ("GET", {"Synkron-Warm-Up": "0"}, 405, 0),
        ("HEAD", WARM_UP, 405, 0),
        ("PUT", {}, 405, 0),
    ],
)
async def test_a_warm_up_is_not_a_run(
    method: str, headers: dict[str, str], status: int, warm_ups: int, vendor: EdgeFunction, client: ClientSession
) -> None:
    async with client.request(method, vendor.sync_url, headers=headers) as response:
        assert (response.status, response.headers.get("Allow")) == (status, "POST" if status == 405 else None)
        assert response.headers["Synkron-Booted-At"] == "2026-06-01T12:00:00.000000Z"
    assert (vendor.warm_ups, vendor.boots, vendor.runs) == (warm_ups, 1, [])


async def test_an_idle_isolate_is_retired(vendor: EdgeFunction, clock: SteppedClock, client: ClientSession) -> None:
    booted = []
    for seconds in (0, 59.5, 59.5, 60, 1):
        clock.step(seconds=seconds)
        booted.append(await deliver(vendor, client))
    assert booted == ["2026-06-01T12:00:00.000000Z"] * 3 + ["2026-06-01T12:02:59.000000Z"] * 2
    assert vendor.boots == 2


async def test_a_warm_up_spares_the_run_the_boot(
    vendor: EdgeFunction, clock: SteppedClock, client: ClientSession
) -> None:
    async with client.get(vendor.sync_url, headers=WARM_UP) as response:
        assert response.status == 204
    vendor.cold_start = 60
    clock.step(seconds=30)
    assert await deliver(vendor, client) == "2026-06-01T12:00:00.000000Z"


async def test_a_cold_call_waits_for_the_boot(vendor: EdgeFunction, client: ClientSession) -> None:
    vendor.cold_start = 60
    waiting = asyncio.create_task(client.get(vendor.sync_url, headers=WARM_UP))
    await vendor.until_received(1)
    assert (vendor.boots, vendor.booted_at, vendor.warm_ups) == (1, None, 0)
    waiting.cancel()


async def test_calls_that_come_while_it_boots_wait_for_the_same_boot(
    vendor: EdgeFunction, client: ClientSession
) -> None:
    vendor.cold_start = 0.02
    await asyncio.gather(*(deliver(vendor, client, f"run-{number}") for number in range(5)))
    assert (vendor.boots, len(vendor.runs)) == (1, 5)


async def test_an_isolate_at_work_is_not_idle(vendor: EdgeFunction, clock: SteppedClock, client: ClientSession) -> None:
    await deliver(vendor, client)
    vendor.hold()
    at_work = asyncio.create_task(deliver(vendor, client))
    await vendor.until_received(2)
    clock.step(hours=1)
    async with client.get(vendor.sync_url, headers=WARM_UP) as response:
        assert response.headers["Synkron-Booted-At"] == "2026-06-01T12:00:00.000000Z"
    vendor.release()
    await at_work
    assert vendor.boots == 1


async def test_it_is_retired_on_demand(vendor: EdgeFunction, client: ClientSession) -> None:
    await deliver(vendor, client)
    vendor.retire()
    await deliver(vendor, client)
    assert vendor.boots == 2


async def test_it_may_leave_out_when_it_booted(clock: SteppedClock, client: ClientSession) -> None:
    async with (
        edge_function(clock=clock, cold_start=0, reports_boot=False) as vendor,
        client.get(vendor.sync_url, headers=WARM_UP) as response,
    ):
        assert (response.status, "Synkron-Booted-At" in response.headers) == (204, False)


async def test_the_date_and_the_boot_are_of_one_clock(
    vendor: EdgeFunction, clock: SteppedClock, client: ClientSession
) -> None:
    clock.step(days=30, milliseconds=250)
    async with client.get(vendor.sync_url, headers=WARM_UP) as response:
        booted_at = datetime.fromisoformat(response.headers["Synkron-Booted-At"])
        assert booted_at - parsedate_to_datetime(response.headers["Date"]) == timedelta(milliseconds=250)


async def test_what_fails_before_the_function_boots_nothing(vendor: EdgeFunction, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.DOWN
    async with client.get(vendor.sync_url, headers=WARM_UP) as response:
        assert (response.status, "Synkron-Booted-At" in response.headers) == (503, False)
    assert vendor.boots == 0
