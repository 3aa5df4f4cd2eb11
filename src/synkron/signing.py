"""Whether a request is signed, as Standard Webhooks has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from re import fullmatch

from standardwebhooks import Webhook

TOLERANCE = timedelta(minutes=5)


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
