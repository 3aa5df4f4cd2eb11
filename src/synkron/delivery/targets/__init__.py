"""Targets, which runs call: an HTTP endpoint or a Python callable for each integration type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Protocol

from yarl import URL

from synkron.delivery.targets.function import CallableTarget, Function, load_function
from synkron.delivery.targets.http import HttpTarget
from synkron.delivery.targets.lease import Terms
from synkron.delivery.targets.request import TargetEndpoint, read_endpoint, read_target
from synkron.errors import SettingsError
from synkron.http import open_session
from synkron.model import Outcome, Run
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import gathering, secrets_of
from synkron.settings.signing import Signing, read_signing


class Target(Protocol):
    """What a run calls."""

    async def call(self, run: Run, terms: Terms) -> Outcome:
        """Make one attempt. Every response, error or timeout becomes an Outcome that the ledger can store.

        Raises only cancellation, and Shortage if this host lacks something: then nothing was attempted.
        """


@asynccontextmanager
async def open_targets(
    settings: Settings, environment: Mapping[str, str], given: Mapping[str, Function] = MappingProxyType({})
) -> AsyncIterator[Mapping[str, Target]]:
    """The targets by integration type, without the types that have none. Closed at the end.

    Callables are imported, unless they are ``given``. ``env:NAME`` is looked up in ``environment``. Raises
    SettingsError with all errors, before anything is opened.
    """
    endpoints: dict[str, TargetEndpoint] = {}
    functions: dict[str, CallableTarget] = {}
    faults: list[str] = []
    for name, one in settings.types.items():
        if one.is_http:
            with gathering(faults):
                endpoints[name] = read_endpoint(name, one, settings.supabase, environment)
    # One redaction for all targets: an exception in this process may show any of their secrets.
    own = [secret for endpoint in endpoints.values() for secret in endpoint.secrets]
    redaction = Redaction([*own, *secrets_of(settings, environment)])
    for name, one in settings.types.items():
        if one.target is not None and not one.is_http:
            with gathering(faults):
                called = load_function(name, one, redaction, given)
                functions[name] = CallableTarget(called, one.concurrency, redaction)
    if faults:
        # What is wrong with the Supabase project is found for each type that calls one of its functions.
        raise SettingsError(list(dict.fromkeys(faults)))
    try:
        # One connection more for each type, so that no run waits for the connection of a warm-up.
        async with open_session(sum(settings.types[name].concurrency + 1 for name in endpoints)) as session:
            yield functions | {name: HttpTarget(endpoint, session, redaction) for name, endpoint in endpoints.items()}
    finally:
        for function in functions.values():
            function.close()


def read_addresses(settings: Settings) -> dict[str, URL]:
    """Where the targets are that are called by HTTP, by type. Those with an invalid address are left out."""
    found: dict[str, URL] = {}
    for name, one in settings.types.items():
        if one.is_http:
            with suppress(SettingsError):
                found[name] = read_target(name, one, settings.supabase)
    return found


def read_signings(settings: Settings, environment: Mapping[str, str]) -> dict[str, Signing]:
    """The signing of each integration type that has a secret. Raises SettingsError with all errors."""
    signings: dict[str, Signing] = {}
    faults: list[str] = []
    for name, one in settings.types.items():
        if one.secret is not None:
            with gathering(faults):
                signings[name] = read_signing(f"{section_of(name)}.secret", one.secret, environment)
    if faults:
        raise SettingsError(faults)
    return signings
