"""The policy of an integration type: how its runs are fired, delivered and retried. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.model import Integration


# requirement R16.2
def needs_warm_up(met_at: datetime | None, moment: datetime, keep_warm: timedelta) -> bool:
    """Whether a target that was last called at ``met_at`` will be cold at the moment."""
    return met_at is None or met_at + keep_warm < moment


class CatchUp(StrEnum):
    """What happens to occurrences that were missed."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens to a run whose integration is still running."""

    QUEUE = "queue"
    SKIP = "skip"


# requirement R16.1
@dataclass(frozen=True, slots=True)
class Policy:
    """How the runs of one integration type are fired, delivered and retried (design 9).

    ``pace`` is in starts per minute for the whole type, None for no limit. If the catch-up window is not set, it always
    includes the newest missed moment, however old that is (``catch_up_newest``).
    """

    catch_up: CatchUp = CatchUp.LATEST
    catch_up_window: timedelta = timedelta(hours=24)
    catch_up_newest: bool = True
    overlap: Overlap = Overlap.QUEUE
    spread: timedelta = timedelta()
    pace: int | None = None
    concurrency: int = 100
    attempts: int = 3
    backoff: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(seconds=160)
    completion_timeout: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of each integration type, and of each integration that has overrides."""

    by_type: Mapping[str, Policy]
    by_integration: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, integration: Integration) -> Policy:
        """The policy for this integration."""
        return self.by_integration.get(integration.integration_id) or self.by_type[integration.integration_type]
