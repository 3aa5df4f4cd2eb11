"""What Synkron knows of an integration type: how its vendor is asked, how it refuses, and what is sensible for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

SHORTEST_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Request:
    """The lightest request that shows whether a vendor answers.

    ``url`` is None where each customer has an address of their own. ``interval`` is how often it goes at most, and
    ``counts`` whether the vendor counts it against the allowance. A HEAD that is not served falls back by itself.
    """

    method: str
    url: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    interval: timedelta = SHORTEST_INTERVAL
    counts: bool = False


# requirement R16.1
@dataclass(frozen=True, slots=True)
class Profile:
    """One vendor's ways. Figures are as published by the vendor (``source``), or cautious where nothing is.

    ``name`` is what stands in the column ``integration_type``, ``flavour`` tells several products of one vendor apart,
    ``title`` is for people. ``probe`` goes without credentials, ``authorized`` with those of the settings, None where
    the vendor is not asked that way. ``throttled_codes`` are the vendor's own words for "too much", in the ``errors``
    of a body, each with the wait where no reset is named. ``allowance`` is in requests a month. ``slow_after``: an
    answer that takes longer is degraded. ``keep_warm``: so long after a request is the target taken to be warm.
    ``shortest_schedule`` is the closest that two syncs of an integration make sense; ``concurrency`` and ``pace``
    (starts a minute) are recommended for the whole type.
    """

    name: str
    title: str
    source: str
    flavour: str = ""
    probe: Request | None = None
    authorized: Request | None = None
    token_scope: str | None = None
    throttled_codes: Mapping[str, timedelta] = field(default_factory=dict)
    allowance: int | None = None
    slow_after: timedelta = timedelta(seconds=5)
    timeout: timedelta = timedelta(seconds=10)
    warm_up: str = "GET"
    keep_warm: timedelta = timedelta(seconds=45)
    shortest_schedule: timedelta = timedelta(minutes=1)
    concurrency: int = 100
    pace: int | None = None
