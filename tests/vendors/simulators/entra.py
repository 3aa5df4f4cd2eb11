"""Entra ID's token endpoint, for the vendors whose API takes its tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web

from synkron.runtime import WallClock
from tests.vendors.simulators.serving import SimulatedFault, Simulator

LIFETIME = timedelta(seconds=3599)


class EntraProtected(Simulator):
    """A vendor whose API takes the tokens that ``client_id`` gets for ``client_secret`` in ``tenant``.

    Entra ID is another service than the vendor's: it fails as ``token_fault`` says, and does not share in ``fault``
    and ``outages``.
    """

    def __init__(self, clock: WallClock, scope: str, latency: float) -> None:
        super().__init__(clock, latency)
        self.tenant = str(uuid4())
        self.client_id = str(uuid4())
        self.client_secret = token_urlsafe(24)
        self.scope = scope
        self.token_fault = SimulatedFault.NONE
        self.tokens_issued = 0
        self._tokens: dict[str, datetime] = {}

    @property
    def token_url(self) -> str:
        """Where a token is asked for."""
        return f"{self.base_url}{self._token_path}"

    def revoke_tokens(self) -> None:
        """Refuse all tokens that were issued, although they have not run out."""
        self._tokens.clear()

    def fault_at(self, at: datetime, path: str) -> SimulatedFault:
        """What is wrong with Entra ID, or with the vendor."""
        return self.token_fault if path == self._token_path else super().fault_at(at, path)

    def routes(self) -> Sequence[web.RouteDef]:
        """The token endpoint."""
        return [web.post("/{tenant}/oauth2/v2.0/token", self._token)]

    async def is_authorized(self, request: web.Request) -> bool:
        """Whether the token holds or, where a token is asked for, the secret is right."""
        if request.path == self._token_path:
            return (await _form(request)).get("client_secret") == self.client_secret
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expiry = self._tokens.get(token)
        return scheme.lower() == "bearer" and expiry is not None and self._clock() < expiry

    @property
    def _token_path(self) -> str:
        return f"/{self.tenant}/oauth2/v2.0/token"

    async def _token(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request.match_info["tenant"], await _form(request))
        if refusal:
            return refusal
        token = token_urlsafe(32)
        self.tokens_issued += 1
        self._tokens[token] = self._clock() + LIFETIME
        lasting = int(LIFETIME.total_seconds())
        return web.json_response({"token_type": "Bearer", "expires_in": lasting, "access_token": token})

    def _refusal(self, tenant: str, form: Mapping[str, str]) -> web.Response | None:
        """The first that is wrong, as Entra ID words it."""
        grant = form.get("grant_type")
        checks = (
            (grant is not None, 400, "invalid_request", "AADSTS900144: The form must contain grant_type."),
            (tenant == self.tenant, 400, "invalid_request", "AADSTS90002: Tenant not found."),
            (grant == "client_credentials", 400, "unsupported_grant_type", "AADSTS70003: Unsupported grant type."),
            (form.get("client_id") == self.client_id, 400, "unauthorized_client", "AADSTS700016: Not found."),
            (form.get("client_secret") == self.client_secret, 401, "invalid_client", "AADSTS7000215: Invalid secret."),
            (form.get("scope") == self.scope, 400, "invalid_scope", "AADSTS70011: The scope is not valid."),
        )
        for is_right, status, error, description in checks:
            if not is_right:
                return web.json_response({"error": error, "error_description": description}, status=status)
        return None


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as OData has it."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form; none if it is anything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return dict(parse_qsl((await request.read()).decode("utf-8", "replace")))
