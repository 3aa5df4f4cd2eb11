"""Dataverse's simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientSession

from tests.vendors.simulators.clock import SteppedClock
from tests.vendors.simulators.dataverse import Dataverse, dataverse

HALF_A_MINUTE = timedelta(seconds=30)


@pytest.fixture
async def vendor(clock: SteppedClock) -> AsyncIterator[Dataverse]:
    async with dataverse(clock=clock, limit=2, at_once=2, wait=HALF_A_MINUTE) as listening:
        yield listening


async def bearer(vendor: Dataverse, client: ClientSession) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
        "scope": "https://contoso.crm4.dynamics.com/.default",
    }
    async with client.post(vendor.token_url, data=form) as response:
        return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def ask(vendor: Dataverse, client: ClientSession, headers: dict[str, str]) -> tuple[int, str | None]:
    """The status, and how long to wait."""
    async with client.get(vendor.who_am_i_url, headers=headers) as response:
        return response.status, response.headers.get("Retry-After")


async def test_it_says_who_asks(vendor: Dataverse, client: ClientSession) -> None:
    async with client.get(vendor.who_am_i_url, headers=await bearer(vendor, client)) as response:
        assert response.status == 200
        assert (await response.json()).keys() == {"@odata.context", "UserId", "BusinessUnitId", "OrganizationId"}
    assert [(one.method, one.authorized, one.answered) for one in vendor.received] == [
        ("POST", True, 200),
        ("GET", True, 200),
    ]


async def test_without_a_token_it_is_reachable_all_the_same(vendor: Dataverse, client: ClientSession) -> None:
    assert await ask(vendor, client, {}) == (401, None)
    assert await ask(vendor, client, {"Authorization": "Bearer wrong"}) == (401, None)


async def test_another_organizations_scope_is_refused(vendor: Dataverse, client: ClientSession) -> None:
    vendor.scope = "https://fabrikam.crm4.dynamics.com/.default"
    with pytest.raises(KeyError, match="access_token"):
        await bearer(vendor, client)


async def test_it_knows_no_head(vendor: Dataverse, client: ClientSession) -> None:
    async with client.head(vendor.who_am_i_url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET")


async def test_who_waits_as_told_is_answered(vendor: Dataverse, clock: SteppedClock, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    vendor.throttle(HALF_A_MINUTE)
    clock.step(seconds=0.5)
    assert await ask(vendor, client, headers) == (429, "60")
    clock.step(seconds=60)
    assert await ask(vendor, client, headers) == (200, None)


async def test_who_keeps_sending_waits_longer_up_to_a_limit(
    vendor: Dataverse, clock: SteppedClock, client: ClientSession
) -> None:
    headers = await bearer(vendor, client)
    vendor.throttle(HALF_A_MINUTE)
    waits = []
    for _ in range(6):
        waits.append(await ask(vendor, client, headers))
        clock.step(seconds=1)
    assert waits == [(429, "60"), (429, "120"), (429, "240"), (429, "480"), (429, "600"), (429, "600")]
    clock.step(seconds=599)
    assert await ask(vendor, client, headers) == (200, None)
    vendor.throttle(HALF_A_MINUTE)
    assert await ask(vendor, client, headers) == (429, "60")


async def test_a_wait_beyond_the_limit_does_not_shrink(
    vendor: Dataverse, clock: SteppedClock, client: ClientSession
) -> None:
    headers = await bearer(vendor, client)
    vendor.throttle(timedelta(hours=1))
    clock.step(minutes=1)
    assert await ask(vendor, client, headers) == (429, str(59 * 60))


async def test_too_many_within_five_minutes(vendor: Dataverse, clock: SteppedClock, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    answers = []
    for _ in range(3):
        answers.append(await ask(vendor, client, headers))
        clock.step(minutes=1)
    assert answers == [(200, None), (200, None), (429, "180")]
    clock.step(minutes=2)
    async with client.get(vendor.who_am_i_url, headers=headers) as response:
        assert response.status == 200


async def test_what_a_refusal_says(vendor: Dataverse, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    vendor.throttle(HALF_A_MINUTE)
    async with client.get(vendor.who_am_i_url, headers=headers) as response:
        error = (await response.json())["error"]
    assert error == {
        "code": "0x80072322",
        "message": "Number of requests exceeded the limit of 2 over time window of 300 seconds.",
    }


async def test_too_many_at_once(vendor: Dataverse, client: ClientSession) -> None:
    headers = await bearer(vendor, client)
    vendor.hold()
    asked = [asyncio.create_task(ask(vendor, client, headers)) for _ in range(3)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result() for one in done] == [(429, "30")]
    vendor.release()
    assert sorted(status for status, _ in await asyncio.gather(*asked)) == [200, 200, 429]
