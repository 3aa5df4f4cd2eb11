"""What the roles of a process open: targets, secrets, probes and channels, with every error of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from synkron.delivery.targets import Target, open_targets, read_signings
from synkron.delivery.targets.function import Function
from synkron.errors import ServiceRoleRequired, SettingsError
from synkron.incidents.channels import Channels, open_channels
from synkron.runtime import steady_clock
from synkron.service.api.role import check_api
from synkron.service.heartbeat import DeadMan, open_dead_man
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import gathering
from synkron.settings.signing import Signing, read_signing
from synkron.source.mirror import Mirror, mirror_of
from synkron.vendors.probe.prober import Prober, open_prober
from synkron.vendors.watches import Watches, read_watches, watches_of


class Role(StrEnum):
    """What a process does."""

    SCHEDULER = "scheduler"
    WORKER = "worker"
    API = "api"


def all_roles(settings: Settings) -> list[Role]:
    """The roles of a process that runs alone: it serves the API too if the settings say ``listen``."""
    return [Role.SCHEDULER, Role.WORKER, *([Role.API] if "listen" in settings.model_fields_set else [])]


@dataclass(frozen=True)
class RoleParts:
    """The opened parts that the roles use. RoleParts that no role uses are empty."""

    targets: Mapping[str, Target]
    signings: Mapping[str, Signing]
    tick_signing: Signing | None
    watches: Watches
    prober: Prober
    channels: Channels
    dead_man: DeadMan
    mirror: Mirror | None


@asynccontextmanager
async def opened_parts(
    settings: Settings,
    roles: Collection[Role],
    environment: Mapping[str, str],
    functions: Mapping[str, Function] = MappingProxyType({}),
) -> AsyncIterator[RoleParts]:
    """The parts, closed at the end. Raises SettingsError with the errors of all parts."""
    faults: list[str] = []
    signings: Mapping[str, Signing] = {}
    tick_signing: Signing | None = None
    watches = Watches((), {})
    targets: Mapping[str, Target] = {}
    channels = Channels({}, Redaction(()))
    mirror: Mirror | None = None
    async with AsyncExitStack() as stack:
        if Role.API in roles:
            with gathering(faults):
                check_api(settings, environment)
            with gathering(faults):
                signings = read_signings(settings, environment)
            if settings.tick_secret is not None:
                with gathering(faults):
                    tick_signing = read_signing("tick_secret", settings.tick_secret, environment)
        if Role.SCHEDULER in roles:
            with gathering(faults):
                watches = read_watches(settings, environment)
            with gathering(faults):
                channels = await stack.enter_async_context(open_channels(settings, environment))
        if Role.WORKER in roles:
            with gathering(faults):
                watches_of(settings)
        if set(roles) != {Role.API} or settings.tick_secret is not None:
            with gathering(faults):
                mirror = mirror_of(settings, environment)
            with gathering(faults):
                targets = await stack.enter_async_context(open_targets(settings, environment, functions))
        with gathering(faults):
            loop_clock = steady_clock(asyncio.get_running_loop())
            dead_man = await stack.enter_async_context(
                open_dead_man(settings.heartbeat_url, loop_clock, failure=settings.heartbeat_failure_url)
            )
        if faults:
            raise SettingsError(list(dict.fromkeys(faults)))
        prober = await stack.enter_async_context(open_prober(watches.requests))
        yield RoleParts(targets, signings, tick_signing, watches, prober, channels, dead_man, mirror)


async def faults_of(settings: Settings, roles: Collection[Role], environment: Mapping[str, str]) -> list[str]:
    """The errors in the settings of the roles' targets, probes and channels, and in their secrets."""
    try:
        async with opened_parts(settings, roles, environment):
            return []
    except SettingsError as error:
        return error.faults
    except ServiceRoleRequired as error:
        return [f"supabase.secret_key: {error}"]
