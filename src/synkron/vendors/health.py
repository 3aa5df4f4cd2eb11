"""The health of a vendor's endpoint: what one contact shows, and the verdict after it. Pure: values in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.backoff import apart, doubled
from synkron.model import Outcome, OutcomeKind, recorded_status
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.text import one_line

# The longest time between probes of an endpoint that does not answer, unless its interval is longer.
LONGEST_BACKOFF = timedelta(hours=6)
# The first and the longest wait after a vendor refused for too many requests without saying for how long.
FIRST_REST = timedelta(hours=1)
LONGEST_REST = timedelta(hours=24)
# A reset further in the future is treated as a mistake: the longest allowance is for a month.
FURTHEST_RESET = timedelta(days=32)
PASSIVE = "passive"


class Verdict(StrEnum):
    """What is known about an endpoint."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


OF_VENDOR = frozenset({502, 504})  # a target's answers that blame the vendor: Bad Gateway, Gateway Timeout
# With these verdicts, a run that is due now would fail.
DOWN = frozenset({Verdict.UNREACHABLE, Verdict.THROTTLED})


class Contact(StrEnum):
    """How an endpoint was contacted: by a run or by a probe."""

    RUN = "run"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Watch:
    """How one endpoint is watched, for all integration types that use it.

    ``endpoint`` is its name: scheme, host, port and path of what is probed, or ``type NAME`` if nothing is probed.
    ``probes`` tells whether probes are sent at all. ``most_probes`` is the limit of probes a month that the vendor
    counts, None for no limit. ``throttled_codes`` are the vendor's codes for "too many requests", each with the time to
    wait if the answer names no reset.
    """

    endpoint: str
    integration_types: tuple[str, ...]
    probes: bool
    interval: timedelta
    timeout: timedelta
    slow_after: timedelta
    allowance: int | None = None
    most_probes: int | None = None
    throttled_codes: Mapping[str, timedelta] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one contact showed, or several runs that showed the same.

    ``resets_at`` is the reset that the vendor named; ``rest`` is the known time to wait if it named none. ``method`` is
    the method for the next probes, None for no change. ``org_id`` is the organization of the run, None for several;
    ``sent_at`` is when a probe was sent, after its token had been obtained.
    """

    at: datetime
    source: Contact
    finding: Verdict
    reason: str
    contacts: int = 1
    latency: timedelta | None = None
    http_status: int | None = None
    resets_at: datetime | None = None
    rest: timedelta | None = None
    method: str | None = None
    org_id: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known about an endpoint: a row of ``synkron.health``. ``known_by`` is ``run``, ``probe`` or ``passive``.

    ``failed_org_id`` is the organization whose run failed last, None for several.
    """

    endpoint: str
    integration_types: tuple[str, ...]
    verdict: Verdict
    reason: str
    known_by: str | None
    since: datetime
    sampled_at: datetime | None = None
    probed_at: datetime | None = None
    next_probe_at: datetime | None = None
    method: str | None = None
    failures: int = 0
    failed_runs: int = 0
    failed_org_id: str | None = None
    throttles: int = 0
    passive_until: datetime | None = None


# requirement R18.5
def health_after(health: Health, sample: Sample, watch: Watch) -> Health:
    """What is known after the sample. An older one (another host wrote it late) does not change the verdict."""
    health = replace(health, method=sample.method or health.method)
    if sample.sent_at is not None:
        health = replace(health, probed_at=max(sample.sent_at, health.probed_at or sample.sent_at))
    if health.sampled_at is not None and sample.at < health.sampled_at:
        return _rested(health, sample) if sample.finding is Verdict.THROTTLED else health
    verdict: Verdict | None = sample.finding
    if sample.finding is Verdict.THROTTLED:
        known = _throttled(health, sample)
    elif sample.source is Contact.RUN and sample.finding is not Verdict.HEALTHY:
        verdict, known = _failed_run(health, sample, watch)
    elif sample.finding in (Verdict.HEALTHY, Verdict.DEGRADED):
        known = _answered(health, sample, watch)
    else:
        known = _failed_probe(health, sample, watch)
    known = replace(known, sampled_at=sample.at, next_probe_at=known.next_probe_at if watch.probes else None)
    if verdict is None:
        return known
    passive = sample.source is Contact.RUN and is_passive(health, watch, sample.at)
    return replace(
        known,
        verdict=verdict,
        reason=sample.reason,
        known_by=PASSIVE if passive else sample.source.value,
        since=health.since if verdict is health.verdict else sample.at,
    )


