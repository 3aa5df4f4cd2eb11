"""Whose key it is, decided from its text alone, so before any request. Pure."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from datetime import UTC, datetime
from typing import NoReturn

from pydantic import SecretStr

from synkron.errors import ServiceRoleRequired, SettingsError
from synkron.settings.redaction import Redaction, hide_parts
from synkron.settings.supabase import SECRET, KeyKind, kind_of
from synkron.source.data_api.pages import Hide
from synkron.text import minute, printable

# No more of a key is ever shown; of a short text, which may be any secret, nothing is.
SHOWN, SHORT = 6, 20
# Of a server's text, which is cut far below that.
LONGEST_TEXT = 10_000
SERVICE_ROLE = "service_role"
LEGACY_WARNING = (
    "the Data API's key is a legacy service_role key, which Supabase is removing; create a secret key (sb_secret_...) "
    "in the project's settings, under API Keys, and use that"
)
REMEDY = "Give the project's secret key (sb_secret_..., in the project's settings under API Keys)."
HIDDEN = "Row security would hide rows from it, and Synkron must see all rows"


# requirement R11
def check_key(key: str, at: datetime) -> KeyKind:
    """The kind of a key of the service role: a secret key, or a JWT, which is a legacy key.

    ``at`` is compared with a legacy key's expiry. The signature of a legacy key is not checked: the server does that.
    Raises SettingsError if it can't be a key, ServiceRoleRequired if it is the key of anybody else.
    """
    kind = kind_of(key)
    match kind:
        case KeyKind.EMPTY:
            raise SettingsError([f"the Data API's key is empty. {REMEDY}"])
        case KeyKind.UNSENDABLE:
            reason = "it contains a line break, a blank or a character that no key has"
            raise SettingsError([f"the Data API's key: {reason}. Copy it again, as one line"])
        case KeyKind.PUBLISHABLE:
            _refuse(f"{shown(key)} is a publishable key. {HIDDEN}.")
        case KeyKind.ACCESS_TOKEN:
            _refuse(f"{shown(key)} is a personal access token, which manages projects and is no key of the Data API.")
        case KeyKind.JWT if (claims := claims_in(key)) is not None:
            _check_claims(key, claims, at)
        case KeyKind.JWT | KeyKind.UNKNOWN:
            _refuse(f"{shown(key)} is neither a secret key (sb_secret_...) nor a legacy service_role key.")
        case KeyKind.SECRET:
            pass
    return kind


def headers_of(key: str, kind: KeyKind) -> dict[str, str]:
    """The headers that carry the key. A secret key is no token: it must not be sent as one."""
    return {"apikey": key} | ({"Authorization": f"Bearer {key}"} if kind is KeyKind.JWT else {})


def shown(key: str) -> str:
    """The key as messages name it: by at most its first six characters."""
    return f"The key {printable(key[:SHOWN])}..." if len(key) >= SHORT else "The key that was given"


def hiding(key: str) -> Hide:
    """What takes the key out of a server's text: whole, encoded, and in parts that show more than six characters."""
    whole = Redaction([SecretStr(key)])

    def hide(text: str) -> str:
        return hide_parts(whole.hide(text[:LONGEST_TEXT]), key.removeprefix(SECRET), SHOWN)

    return hide


def claims_in(key: str) -> dict[str, object] | None:
    """The claims of a JSON Web Token; None if the text is none."""
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (NotBase64, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _check_claims(key: str, claims: dict[str, object], at: datetime) -> None:
    role = claims.get("role")
    if role == "anon":
        _refuse(f"{shown(key)} is the anon key. {HIDDEN}.")
    if role == "authenticated":
        _refuse(f"{shown(key)} is the session of a signed-in user. Synkron never reads as a user.")
    if role != SERVICE_ROLE:
        whose = f"the role {printable(role, 40)}" if isinstance(role, str) else "no role"
        _refuse(f"{shown(key)} is a token of {whose}. {HIDDEN}.")
    expiry = claims.get("exp")
    if isinstance(expiry, int | float) and not expiry > at.timestamp():
        _refuse(f"{shown(key)} is a legacy service_role key that expired{_on(expiry)}.")


def _on(expiry: float) -> str:
    try:
        return f" on {minute(datetime.fromtimestamp(expiry, UTC))}"
    except (ValueError, OverflowError, OSError):
        return ""


def _refuse(reason: str) -> NoReturn:
    raise ServiceRoleRequired(f"{reason} {REMEDY}")
