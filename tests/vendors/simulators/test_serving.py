"""Every simulated vendor fails in every way, keeps to its clock, and remembers what came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import ClientConnectionError, ClientError, ClientSession, TooManyRedirects

from tests.vendors.simulators.bufdir import bufdir
from tests.vendors.simulators.business_central import business_central
from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.dataverse import dataverse
from tests.vendors.simulators.edge_function import edge_function
from tests.vendors.simulators.serving import Received, SimulatedFault, Simulator, instant
from tests.vendors.simulators.xledger import xledger

VENDORS: dict[str, Callable[[SteppedClock], AbstractAsyncContextManager[Simulator]]] = {
    "xledger": lambda clock: xledger(clock=clock),
    "business_central": lambda clock: business_central(clock=clock),
    "dataverse": lambda clock: dataverse(clock=clock),
    "bufdir": lambda clock: bufdir(clock=clock, latency=0),
    "edge_function": lambda clock: edge_function(clock=clock, cold_start=0),
}
# What each answers to a stranger who asks for its front page.
AS_USUAL = {"xledger": 200, "business_central": 404, "dataverse": 404, "bufdir": 200, "edge_function": 404}
MIB = 1024 * 1024


@pytest.fixture(params=VENDORS)
async def vendor(request: pytest.FixtureRequest, clock: SteppedClock) -> AsyncIterator[Simulator]:
    async with VENDORS[request.param](clock) as listening:
        listening.slowness = 0
        yield listening


@pytest.fixture
def usual(request: pytest.FixtureRequest) -> int:
    return AS_USUAL[request.node.callspec.params["vendor"]]


def answered(vendor: Simulator) -> list[int | None]:
    return [one.answered for one in vendor.received]


@pytest.mark.parametrize(("fault", "status"), [(SimulatedFault.DOWN, 503), (SimulatedFault.ERROR, 500)])
async def test_a_status_that_says_what_is_wrong(
    fault: SimulatedFault, status: int, vendor: Simulator, client: ClientSession, usual: int
) -> None:
    vendor.fault = fault
    async with client.get(vendor.base_url) as response:
        assert response.status == status
    vendor.fault = SimulatedFault.NONE
    async with client.get(vendor.base_url) as response:
        assert response.status == usual
    assert answered(vendor) == [status, usual]


async def test_a_slow_answer_is_the_usual_one(vendor: Simulator, client: ClientSession, usual: int) -> None:
    vendor.fault = SimulatedFault.SLOW
    async with client.get(vendor.base_url) as response:
        assert response.status == usual
    vendor.slowness = 60
    await leave_waiting(vendor, client)
    assert answered(vendor) == [usual, None, usual]


async def test_a_silent_vendor_never_answers(vendor: Simulator, client: ClientSession, usual: int) -> None:
    vendor.fault = SimulatedFault.SILENT
    await leave_waiting(vendor, client)
    assert answered(vendor) == [None, usual]


async def leave_waiting(vendor: Simulator, client: ClientSession) -> None:
    """See a request wait, while one that comes after the fault is answered."""
    waiting = asyncio.create_task(client.get(vendor.base_url))
    await vendor.until_received(len(vendor.received) + 1)
    vendor.fault = SimulatedFault.NONE
    async with client.get(vendor.base_url):
        assert not waiting.done()
    waiting.cancel()


async def test_who_waits_for_a_silent_vendor_is_let_go_when_it_stops(
    clock: SteppedClock, client: ClientSession
) -> None:
    async with bufdir(clock=clock) as vendor:
        vendor.fault = SimulatedFault.SILENT
        waiting = asyncio.create_task(client.get(vendor.portal_url))
        await vendor.until_received(1)
    with pytest.raises(ClientConnectionError):
        await waiting
    assert vendor.received == [Received(NOON, "GET", "/", authorized=False, answered=None)]


async def test_a_connection_that_is_closed_without_an_answer(vendor: Simulator, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.CLOSED
    with pytest.raises(ClientConnectionError):
        await client.post(vendor.base_url, data=b"{}")
    assert answered(vendor) == [None]


async def test_bytes_that_nobody_can_read(vendor: Simulator, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.GARBAGE
    async with client.get(vendor.base_url) as response:
        assert response.status == 200
        content = await response.read()
    with pytest.raises(UnicodeDecodeError):
        content.decode()


async def test_a_redirect_that_leads_to_itself(vendor: Simulator, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.REDIRECT_LOOP
    async with client.get(f"{vendor.base_url}/?a=b", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (307, "/?a=b")
    with pytest.raises(TooManyRedirects):
        await client.get(vendor.base_url)


async def test_a_body_without_end(clock: SteppedClock, client: ClientSession) -> None:
    async with bufdir(clock=clock) as vendor:
        vendor.fault = SimulatedFault.HUGE
        async with client.get(vendor.portal_url) as response:
            read = 0
            async for chunk in response.content.iter_any():
                read += len(chunk)
        async with client.head(vendor.portal_url) as response:
            assert (response.status, await response.read()) == (200, b"")
    assert read > 200 * MIB


async def test_a_body_that_nobody_reads_to_its_end(vendor: Simulator, client: ClientSession, usual: int) -> None:
    vendor.fault = SimulatedFault.HUGE
    async with client.get(vendor.base_url) as response:
        assert len(await response.content.readexactly(MIB)) == MIB
        response.close()
    vendor.fault = SimulatedFault.NONE
    async with client.get(vendor.base_url) as response:
        assert response.status == usual
    assert answered(vendor) == [200, usual]


async def test_a_vendor_stops_while_a_client_leaves_a_body_unread(clock: SteppedClock, client: ClientSession) -> None:
    async with bufdir(clock=clock) as vendor:
        vendor.fault = SimulatedFault.HUGE
        response = await client.get(vendor.portal_url)
    with pytest.raises(ClientError):
        await response.read()


async def test_outages_begin_and_end_by_the_clock(
    vendor: Simulator, clock: SteppedClock, client: ClientSession, usual: int
) -> None:
    hour = timedelta(hours=1)
    vendor.outages = [
        (NOON + hour, NOON + 2 * hour, SimulatedFault.DOWN),
        (NOON + 3 * hour, NOON + 4 * hour, SimulatedFault.ERROR),
    ]
    statuses = []
    for _ in range(10):
        async with client.get(vendor.base_url) as response:
            statuses.append(response.status)
        clock.step(minutes=30)
    assert statuses == [usual, usual, 503, 503, usual, usual, 500, 500, usual, usual]
    assert [one.at for one in vendor.received] == [NOON + count * hour / 2 for count in range(10)]


async def test_a_fault_goes_before_the_outages(vendor: Simulator, client: ClientSession) -> None:
    vendor.outages = [(NOON, NOON + timedelta(hours=1), SimulatedFault.DOWN)]
    vendor.fault = SimulatedFault.ERROR
    async with client.get(vendor.base_url) as response:
        assert response.status == 500


async def test_every_answer_has_the_clocks_date(vendor: Simulator, clock: SteppedClock, client: ClientSession) -> None:
    for fault in (SimulatedFault.NONE, SimulatedFault.DOWN, SimulatedFault.GARBAGE):
        vendor.fault = fault
        clock.step(days=1, microseconds=999_999)
        async with client.get(vendor.base_url) as response:
            assert parsedate_to_datetime(response.headers["Date"]) == clock.now.replace(microsecond=0)


async def test_what_came_is_counted(vendor: Simulator, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.DOWN
    async with client.head(vendor.base_url), client.get(vendor.base_url), client.get(f"{vendor.base_url}/?page=2"):
        pass
    assert vendor.requests == {"HEAD /": 1, "GET /": 2}
    assert vendor.base_url.startswith("http://127.0.0.1:")


async def test_a_record_that_was_cleared_away_does_not_come_back(clock: SteppedClock, client: ClientSession) -> None:
    async with bufdir(clock=clock, latency=0) as vendor:
        vendor.hold()
        held = asyncio.create_task(client.get(vendor.portal_url))
        await vendor.until_received(1)
        vendor.received.clear()
        vendor.release()
        async with await held as response:
            assert response.status == 200
        assert vendor.received == []


def test_an_instant_is_written_in_utc() -> None:
    assert instant(NOON) == instant(NOON.astimezone()) == "2026-06-01T12:00:00.000000Z"
