"""Standard Webhooks in both directions: the secret for signatures, and the check of a request's signature."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from re import fullmatch

from pydantic import SecretStr
from standardwebhooks import Webhook

from synkron.settings.secrets import fault, read_secret

TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Signing:
    """The secret with which one integration type signs, as defined by Standard Webhooks."""

    secret: SecretStr
    webhook: Webhook = field(repr=False)


def read_signing(key: str, reference: str, environment: Mapping[str, str]) -> Signing:
    """The signing with the secret that ``reference`` points to. Raises SettingsError, naming ``key``.

    The secret is decoded strictly: the library ignores characters that are not base64, and would sign with the rest of
    a password.
    """
    secret = read_secret(key, reference, environment)
    encoded = secret.get_secret_value().removeprefix("whsec_").rstrip("=")
    try:
        length = len(b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except ValueError:
        length = 0
    if not 24 <= length <= 64:
        raise fault(
            key,
            'this is not a Standard Webhooks secret; expected "whsec_" and 24 to 64 random bytes in base64; '
            "make one with `echo whsec_$(openssl rand -base64 32)`, and give it to the endpoint too",
        )
    return Signing(secret, Webhook(secret.get_secret_value()))


def is_signed(webhook: Webhook, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether the body has a valid signature, made within five minutes of ``now``.

    The library's own check uses the host's clock; this one uses the database's.
    """
    name, stamp, given = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (name and fullmatch(r"[0-9]{1,11}", stamp)):
        return False
    moment = datetime.fromtimestamp(int(stamp), UTC)
    if abs(now - moment) > TOLERANCE:
        return False
    try:
        expected = webhook.sign(name, moment, body.decode()).encode()
    except UnicodeError:
        return False
    return any(compare_digest(expected, one.encode("utf-8", "surrogateescape")) for one in given.split())
