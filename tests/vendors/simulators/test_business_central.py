"""Business Central's simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.vendors.simulators.business_central import ALLOW, SCOPE, BusinessCentral, business_central
from tests.vendors.simulators.clock import NOON, SteppedClock
from tests.vendors.simulators.serving import SimulatedFault


@pytest.fixture
async def vendor(clock: SteppedClock) -> AsyncIterator[BusinessCentral]:
    async with business_central(clock=clock) as listening:
        yield listening


def form(vendor: BusinessCentral) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
        "scope": SCOPE,
    }


async def bearer(vendor: BusinessCentral, client: ClientSession) -> dict[str, str]:
    async with client.post(vendor.token_url, data=form(vendor)) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def ping(vendor: BusinessCentral, client: ClientSession, headers: dict[str, str]) -> int:
    async with client.get(vendor.ping_url, headers=headers) as response:
        return response.status


async def test_a_token_is_issued(vendor: BusinessCentral, client: ClientSession) -> None:
    async with client.post(vendor.token_url, data=form(vendor)) as response:
        answer = await response.json()
    assert (answer["token_type"], answer["expires_in"], vendor.tokens_issued) == ("Bearer", 3599, 1)
    assert [(one.authorized, one.answered) for one in vendor.received] == [(True, 200)]


@pytest.mark.parametrize(
    ("field", "value", "status", "error"),
    [
        ("grant_type", None, 400, "invalid_request"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
        ("client_id", None, 400, "unauthorized_client"),
        ("client_id", "someone", 400, "unauthorized_client"),
        ("client_secret", None, 401, "invalid_client"),
        ("client_secret", "wrong", 401, "invalid_client"),
        ("scope", None, 400, "invalid_scope"),
        ("scope", "https://contoso.crm4.dynamics.com/.default", 400, "invalid_scope"),
    ],
)
async def test_a_token_is_refused(
    field: str, value: str | None, status: int, error: str, vendor: BusinessCentral, client: ClientSession
) -> None:
    fields = {name: content for name, content in (form(vendor) | {field: value}).items() if content is not None}
    async with client.post(vendor.token_url, data=fields) as response:
        assert (response.status, (await response.json())["error"]) == (status, error)
    assert vendor.tokens_issued == 0


async def test_a_token_is_asked_for_by_a_form_in_the_right_tenant(
    vendor: BusinessCentral, client: ClientSession
) -> None:
    async with client.post(vendor.token_url, json=form(vendor)) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")
    async with client.post(f"{vendor.base_url}/fabrikam/oauth2/v2.0/token", data=form(vendor)) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


async def test_a_token_runs_out(vendor: BusinessCentral, clock: SteppedClock, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    statuses = []
    for _ in range(3):
        statuses.append(await ping(vendor, client, headers))
        clock.step(seconds=1799.5)
    assert statuses == [200, 200, 401]


async def test_a_token_is_revoked(vendor: BusinessCentral, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    vendor.revoke_tokens()
    assert await ping(vendor, client, headers) == 401
    assert await ping(vendor, client, await bearer(vendor, client)) == 200


async def test_entra_id_and_the_vendor_fail_each_on_its_own(vendor: BusinessCentral, client: ClientSession) -> None:
    vendor.fault = SimulatedFault.DOWN
    headers = await bearer(vendor, client)
    assert await ping(vendor, client, headers) == 503
    vendor.fault, vendor.token_fault = SimulatedFault.NONE, SimulatedFault.ERROR
    vendor.outages = [(NOON + timedelta(hours=1), NOON + timedelta(hours=2), SimulatedFault.DOWN)]
    assert await ping(vendor, client, headers) == 200
    async with client.post(vendor.token_url, data=form(vendor)) as response:
        assert response.status == 500


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "token {}", "{}"])
async def test_without_a_token_it_is_reachable_all_the_same(
    header: str | None, vendor: BusinessCentral, client: ClientSession
) -> None:
    token = (await bearer(vendor, client))["Authorization"].removeprefix("Bearer ")
    assert await ping(vendor, client, {"Authorization": header.format(token)} if header else {}) == 401
    assert not vendor.received[-1].authorized


@pytest.mark.parametrize(
    ("query", "fields", "count"),
    [
        ({"$top": "1", "$select": "id"}, ["id"], 1),
        ({"$top": "9", "$select": "name,id"}, ["name", "id"], 2),
        ({"$top": "0"}, ["id", "name", "displayName"], 0),
        ({}, ["id", "name", "displayName"], 2),
    ],
)
async def test_companies_are_told(
    query: dict[str, str], fields: list[str], count: int, vendor: BusinessCentral, client: ClientSession
) -> None:
    headers = await bearer(vendor, client) | {"Data-Access-Intent": "ReadOnly"}
    async with client.get(vendor.companies_url, params=query, headers=headers) as response:
        answer: dict[str, Any] = await response.json()
    assert answer["@odata.context"].startswith(f"{vendor.api_url}/$metadata#companies")
    assert [list(company) for company in answer["value"]] == [fields] * count


@pytest.mark.parametrize("query", ["$top=-1", "$top=some", "$select=secret", "$select=", "$filter=id eq 1", "top=1"])
async def test_what_it_does_not_know_is_refused(query: str, vendor: BusinessCentral, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    async with client.get(f"{vendor.companies_url}?{query}", headers=headers) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("method", "status", "allow"),
    [("HEAD", 405, ALLOW), ("TRACE", 405, ALLOW), ("OPTIONS", 200, ALLOW), ("POST", 400, None), ("DELETE", 400, None)],
)
async def test_other_methods(
    method: str, status: int, allow: str | None, vendor: BusinessCentral, client: ClientSession
) -> None:
    headers = await bearer(vendor, client)
    async with client.request(method, vendor.companies_url, headers=headers) as response:
        assert (response.status, response.headers.get("Allow")) == (status, allow)


async def test_a_stranger_learns_that_it_is_there(vendor: BusinessCentral, client: ClientSession) -> None:
    for url in (vendor.root_url, f"{vendor.api_url}/customers"):
        async with client.get(url) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (
                401,
                "Authentication_InvalidCredentials",
            )
    async with client.head(vendor.root_url) as response:
        assert (response.status, response.headers["Allow"]) == (405, ALLOW)
    async with client.get(vendor.root_url, headers=await bearer(vendor, client)) as response:
        assert response.status == 404


async def test_another_environment_is_not_there(vendor: BusinessCentral, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    async with client.get(vendor.companies_url.replace("Production", "Sandbox"), headers=headers) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (404, "NoEnvironment")


async def test_too_many_within_five_minutes(clock: SteppedClock, client: ClientSession) -> None:
    async with business_central(clock=clock, limit=3) as vendor:
        headers = await bearer(vendor, client)
        statuses = []
        for _ in range(6):
            statuses.append(await ping(vendor, client, headers))
            clock.step(minutes=1)
        assert statuses == [200, 200, 200, 429, 429, 200]


async def test_throttled_on_demand_without_saying_for_how_long(vendor: BusinessCentral, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    vendor.throttled = True
    async with client.get(vendor.ping_url, headers=headers) as response:
        assert (response.status, "Retry-After" in response.headers) == (429, False)
        assert (await response.json())["error"]["code"] == "Application_TooManyRequests"
    vendor.throttled = False
    assert await ping(vendor, client, headers) == 200


async def test_five_are_processed_and_95_wait_and_the_next_is_refused(
    vendor: BusinessCentral, client: ClientSession
) -> None:
    headers = await bearer(vendor, client)
    vendor.hold()
    pings = [asyncio.create_task(ping(vendor, client, headers)) for _ in range(101)]
    done, _ = await asyncio.wait(pings, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result() for one in done] == [429]
    assert vendor.most_at_once == 5
    vendor.release()
    assert sorted(await asyncio.gather(*pings)) == [200] * 100 + [429]
    assert vendor.most_at_once == 5
    assert await ping(vendor, client, headers) == 200
