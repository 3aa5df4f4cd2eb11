"""Logins with an identity provider: OpenID Connect, the authorization code flow with PKCE.

Authlib makes and checks what goes back and forth. Its clients are for other HTTP libraries; requests go out by our own,
which follows no redirects and shows no secret in its errors.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientSession
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from synkron.errors import SynkronError
from synkron.http import beginning, failure, json_in, open_session
from synkron.operations.access.provider_logins import begin_provider_login, end_provider_login
from synkron.operations.access.sessions import LoggedIn, log_in_by_oidc
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Pool
from synkron.runtime import log
from synkron.service.api.claims import LoginRefused, granted
from synkron.settings.api import OidcSettings, is_loopback

TIMEOUT = timedelta(seconds=10)
# How far the provider's clock may be from the database's.
LEEWAY = 120
# What is known of the provider is asked anew after this time; its keys also when it signs with a new one.
KNOWN_FOR, KEYS_KNOWN_FOR = 3600.0, 60.0
# Signatures that only the provider can make. Neither `none`, nor one whose key the client has, too.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
NOT_BEGUN = (
    "This login was not begun in this browser, was ended already, or was begun more than ten minutes ago. Begin again."
)
NOT_PROVEN = "The identity provider's answer does not prove who you are. Begin again, and tell an administrator."


class ProviderAway(SynkronError):
    """The identity provider does not answer as it should; the message says how, without any secret."""


@asynccontextmanager
async def open_provider(settings: OidcSettings, secret: SecretStr, address: str) -> AsyncIterator[Provider]:
    """The provider, for people who reach this service at the address. It is asked when somebody logs in."""
    async with open_session(connections=20) as session:
        yield Provider(settings, secret, f"{address}/login/callback", session)


@dataclass
class Provider:
    """An identity provider, which sends people back to ``returns_to``."""

    settings: OidcSettings
    secret: SecretStr = field(repr=False)
    returns_to: str
    session: ClientSession
    _metadata: tuple[float, Mapping[str, Any]] | None = None
    _keys: tuple[float, KeySet] | None = None

    async def begin(self, pool: Pool, next_page: str) -> tuple[str, str]:
        """The address at which a person logs in, and the secret of the browser that goes there. Raises ProviderAway."""
        metadata = await self._known()
        begun = await begin_provider_login(pool, next_page)
        address = prepare_grant_uri(
            _endpoint(metadata, "authorization_endpoint"),
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=self.returns_to,
            scope=" ".join(self.settings.scopes),
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        return str(address), begun.browser

    async def end(self, pool: Pool, answer: Mapping[str, str], browser: str) -> tuple[LoggedIn, str]:
        """A session for the person who comes back with this answer, in the browser that has this secret; and the page
        that they wanted.

        1. End the login that was begun. 2. Check that the answer is the provider's. 3. Get the ID token for its code.
        4. Check the token. 5. Let in whom its claims permit. No connection of the pool is held meanwhile.
        Raises LoginRefused and ProviderAway.
        """
        begun = await end_provider_login(pool, answer.get("state", ""), browser)
        if begun is None:
            raise LoginRefused(NOT_BEGUN)
        metadata = await self._known()
        code = self._code(answer, metadata)
        token = await self._token(metadata, code, begun.verifier)
        claims = await self._claims(metadata, token, begun.nonce, await database_clock(pool))
        may = granted(claims, self.settings)
        async with pool.acquire() as connection:
            logged_in = await log_in_by_oidc(connection, may.name, may.permission, may.org_id)
        if logged_in is None:
            raise LoginRefused(f"{may.name} is disabled here, or is the name of somebody who logs in by a password.")
        return logged_in, begun.next_page

    def _code(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> str:
        """The code of the answer, which must not be another provider's (RFC 9207)."""
        says_who = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if says_who else self.settings.issuer) != self.settings.issuer:
            raise LoginRefused(NOT_PROVEN)
        if "code" not in answer:
            said = answer.get("error", "")
            code = said if re.fullmatch(r"[a-z_]{1,40}", said) else "no code"
            raise LoginRefused(f"The identity provider did not log you in ({code}). Begin again.")
        return answer["code"]

    async def _token(self, metadata: Mapping[str, Any], code: str, verifier: str) -> str:
        """The ID token for the code. Raises LoginRefused if the provider refuses the code."""
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self.returns_to, code_verifier=verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        client = ClientAuth(self.settings.client_id, self.secret.get_secret_value(), method)
        url, headers, body = client.prepare("POST", _endpoint(metadata, "token_endpoint"), headers, body)
        status, found = await self._asked("POST", url, headers=headers, data=body)
        token = found.get("id_token")
        if status == 200 and isinstance(token, str):
            return token
        said = found.get("error")
        reason = said if isinstance(said, str) and re.fullmatch(r"[a-z_]{1,40}", said) else f"HTTP {status}"
        log.warning("login refused", reason=f"the identity provider gives no ID token: {reason}")
        raise LoginRefused(NOT_PROVEN)

    async def _claims(self, metadata: Mapping[str, Any], token: str, nonce: str, now: datetime) -> Mapping[str, object]:
        """The claims of an ID token that the provider made for this login. Raises LoginRefused."""
        must = {"essential": True}
        options = {
            "iss": must | {"value": self.settings.issuer},
            "aud": must | {"value": self.settings.client_id},
        }
        try:
            signed = await self._signed(metadata, token)
            claims = CodeIDToken(
                signed.claims, signed.header, options, {"nonce": nonce, "client_id": self.settings.client_id}
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
            return dict(claims)
        except ClaimError as error:
            log.warning("login refused", reason=f"the claim {error.claim} of the ID token is not what it should be")
            raise LoginRefused(NOT_PROVEN) from None
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            log.warning("login refused", reason=f"the ID token can't be verified ({type(error).__name__})")
            raise LoginRefused(NOT_PROVEN) from None

    async def _signed(self, metadata: Mapping[str, Any], token: str) -> jwt.Token:
        """The token, signed by one of the provider's keys: a key that is not known yet may be new."""
        try:
            return jwt.decode(token, await self._key_set(metadata, KNOWN_FOR), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, await self._key_set(metadata, KEYS_KNOWN_FOR), algorithms=ALGORITHMS)

    async def _key_set(self, metadata: Mapping[str, Any], known_for: float) -> KeySet:
        now = asyncio.get_running_loop().time()
        if self._keys is None or now - self._keys[0] >= known_for:
            status, found = await self._asked("GET", _endpoint(metadata, "jwks_uri"))
            if status != 200:
                raise ProviderAway(f"The identity provider's keys can't be read (HTTP {status}).")
            self._keys = now, KeySet.import_key_set(found)  # type: ignore[arg-type]  # it raises if it is none
        return self._keys[1]

    async def _known(self) -> Mapping[str, Any]:
        """What the provider says of itself. Raises ProviderAway if it is not the issuer of the settings."""
        now = asyncio.get_running_loop().time()
        if self._metadata is None or now - self._metadata[0] >= KNOWN_FOR:
            url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            status, found = await self._asked("GET", url)
            if status != 200 or found.get("issuer") != self.settings.issuer:
                raise ProviderAway(
                    f"The identity provider's configuration can't be read (HTTP {status}), or is of another issuer "
                    "than api.oidc.issuer says, to the letter."
                )
            self._metadata = now, found
        return self._metadata[1]

    async def _asked(self, method: str, url: str, **sent: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
        """The status and the JSON object of an answer. Raises ProviderAway."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"} | sent.pop("headers", {})
        try:
            async with (
                asyncio.timeout(TIMEOUT.total_seconds()),
                self.session.request(method, url, headers=headers, allow_redirects=False, **sent) as response,
            ):
                found = json_in(await beginning(response))
                return response.status, found if isinstance(found, dict) else {}
        except Exception as error:  # noqa: BLE001  whatever the provider does
            place = urlsplit(url).netloc
            raise ProviderAway(f"The identity provider does not answer: {failure(error, place, TIMEOUT)}.") from None


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    """An address of the provider's: over TLS, or on this host. Raises ProviderAway."""
    found = metadata.get(name)
    parts = urlsplit(found if isinstance(found, str) else "")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))):
        return parts.geturl()
    raise ProviderAway(f"The identity provider's {name} is no address that begins with https://.")
