"""The simulated vendors as they are watched: the settings of each, and an export that asks it for something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import ClientError, ClientSession

from synkron.model import Outcome, OutcomeKind
from synkron.runtime import WallClock
from synkron.settings.load import Settings
from synkron.vendors.watches import Watches, read_watches
from tests.vendors.simulators.bufdir import Bufdir, bufdir
from tests.vendors.simulators.business_central import BusinessCentral, business_central
from tests.vendors.simulators.dataverse import Dataverse, dataverse
from tests.vendors.simulators.serving import Simulator
from tests.vendors.simulators.xledger import Xledger, xledger

NAMES = ("xledger", "business_central", "dataverse", "bufdir")
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)


@dataclass
class Watched:
    """A vendor, how it is watched, and ``export``, which asks it once, as a run's target does."""

    vendor: Simulator
    watches: Watches
    export: Callable[[ClientSession], Awaitable[Outcome]]


@asynccontextmanager
async def watched(name: str, clock: WallClock, *, allowance: int = 5_000, limit: int = 6_000) -> AsyncIterator[Watched]:
    """One of the four, listening until the end of the block."""
    if name == "xledger":
        # Its exports come from one place and one token, so that what it takes at once is no matter here.
        async with xledger(clock=clock, allowance=allowance, burst=1_000_000) as vendor:
            yield _xledger(vendor)
    elif name == "business_central":
        async with business_central(clock=clock, limit=limit) as central:
            health = {"url": central.ping_url, "token": _token(central)}
            yield _dynamics(name, central, health, central.client_secret)
    elif name == "dataverse":
        async with dataverse(clock=clock, limit=limit) as verse:
            health = {"url": verse.who_am_i_url, "token": _token(verse)}
            yield _dynamics(name, verse, health, verse.client_secret)
    else:
        async with bufdir(clock=clock, latency=0.0) as portal:
            yield _bufdir(portal)


def _xledger(vendor: Xledger) -> Watched:
    health = {"url": vendor.graphql_url, "headers": {"Authorization": "env:TOKEN"}, "timeout": "1s"}
    settings = Settings(types={"xledger": {"health": health}})
    secret = f"token {vendor.token}"

    async def export(client: ClientSession) -> Outcome:
        asked = {"query": "query { __typename }"}
        return await _asked(client, "POST", vendor.graphql_url, json=asked, headers={"Authorization": secret})

    return Watched(vendor, read_watches(settings, {"TOKEN": secret}), export)


def _token(vendor: BusinessCentral | Dataverse) -> dict[str, str]:
    return {
        "url": vendor.token_url,
        "client_id": vendor.client_id,
        "client_secret": "env:SECRET",
        "scope": vendor.scope,
    }


def _dynamics(flavour: str, vendor: BusinessCentral | Dataverse, health: dict[str, Any], secret: str) -> Watched:
    settings = Settings(types={"dynamics": {"flavour": flavour, "health": {**health, "timeout": "1s"}}})

    async def export(client: ClientSession) -> Outcome:
        form = {
            "grant_type": "client_credentials",
            "client_id": vendor.client_id,
            "client_secret": secret,
            "scope": vendor.scope,
        }
        async with client.post(vendor.token_url, data=form) as response:
            token = (await response.json())["access_token"]
        return await _asked(client, "GET", health["url"], headers={"Authorization": f"Bearer {token}"})

    return Watched(vendor, read_watches(settings, {"SECRET": secret}), export)


def _bufdir(vendor: Bufdir) -> Watched:
    settings = Settings(types={"bufdir": {"health": {"url": vendor.portal_url, "timeout": "1s"}}})

    async def export(client: ClientSession) -> Outcome:
        return await _asked(client, "GET", vendor.portal_url)

    return Watched(vendor, read_watches(settings, {}), export)


async def _asked(client: ClientSession, method: str, url: str, **request: Any) -> Outcome:
    """What a target that knows its vendor would make of the answer."""
    try:
        async with client.request(method, url, **request) as response:
            content = await response.text()
    except ClientError:
        return Outcome(OutcomeKind.RETRYABLE, 502, "the vendor hung up")
    if response.status == 429 or "RATE_LIMIT" in content or "INSUFFICIENT_CREDITS" in content:
        wait = response.headers.get("Retry-After")
        named = None if wait is None else timedelta(seconds=int(wait))
        return Outcome(OutcomeKind.RETRYABLE, response.status, "throttled", named, is_throttled=True)
    if response.status >= 500:
        return Outcome(OutcomeKind.RETRYABLE, 502, f"the vendor answered {response.status}")
    return DONE
