"""Logins that an identity provider has not answered yet: who began one must end it, once, within ten minutes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from synkron.operations.access.secret import SecretKind, hash_of, is_secret, new_secret
from synkron.postgres.connection import Executor
from synkron.postgres.rows import read
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


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """A login that ends: what its ID token must hold, what PKCE needs, and the page that the person wanted."""

    nonce: str
    verifier: str
    next_page: str


async def begin_provider_login(executor: Executor, next_page: str) -> ProviderLogin:
    """Begin a login. Those that are too old are forgotten, so that nobody fills the table."""
    begun = ProviderLogin(
        new_secret(SecretKind.PROVIDER_LOGIN),
        new_secret(SecretKind.PROVIDER_LOGIN),
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
    )
    secrets_kept = hash_of(begun.state), hash_of(begun.browser), begun.nonce, begun.verifier
    await executor.execute(SQL["add_provider_login"], *secrets_kept, next_page, LASTS)
    return begun


async def end_provider_login(executor: Executor, state: str, browser: str) -> BegunLogin | None:
    """The login that this browser began, which is over then; None if there is none, or another browser began it."""
    if not (is_secret(SecretKind.PROVIDER_LOGIN, state) and is_secret(SecretKind.PROVIDER_LOGIN, browser)):
        return None
    row = await executor.fetchrow(SQL["take_provider_login"], hash_of(state), hash_of(browser))
    return None if row is None else read(BegunLogin, row)
