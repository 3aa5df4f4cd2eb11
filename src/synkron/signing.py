"""Standard Webhooks, both ways: the secret that is signed with, and whether a request is signed."""

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
    """What one integration type signs with, as Standard Webhooks has it."""

    secret: SecretStr
    webhook: Webhook = field(repr=False)


def read_signing(key: str, reference: str, environment: Mapping[str, str]) -> Signing:
    """What is signed with the secret that ``reference`` points to. Raises SettingsError, naming ``key``.

    Decoded strictly: the library drops what is not base64, and would sign with what is left of a password.
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
            'this is not a Standard Webhooks secret, which is 24 to 64 random bytes in base64 after "whsec_"; '
            "make one with `echo whsec_$(openssl rand -base64 32)`, and give it to the endpoint too",
        )
    return Signing(secret, Webhook(secret.get_secret_value()))


def is_signed(webhook: Webhook, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether the body bears a signature of the secret's, made within five minutes of ``now``.

    The library's own check goes by the host's clock; this one goes by the database's.
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
