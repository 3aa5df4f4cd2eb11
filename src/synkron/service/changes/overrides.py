"""What is set for one integration, and what was before, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from synkron.service.forms import held_by
from synkron.text import duration_text

if TYPE_CHECKING:
    from synkron.operations.overrides import OverrideChange


@dataclass(frozen=True, slots=True)
class ChangedOverride:
    """The values before and after, as they are written in the settings; whose is null if the application deleted it."""

    integration_id: str
    org_id: str | None
    integration_type: str | None
    before: Mapping[str, str | int]
    after: Mapping[str, str | int]


def overridden(plan: OverrideChange, done: OverrideChange | None) -> Mapping[str, object]:
    """What was changed, or would be."""
    change = done or plan
    row = change.integration
    org_id, kind = (None, None) if row is None else (row.org_id, row.integration_type)
    values = as_written(change.before), as_written(change.after)
    return held_by(ChangedOverride(change.integration_id, org_id, kind, *values))


def as_written(values: Mapping[str, object]) -> dict[str, str | int]:
    """The values as they are written in the settings."""
    written: dict[str, str | int] = {}
    for key, value in values.items():
        written[key] = duration_text(value) if isinstance(value, timedelta) else value  # type: ignore[assignment]
    return written