def sample_of_run(
    outcome: Outcome,
    duration: timedelta,
    at: datetime,
    throttled_codes: Mapping[str, timedelta] | None = None,
    org_id: str | None = None,
) -> Sample:
    """What an organization's run shows about the vendor behind its target. ``at`` is when it ended.

    A mistake of the organization (a 4xx) shows only that the vendor answers; the duration shows nothing. A failure is
    the target's own unless that blames the vendor, with 502 or 504. ``throttled_codes`` have their own times to wait.
    """
    status = outcome.http_status
    told = one_line(outcome.error or f"HTTP {status}", 300)
    resets_at = rest = None
    if outcome.is_throttled or status == 429:
        finding, reason = Verdict.THROTTLED, f"a run was throttled: {told}"
        rest = next((wait for code, wait in (throttled_codes or {}).items() if code in told), None)
        resets_at = None if outcome.retry_after is None else at + outcome.retry_after
    elif outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED):
        finding, reason = Verdict.HEALTHY, f"a run {outcome.kind}"
    elif outcome.kind is OutcomeKind.FINAL or (status is not None and 400 <= status < 500):
        finding, reason = Verdict.HEALTHY, f"it answered a run with {told}"
    elif status in OF_VENDOR:
        finding, reason = Verdict.UNREACHABLE, f"a run failed, and its target blames the vendor: {told}"
    else:
        finding, reason = Verdict.DEGRADED, f"a run failed at its target, which says nothing of the vendor: {told}"
    return Sample(
        at=at,
        source=Contact.RUN,
        finding=finding,
        reason=reason,
        latency=duration,
        http_status=recorded_status(status),
        resets_at=resets_at,
        rest=rest,
        org_id=org_id,
    )


def is_passive(health: Health, watch: Watch, at: datetime) -> bool:
    """Whether at that moment only runs show the endpoint's health."""
    return not watch.probes or (health.passive_until is not None and at < health.passive_until)


# requirement R18.3
def backoff(endpoint: str, failures: int, interval: timedelta) -> timedelta:
    """How long to wait after this many failed probes in a row.

    The interval is doubled for each, up to 6 h. Up to a tenth is added, so that endpoints that failed at the same time
    are not probed at the same time.
    """
    return apart(doubled(interval, failures - 1, LONGEST_BACKOFF), f"{endpoint}#{failures}")


def _answered(health: Health, sample: Sample, watch: Watch) -> Health:
    after = max(sample.at + watch.interval, health.passive_until or sample.at)
    return replace(health, failures=0, failed_runs=0, throttles=0, next_probe_at=after)


def _failed_probe(health: Health, sample: Sample, watch: Watch) -> Health:
    failures = health.failures + 1
    after = sample.at + backoff(health.endpoint, failures, watch.interval)
    return replace(health, failures=failures, next_probe_at=after)


def _failed_run(health: Health, sample: Sample, watch: Watch) -> tuple[Verdict | None, Health]:
    """While probes are sent, one failed run is weak evidence: its organization may be the cause, so a probe decides."""
    # If the same organization fails again, that is no further evidence.
    again = sample.org_id is not None and sample.org_id == health.failed_org_id and health.failed_runs > 0
    new = 0 if again else 1 if sample.org_id is not None else sample.contacts
    known = replace(health, failed_runs=health.failed_runs + new, failed_org_id=sample.org_id)
    if health.failures == 0:
        # If probes have failed already, they keep their backoff.
        soonest = max(sample.at, health.passive_until or sample.at, _earliest(health) or sample.at)
        known = replace(known, next_probe_at=min(soonest, health.next_probe_at or soonest))
    if is_passive(health, watch, sample.at):
        return sample.finding, known
    if health.verdict in (Verdict.UNREACHABLE, Verdict.UNAUTHORIZED):
        return None, known
    return Verdict.DEGRADED if known.failed_runs == 1 else sample.finding, known


def _throttled(health: Health, sample: Sample) -> Health:
    known = replace(_rested(health, sample), failures=0, failed_runs=0)
    after = max(known.passive_until or sample.at, _earliest(health) or sample.at)
    return replace(known, next_probe_at=after)


def _rested(health: Health, sample: Sample) -> Health:
    """Pause probes until the reset that the vendor named; else for the known wait, doubled while it keeps refusing."""
    known, at = health.passive_until, sample.at
    is_resting = known is not None and at < known
    if sample.resets_at is not None and at < sample.resets_at <= at + FURTHEST_RESET:
        until = sample.resets_at
    elif is_resting:
        return health
    else:
        until = at + doubled(sample.rest or FIRST_REST, health.throttles, LONGEST_REST)
    throttles = max(health.throttles, 1) if is_resting else health.throttles + 1
    return replace(health, throttles=throttles, passive_until=max(until, known or until))


def _earliest(health: Health) -> datetime | None:
    return None if health.probed_at is None else health.probed_at + SHORTEST_INTERVAL
