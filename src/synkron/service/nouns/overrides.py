"""What is set for one integration, and the policy that holds for it, in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from synkron.model import Integration
from synkron.operations.overrides import EffectiveValue, Override
from synkron.text import duration_text


@dataclass(frozen=True, slots=True)
class OverrideFacts:
    """The values that are set, as they are written in the settings; of one whose row is gone, only its id is known."""

    integration_id: str
    org_id: str | None
    integration_type: str | None
    values: Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Whose:
    """An integration, its organization and its type."""

    integration_id: str
    org_id: str
    integration_type: str


def override_facts(one: Override) -> dict[str, object]:
    """See ``OverrideFacts``."""
    return whose(one.integration_id, one.integration) | {"values": all_written(one.values)}


def whose(integration_id: str, row: Integration | None) -> dict[str, object]:
    """Which integration something is about; the organization and the type are null if the application deleted it."""
    return {
        "integration_id": integration_id,
        "org_id": row and row.org_id,
        "integration_type": row and row.integration_type,
    }


def policy_facts(values: Iterable[EffectiveValue]) -> list[dict[str, object]]:
    """Each value of a policy, and where it comes from."""
    return [{"key": one.key, "value": as_written(one.value), "from": one.origin} for one in values]


def all_written(values: Mapping[str, object]) -> dict[str, object]:
    """Values as they are written in the settings."""
    return {key: as_written(value) for key, value in values.items()}


def as_written(value: object) -> object:
    """A value as it is written in the settings."""
    return duration_text(value) if isinstance(value, timedelta) else value
