"""What Synkron knows about an integration type: how to probe its vendor, how it limits requests, sensible limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

SHORTEST_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Request:
    """The lightest request that shows whether a vendor answers.

    ``url`` is None if each customer has its own address. ``interval`` is the shortest time between two requests.
    ``counts`` tells whether the vendor counts them against the allowance. If HEAD is not served, the prober tries
    another method by itself.
    """

    method: str
    url: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    interval: timedelta = SHORTEST_INTERVAL
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about one vendor. Figures are the vendor's published ones (``source``), or cautious guesses.

    ``name`` is the value in the column ``integration_type``; ``flavour`` distinguishes products of one vendor;
    ``title`` is for people. ``probe`` is sent without credentials, ``authorized`` with those of the settings; None
    means that no such request exists. ``throttled_codes`` are the vendor's own codes for "too many requests" in the
    ``errors`` of a body, each with the time to wait if the answer names no reset. ``allowance`` is in requests a month.
    An answer that takes longer than ``slow_after`` makes the vendor degraded. A target counts as warm for ``keep_warm``
    after a request. ``shortest_schedule`` is the shortest sensible time between two syncs of an integration;
    ``concurrency`` and ``pace`` (starts a minute) are recommendations for the whole type.
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
