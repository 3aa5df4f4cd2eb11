"""Logins that an identity provider has not answered yet: who began one must end it, once, within ten minutes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from synkron.operations.access.secret import SecretKind, hash_of, is_secret, new_secret
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements

SQL = statements("operations/access/access")

LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """A login that begins: the ``state`` goes to the provider and back, ``browser`` is the browser's cookie.

    The ID token must hold the ``nonce``; the provider gives it only for the ``verifier`` of PKCE.
    """

    state: str
    browser: str
    nonce: str
    verifier: str


async def begin_provider_login(executor: Executor) -> ProviderLogin:
    """Begin a login. Those that are too old are forgotten, so that nobody fills the table."""
    begun = ProviderLogin(
        new_secret(SecretKind.PROVIDER_LOGIN),
        new_secret(SecretKind.PROVIDER_LOGIN),
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
    )
    await executor.execute(
        SQL["add_provider_login"], hash_of(begun.state), hash_of(begun.browser), begun.nonce, begun.verifier, LASTS
    )
    return begun


async def end_provider_login(executor: Executor, state: str, browser: str) -> tuple[str, str] | None:
    """The nonce and the verifier; None if there is no such login, or another browser began it. It is over then."""
    if not (is_secret(SecretKind.PROVIDER_LOGIN, state) and is_secret(SecretKind.PROVIDER_LOGIN, browser)):
        return None
    row = await executor.fetchrow(SQL["take_provider_login"], hash_of(state), hash_of(browser))
    return None if row is None else (row["nonce"], row["verifier"])
