"""Xledger's simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.serving import SimulatedFault
from tests.vendors.simulators.xledger import Xledger, xledger

PING = {"query": "query { __typename }"}
DATA = {"data": {"__typename": "Query"}}


@pytest.fixture
async def vendor(clock: SteppedClock) -> AsyncIterator[Xledger]:
    async with xledger(clock=clock, allowance=3, burst=2) as listening:
        yield listening


async def ask(vendor: Xledger, client: ClientSession, body: Any = PING) -> tuple[int, Any]:
    headers = {"Authorization": f"token {vendor.token}"}
    async with client.post(vendor.graphql_url, json=body, headers=headers) as response:
        return response.status, await response.json()


def code(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    return status, body["errors"][0]["code"]


@pytest.mark.parametrize(
    "body",
    [
        {"query": "query { __typename }", "variables": {}},
        {"query": "query { __typename }", "variables": None},
        {"query": "query Ping {\n  __typename\n}\n"},
        {"query": "{__typename}"},
    ],
)
async def test_the_cheapest_query_is_answered(body: Any, vendor: Xledger, client: ClientSession) -> None:
    assert await ask(vendor, client, body) == (200, DATA)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "query { __typename }",
        {"query": None},
        {"query": ""},
        {"query": "query { __typename"},
        {"query": "query { transactions { id } }"},
        {"query": "mutation { __typename }"},
        {"query": "query { __typename }", "variables": "none"},
    ],
)
async def test_what_is_no_query_is_refused(body: Any, vendor: Xledger, client: ClientSession) -> None:
    status, answer = await ask(vendor, client, body)
    assert (status, len(answer["errors"])) == (400, 1)
    assert vendor.requests_this_month == 1


async def test_what_is_not_json_is_refused(vendor: Xledger, client: ClientSession) -> None:
    headers = {"Authorization": f"token {vendor.token}"}
    async with client.post(vendor.graphql_url, data=b"\xff{", headers=headers) as response:
        assert response.status == 400


@pytest.mark.parametrize("header", [None, "token wrong", "Bearer {}", "Token {}", "token", "{}"])
async def test_without_the_token_nothing_is_answered_or_counted(
    header: str | None, vendor: Xledger, client: ClientSession
) -> None:
    headers = {"Authorization": header.format(vendor.token)} if header else {}
    async with client.post(vendor.graphql_url, json=PING, headers=headers) as response:
        assert response.status == 401
    assert vendor.requests_this_month == 0
    assert [one.authorized for one in vendor.received] == [False]


async def test_the_api_takes_nothing_but_post(vendor: Xledger, client: ClientSession) -> None:
    async with client.get(vendor.graphql_url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert [one.answered for one in vendor.received] == [405]


async def test_the_home_page_is_free_and_open_to_all(vendor: Xledger, client: ClientSession) -> None:
    async with client.head(vendor.home_url) as response:
        assert (response.status, await response.read()) == (200, b"")
    async with client.get(vendor.home_url) as response:
        assert (response.status, response.content_type) == (200, "text/html")
    assert vendor.requests_this_month == 0


async def test_a_burst_is_told_inside_a_200(vendor: Xledger, clock: SteppedClock, client: ClientSession) -> None:
    answers = [await ask(vendor, client) for _ in range(3)]
    assert answers[:2] == [(200, DATA)] * 2
    assert code(answers[2]) == (200, "BAD_REQUEST.BURST_RATE_LIMIT_REACHED")
    clock.step(seconds=1)
    assert await ask(vendor, client) == (200, DATA)
    assert vendor.requests_this_month == 4


async def test_a_burst_on_demand(vendor: Xledger, clock: SteppedClock, client: ClientSession) -> None:
    vendor.burst_limited = True
    for _ in range(3):
        assert code(await ask(vendor, client)) == (200, "BAD_REQUEST.BURST_RATE_LIMIT_REACHED")
        clock.step(minutes=1)
    vendor.burst_limited = False
    assert await ask(vendor, client) == (200, DATA)


async def test_credits_that_are_used_up_come_back_when_it_said(
    vendor: Xledger, clock: SteppedClock, client: ClientSession
) -> None:
    vendor.credits_reset_at = NOON + timedelta(minutes=2)
    answers = []
    for _ in range(3):
        answers.append(await ask(vendor, client))
        clock.step(minutes=1)
    assert [code(answer) for answer in answers[:2]] == [(200, "BAD_REQUEST.INSUFFICIENT_CREDITS")] * 2
    assert answers[0][1]["errors"][0]["extensions"] == {"resetAt": "2026-06-01T12:02:00.000000Z"}
    assert answers[2] == (200, DATA)


async def test_it_may_leave_out_when_the_credits_come_back(vendor: Xledger, client: ClientSession) -> None:
    vendor.credits_reset_at = NOON + timedelta(minutes=2)
    vendor.tells_reset = False
    answer = await ask(vendor, client)
    assert code(answer) == (200, "BAD_REQUEST.INSUFFICIENT_CREDITS")
    assert "extensions" not in answer[1]["errors"][0]


async def test_requests_beyond_the_allowance_are_counted_and_not_refused(
    vendor: Xledger, clock: SteppedClock, client: ClientSession
) -> None:
    for expected in (0, 0, 0, 1, 2):
        assert await ask(vendor, client) == (200, DATA)
        assert vendor.overage_this_month == expected
        clock.step(hours=1)


async def test_the_count_begins_anew_with_each_month(
    vendor: Xledger, clock: SteppedClock, client: ClientSession
) -> None:
    clock.now = datetime(2026, 6, 30, 23, 0, tzinfo=UTC)
    for _ in range(3):
        await ask(vendor, client)
        clock.step(minutes=30)
    assert vendor.requests_by_month == {"2026-06": 2, "2026-07": 1}
    assert vendor.requests_this_month == 1


async def test_a_probe_an_hour_for_thirty_days_with_maintenance(
    vendor: Xledger, clock: SteppedClock, client: ClientSession
) -> None:
    maintenance = NOON + timedelta(days=12)
    vendor.outages = [(maintenance, maintenance + timedelta(hours=6), SimulatedFault.DOWN)]
    for _ in range(30 * 24):
        headers = {"Authorization": f"token {vendor.token}"}
        async with client.post(vendor.graphql_url, json=PING, headers=headers):
            clock.step(hours=1)
    assert [one.answered for one in vendor.received].count(503) == 6
    assert vendor.requests_by_month == {"2026-06": 29 * 24 + 12 - 6, "2026-07": 12}
