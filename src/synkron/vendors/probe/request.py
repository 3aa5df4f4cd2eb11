"""The request of a probe, with its secrets and its method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from yarl import URL

from synkron.errors import SettingsError
from synkron.settings.addresses import query_secrets, read_address
from synkron.settings.integrations import Request
from synkron.settings.secrets import SECRET_LENGTH, fault, gathering, is_reference, read_header, read_secret
from synkron.settings.sections import HealthSettings
from synkron.vendors.health import Health

# Headers that Synkron sets itself.
OWN_HEADERS = frozenset({"accept-encoding", "connection", "content-encoding", "content-length", "transfer-encoding"})
# The methods that are tried, one for each probe, if a vendor does not answer a HEAD.
FALLBACKS = ("HEAD", "OPTIONS", "GET")
BODY_TYPE = "application/json"
# A part of a path of this length that contains digits may be a key.
KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Credentials:
    """OAuth 2 client credentials, and the address that gives a token for them."""

    url: URL
    client_id: str
    client_secret: SecretStr
    scope: str | None


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """The request to one endpoint. ``headers`` may be shown, ``secret_headers`` and ``secrets`` never."""

    address: URL = field(repr=False)
    method: str
    headers: Mapping[str, str]
    secret_headers: Mapping[str, SecretStr]
    body: str | None = field(repr=False)
    token: Credentials | None
    is_authorized: bool
    secrets: tuple[SecretStr, ...]


def may_be_key(part: str) -> bool:
    """Whether a part of an address's path may be a secret."""
    return len(part) >= KEY_LENGTH and any(character.isdigit() for character in part)


def method_for(request: ProbeRequest, health: Health) -> str:
    """The method of the next probe.

    For a HEAD, it is the method that the vendor is known to serve; until one is known, each of the fallbacks in turn.
    Any other method is used as it is.
    """
    if request.method != "HEAD":
        return request.method
    return health.method or FALLBACKS[health.failures % len(FALLBACKS)]


def method_after(method: str, allowed: str) -> str:
    """The method to try after one that the vendor does not serve; ``allowed`` is its ``Allow`` header."""
    served = {one.strip().upper() for one in allowed.split(",")}
    return "OPTIONS" if method == "HEAD" and "OPTIONS" in served else "GET"


def read_request(
    key: str, health: HealthSettings, request: Request, scope: str | None, environment: Mapping[str, str]
) -> ProbeRequest:
    """The request with its secrets. ``scope`` is the token's scope unless the settings give one.

    Raises SettingsError with all errors; ``key`` is the section.
    """
    faults: list[str] = []
    address, token = URL(), None
    headers: dict[str, SecretStr] = {}
    secrets: list[SecretStr] = []
    with gathering(faults):
        address = read_address(f"{key}.url", request.url or "")
    for name, text in health.headers.items():
        with gathering(faults):
            headers[name] = read_header(f"{key}.headers.{name}", name, text, environment, OWN_HEADERS)
            if is_reference(text) or len(text) >= SECRET_LENGTH:
                secrets.append(headers[name])
    if health.token is not None:
        with gathering(faults):
            url = read_address(f"{key}.token.url", health.token.url)
            secret = read_secret(f"{key}.token.client_secret", health.token.client_secret, environment)
            token = Credentials(url, health.token.client_id, secret, health.token.scope or scope)
        with gathering(faults):
            if any(name.lower() == "authorization" for name in health.headers):
                raise fault(
                    f"{key}.headers", f"the token of {key}.token is sent as Authorization; remove one of the two"
                )
    if faults:
        raise SettingsError(faults)
    secrets += query_secrets(address)
    secrets += [SecretStr(part) for part in address.parts if may_be_key(part)]
    if token is not None:
        secrets += [token.client_secret, *query_secrets(token.url)]
    return ProbeRequest(
        address=address,
        method=request.method,
        headers=_open_headers(request, headers),
        secret_headers=headers,
        body=request.body,
        token=token,
        is_authorized=bool(headers) or token is not None,
        secrets=tuple(secrets),
    )


def _open_headers(request: Request, secret_headers: Mapping[str, SecretStr]) -> dict[str, str]:
    """The profile's headers, except those that the settings set too, and Synkron's headers about the body."""
    own = {"Accept-Encoding": "identity"}
    if request.body is not None:
        own["Content-Type"] = BODY_TYPE
    taken = {name.lower() for name in secret_headers}
    return {name: text for name, text in {**own, **request.headers}.items() if name.lower() not in taken}
