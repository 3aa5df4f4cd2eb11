"""The vendors behind the demo's targets, simulated on loopback, and how their health is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from synkron.cli.demo.simulators import bufdir, business_central, xledger
from synkron.settings.load import HealthSettings

XLEDGER_TOKEN = "SYNKRON_DEMO_XLEDGER_TOKEN"  # noqa: S105 (the name of a variable)
DYNAMICS_SECRET = "SYNKRON_DEMO_DYNAMICS_SECRET"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Simulated:
    """How each type's vendor is watched, and the environment variables that the probes need."""

    health: Mapping[str, HealthSettings]
    environment: Mapping[str, str]


@asynccontextmanager
async def simulated_vendors() -> AsyncIterator[Simulated]:
    """Xledger, Business Central and Bufdir, listening until the end of the block."""
    async with xledger() as ledger, business_central() as central, bufdir() as portal:
        token = {
            "url": central.token_url,
            "client_id": central.client_id,
            "client_secret": f"env:{DYNAMICS_SECRET}",
            "scope": central.scope,
        }
        health = {
            "xledger": {"url": ledger.graphql_url, "headers": {"Authorization": f"env:{XLEDGER_TOKEN}"}},
            "dynamics": {"url": central.ping_url, "token": token},
            "bufdir": {"url": portal.portal_url},
        }
        yield Simulated(
            {name: HealthSettings.model_validate(written) for name, written in health.items()},
            {XLEDGER_TOKEN: f"token {ledger.token}", DYNAMICS_SECRET: central.client_secret},
        )
