"""The role ``api``: its own connections, and what it needs installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from synkron.errors import Refused
from synkron.postgres.connection import pooled
from synkron.settings.load import Settings

if TYPE_CHECKING:
    from synkron.delivery.targets import Target
    from synkron.settings.signing import Signing
    from synkron.source.mirror import Mirror

POOL_SIZE = 5
NEEDED = ("argon2", "authlib", "fastapi", "httptools", "jinja2", "multipart", "prometheus_client", "uvicorn")


def is_installed() -> bool:
    """Whether all that the API needs is there: the extra ``api``."""
    return all(find_spec(name) for name in NEEDED)


def check_installed() -> None:
    """Raise Refused if the extra ``api`` is not installed."""
    if not is_installed():
        raise Refused(
            "The role `api` needs packages that are not installed. Install them with "
            "`pip install 'synkron[api]'`, or leave the role out."
        )


@asynccontextmanager
async def answering(
    url: str,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    signings: Mapping[str, Signing],
    tick_signing: Signing | None,
    targets: Mapping[str, Target],
    mirror: Mirror | None,
) -> AsyncIterator[str]:
    """Answer requests until the end of the block; yields the address. Raises Refused as ``listening`` does."""
    check_installed()
    from synkron.service.api.served import Served
    from synkron.service.api.server import listening

    async with pooled(url, size=POOL_SIZE, heartbeat=settings.heartbeat) as pool:
        served = Served(
            pool,
            settings,
            signings,
            tick_signing=tick_signing,
            targets=targets,
            mirror=mirror,
            environment=environment,
            url=url,
        )
        async with listening(served) as address:
            yield address
