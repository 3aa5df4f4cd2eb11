"""What an identity provider's claims permit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synkron.errors import Refused
from synkron.operations.access.actor import Permission
from synkron.settings.api import OidcSettings
from synkron.text import printable

LONGEST_NAME = 200


class LoginRefused(Refused):
    """The identity provider's answer lets nobody in; the message, which shows nothing of the answer, says why."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Who may come in, and what they may."""

    name: str
    permission: Permission
    org_id: str | None


def granted(claims: Mapping[str, object], settings: OidcSettings) -> Granted:
    """Who the claims name, with the widest that one of their groups permits.

    What is about all organizations is wider than what is about one; then a higher permission is; then what stands
    first in the settings. Raises LoginRefused.
    """
    name = _name(claims, settings)
    values = _values(_claim(claims, settings.claim))
    matching = [grant for group, grant in settings.permissions.items() if group in values]
    if not matching:
        raise LoginRefused(
            f"{name} is in no group that may come in. An administrator says which may, in api.oidc.permissions; the "
            f"claim {settings.claim} must hold one of them."
        )
    ranks = list(Permission)
    widest = max(matching, key=lambda one: (one.org is None, ranks.index(Permission(one.permission))))
    return Granted(name, Permission(widest.permission), widest.org)


def _name(claims: Mapping[str, object], settings: OidcSettings) -> str:
    name = _claim(claims, settings.name_claim)
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or printable(name) != name:
        raise LoginRefused(
            f"The identity provider gives no name in the claim {settings.name_claim}. An administrator names another "
            "claim in api.oidc.name_claim, or asks for it in api.oidc.scopes."
        )
    if settings.name_claim == "email" and claims.get("email_verified", True) is not True:
        raise LoginRefused("The identity provider has not verified this e-mail address. Verify it there first.")
    return name


def _claim(claims: Mapping[str, object], name: str) -> object:
    """The claim of this name, or else the one that its dots lead to."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(claim: object) -> list[str]:
    return [one for one in (claim if isinstance(claim, list) else [claim]) if isinstance(one, str)]
