"""Bufdir's simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession

from tests.vendors.simulators.bufdir import Bufdir, bufdir
from tests.vendors.simulators.clock import SteppedClock
from tests.vendors.simulators.serving import SimulatedFault


@pytest.fixture
async def vendor(clock: SteppedClock) -> AsyncIterator[Bufdir]:
    async with bufdir(clock=clock, latency=0) as listening:
        yield listening


async def test_the_portal_is_a_page(vendor: Bufdir, client: ClientSession) -> None:
    async with client.get(vendor.portal_url) as response:
        assert (response.status, response.content_type, response.charset) == (200, "text/html", "utf-8")
        assert "ID-porten" in await response.text()
    async with client.head(vendor.portal_url) as response:
        assert (response.status, await response.read()) == (200, b"")
    assert vendor.requests == {"GET /": 1, "HEAD /": 1}


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "", 405), ("GET", "api/grants", 404)])
async def test_there_is_no_api(method: str, path: str, status: int, vendor: Bufdir, client: ClientSession) -> None:
    async with client.request(method, vendor.portal_url + path) as response:
        assert response.status == status
    assert [(one.authorized, one.answered) for one in vendor.received] == [(False, status)]


async def test_it_is_slow(vendor: Bufdir, client: ClientSession) -> None:
    vendor.latency = 60
    waiting = asyncio.create_task(client.head(vendor.portal_url))
    await vendor.until_received(1)
    vendor.latency = 0
    async with client.head(vendor.portal_url):
        assert [one.answered for one in vendor.received] == [None, 200]
    waiting.cancel()


async def test_a_season_of_maintenance(vendor: Bufdir, clock: SteppedClock, client: ClientSession) -> None:
    vendor.outages = [(datetime(2026, 6, 10, tzinfo=UTC), datetime(2026, 6, 12, tzinfo=UTC), SimulatedFault.DOWN)]
    closed = []
    for _ in range(30):
        async with client.get(vendor.portal_url) as response:
            if response.status == 503:
                closed.append(clock.now.day)
                assert response.content_type == "text/html"
                assert "vedlikehold" in await response.text()
        clock.step(days=1)
    assert closed == [10, 11]
