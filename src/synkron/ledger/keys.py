"""The idempotency keys: for ever the same for an integration and a moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha1
from uuid import UUID

from synkron.model import Source

# Before ledgers had an installation, keys derived from this. It must never change: those runs keep their keys.
BEFORE_INSTALLATIONS = UUID("5d1f2a6e-7c0b-4d57-9a55-1f0c6f0e5b3d")


# requirement R17.1
def idempotency_key(installation: UUID, integration_id: str, scheduled_for: datetime) -> str:
    """The key of a run, derived only from installation, integration and moment: always the same, on every host."""
    return _uuid5(installation, f"{integration_id}@{_written(scheduled_for)}")


def run_key(installation: UUID, integration_id: str, source: str, moment: datetime) -> str:
    """The key of a run, which depends on its ``Source``: that of a manual run never equals that of a scheduled one."""
    if source == Source.MANUAL:
        return _uuid5(installation, f"{integration_id}@{moment.astimezone(UTC).isoformat()} by hand")
    return idempotency_key(installation, integration_id, moment)


def is_key_of(key: str, installations: Iterable[UUID], integration_id: str, source: str, moment: datetime) -> bool:
    """Whether the key is this run's: derived from one of the installations, or as before there were installations."""
    ids = (*installations, BEFORE_INSTALLATIONS)
    return any(key == run_key(one, integration_id, source, moment) for one in ids)


def _uuid5(namespace: UUID, name: str) -> str:
    """The UUID of version 5 (RFC 9562) as text. The standard library takes four times as long."""
    digits = sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


@lru_cache(maxsize=16_384)
def _written(moment: datetime) -> str:
    """The moment as written in keys. It is remembered: many integrations share it, and writing it is slow."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
