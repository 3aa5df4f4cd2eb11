"""The HTTP API and the dashboard: where people reach them, and how people log in with an identity provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from synkron.settings.sections import Section
from synkron.settings.values import Address, SecretReference

Granted = Literal["read", "operate", "admin"]


def is_loopback(host: str) -> bool:
    """Whether only this host reaches it: ``localhost``, ``127.0.0.1``, ``[::1]``."""
    host = host.strip("[]").lower()
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(value: object) -> object:
    """An address of scheme, host and port alone: passwords and cookies need TLS wherever others could listen in."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^/?#@\s]+/?", value):
        raise PydanticCustomError("origin", 'expected an address without a path, such as "https://synkron.example.com"')
    parts = urlsplit(value)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise PydanticCustomError("origin", "expected https://; http:// is allowed for this host alone (127.0.0.1)")
    return value.rstrip("/")


Origin = Annotated[str, BeforeValidator(_origin)]


class GrantSettings(Section):
    """What the people of one group may; with an organization, they see nothing of others."""

    permission: Granted
    org: str | None = Field(default=None, min_length=1)


def _grant(value: object) -> object:
    return {"permission": value} if isinstance(value, str) else value


Grant = Annotated[GrantSettings, BeforeValidator(_grant)]


class OidcSettings(Section):
    """The identity provider that people log in with (OpenID Connect).

    ``permissions`` says what the values of ``claim`` permit; who has none of them does not get in.
    """

    issuer: Address
    client_id: str = Field(min_length=1)
    client_secret: SecretReference
    claim: str = Field(default="groups", min_length=1)
    name_claim: str = Field(default="email", min_length=1)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    permissions: Mapping[str, Grant] = Field(min_length=1)


class ApiSettings(Section):
    """``address`` is where people reach the API, when that is not where it listens: behind a proxy with TLS."""

    address: Origin | None = None
    behind_proxy: bool = False
    oidc: OidcSettings | None = None


def address_of(api: ApiSettings, listen: str) -> str:
    """Where people reach the API and the dashboard."""
    return api.address or f"http://{listen}"


def login_address(api: ApiSettings, listen: str, secret: str) -> str:
    """The link that logs a person in: a page that asks before it does, as programs open links in messages, too."""
    return f"{address_of(api, listen)}/login/{secret}"


def fault_in_listen(api: ApiSettings, listen: str) -> str | None:
    """Why the API must not listen there, in a sentence; None if it may.

    Others reach it there: their passwords, tokens and cookies must not pass a network in the open.
    """
    if is_loopback(listen.rpartition(":")[0]) or (api.address or "").startswith("https://"):
        return None
    return (
        f"listen: on {listen}, others on the network reach the API, and there is no TLS. Listen on 127.0.0.1, or put a "
        "proxy with TLS in front and set api.address to its address, such as "
        'address = "https://synkron.example.com" under [api]'
    )
