"""The role ``api``: its own connections, and what it needs installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from synkron.errors import Refused, SettingsError
from synkron.postgres.connection import pooled
from synkron.settings.api import address_of, fault_in_listen
from synkron.settings.load import Settings
from synkron.settings.secrets import gathering, read_secret

if TYPE_CHECKING:
    from synkron.delivery.targets import Target
    from synkron.settings.signing import Signing
    from synkron.source.mirror import Mirror

POOL_SIZE = 5
OIDC_SECRET = "api.oidc.client_secret"  # noqa: S105  (where it is set)
NEEDED = ("argon2", "authlib", "fastapi", "httptools", "jinja2", "joserfc", "multipart", "prometheus_client", "uvicorn")


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


def check_api(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raise SettingsError if the API must not listen there, or its secret can't be read."""
    faults: list[str] = []
    if fault := fault_in_listen(settings.api, settings.listen):
        faults.append(fault)
    if settings.api.oidc is not None:
        with gathering(faults):
            read_secret(OIDC_SECRET, settings.api.oidc.client_secret, environment)
    if faults:
        raise SettingsError(faults)


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
    anywhere: bool = False,
) -> AsyncIterator[str]:
    """Answer requests until the end of the block; yields the address. Raises Refused as ``listening`` does."""
    check_installed()
    from synkron.service.api.provider import open_provider
    from synkron.service.api.served import Served
    from synkron.service.api.server import listening

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(pooled(url, size=POOL_SIZE, heartbeat=settings.heartbeat))
        provider = None
        if oidc := settings.api.oidc:
            secret = read_secret(OIDC_SECRET, oidc.client_secret, environment)
            address = address_of(settings.api, settings.listen)
            provider = await stack.enter_async_context(open_provider(oidc, secret, address))
        served = Served(
            pool,
            settings,
            signings,
            tick_signing=tick_signing,
            targets=targets,
            mirror=mirror,
            provider=provider,
            environment=environment,
            url=url,
        )
        yield await stack.enter_async_context(listening(served, anywhere=anywhere))
