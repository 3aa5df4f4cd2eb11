"""What is set for one integration, and what was before, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synkron.service.nouns.overrides import all_written, whose

if TYPE_CHECKING:
    from synkron.operations.overrides import OverrideChange


@dataclass(frozen=True, slots=True)
class ChangedOverride:
    """The values before and after, as they are written in the settings; whose is null if the application deleted it."""

    integration_id: str
    org_id: str | None
    integration_type: str | None
    before: Mapping[str, str | int | float | None]
    after: Mapping[str, str | int | float | None]


def overridden(plan: OverrideChange, done: OverrideChange | None) -> Mapping[str, object]:
    """What was changed, or would be."""
    change = done or plan
    values = {"before": all_written(change.before), "after": all_written(change.after)}
    return whose(change.integration_id, change.integration) | values
