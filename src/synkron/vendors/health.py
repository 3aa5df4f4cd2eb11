"""The health of a vendor's endpoint: what one contact shows, and what is known after it. Pure: values in and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from synkron.backoff import apart, doubled
from synkron.http.status import recorded_status
from synkron.model import Outcome, OutcomeKind
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.text import one_line

# How far apart probes of an endpoint that does not answer get, where its interval is shorter.
LONGEST_BACKOFF = timedelta(hours=6)
# The first wait, and the longest, after a vendor has had enough without saying for how long.
FIRST_REST = timedelta(hours=1)
LONGEST_REST = timedelta(hours=24)
# A reset that a vendor names further ahead is taken for a mistake: the longest allowance is a month's.
FURTHEST_RESET = timedelta(days=32)
PASSIVE = "passive"


class Verdict(StrEnum):
    """What is known of an endpoint."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


# A run that is due now would fail.
DOWN = frozenset({Verdict.UNREACHABLE, Verdict.THROTTLED})


class Contact(StrEnum):
    """How an endpoint was met: by a run, or by a probe."""

    RUN = "run"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Watch:
    """How one endpoint is watched, for all integration types that go there.

    ``endpoint`` names it: scheme, host, port and path of what is probed, or ``type NAME`` where nothing is. ``probes``
    says whether probes go at all. ``most_probes`` is how many a month may go that the vendor counts, None for no limit.
    ``throttled_codes`` are the vendor's words for "too much", each with the wait where no reset is named.
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

    ``resets_at`` is what the vendor named, ``rest`` what it is known to need where it names nothing. ``method`` is what
    probes are to use from here on, None for no change. ``org_id`` is whose run it was, None for several; ``sent_at``
    when a probe left, after it had got its token.
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
    """What is known of an endpoint; a row of ``synkron.health``. ``known_by`` is ``run``, ``probe`` or ``passive``.

    ``failed_org_id`` is whose run failed last, None where it was several organizations'.
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


def judge(health: Health, sample: Sample, watch: Watch) -> Health:
    """What is known after the sample.

    A sample from before the last one (another host was slow to tell) changes no verdict.
    """
    health = replace(health, method=sample.method or health.method)
    if sample.sent_at is not None:
        health = replace(health, probed_at=max(sample.sent_at, health.probed_at or sample.sent_at))
    if health.sampled_at is not None and sample.at < health.sampled_at:
        return _rested(health, sample) if sample.finding is Verdict.THROTTLED else health
    verdict: Verdict | None = sample.finding
    if sample.finding is Verdict.THROTTLED:
        known = _throttled(health, sample)
    elif sample.finding in (Verdict.HEALTHY, Verdict.DEGRADED):
        known = _answered(health, sample, watch)
    elif sample.source is Contact.PROBE:
        known = _failed_probe(health, sample, watch)
    else:
        verdict, known = _failed_run(health, sample, watch)
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
    """What a run of an organization shows of the vendor behind its target. ``at`` is when it ended.

    One organization's own mistake (a 4xx) says no more of the vendor than that it answers, and how long a run takes
    says nothing. A throttled one may name one of the vendor's ``throttled_codes``, each with the rest that it needs.
    """
    status = outcome.http_status
    # A callable may have said anything.
    told = one_line(outcome.error or f"HTTP {status}", 300)
    resets_at = rest = None
    if outcome.is_throttled or status == 429:
        finding, reason = Verdict.THROTTLED, f"a run was throttled: {told}"
        rest = next((wait for code, wait in (throttled_codes or {}).items() if code in told), None)
        resets_at = None if outcome.retry_after is None else at + outcome.retry_after
    elif outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED):
        finding, reason = Verdict.HEALTHY, f"a run {outcome.kind}"
    elif outcome.kind is OutcomeKind.FINAL or (status is not None and 400 <= status < 500):
        finding, reason = Verdict.HEALTHY, f"it answered a run, though with {told}"
    else:
        finding, reason = Verdict.UNREACHABLE, f"a run failed: {told}"
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
    """Whether only runs tell of the endpoint at that moment."""
    return not watch.probes or (health.passive_until is not None and at < health.passive_until)


def backoff(endpoint: str, failures: int, interval: timedelta) -> timedelta:
    """How long to wait after so many failed probes in a row.

    The interval, doubling up to 6 h, and up to a tenth longer, so that endpoints that failed together part.
    """
    return apart(doubled(interval, failures - 1, LONGEST_BACKOFF), f"{endpoint}#{failures}")


def _answered(health: Health, sample: Sample, watch: Watch) -> Health:
    after = max(sample.at + watch.interval, health.passive_until or sample.at)
    return replace(health, failures=0, failed_runs=0, throttles=0, next_probe_at=after)


def _failed_probe(health: Health, sample: Sample, watch: Watch) -> Health:
    failures = health.failures + 1
    return replace(
        health, failures=failures, next_probe_at=sample.at + backoff(health.endpoint, failures, watch.interval)
    )


def _failed_run(health: Health, sample: Sample, watch: Watch) -> tuple[Verdict | None, Health]:
    """While probes go, one failed run is weak evidence, as its organization may be the cause: a probe has to tell."""
    # One organization that fails again is no further evidence.
    again = sample.org_id is not None and sample.org_id == health.failed_org_id and health.failed_runs > 0
    new = 0 if again else 1 if sample.org_id is not None else sample.contacts
    known = replace(health, failed_runs=health.failed_runs + new, failed_org_id=sample.org_id)
    if health.failures == 0:
        # Where probes have failed already, they keep to their backoff.
        soonest = max(sample.at, health.passive_until or sample.at, _earliest(health) or sample.at)
        known = replace(known, next_probe_at=min(soonest, health.next_probe_at or soonest))
    if is_passive(health, watch, sample.at):
        return Verdict.UNREACHABLE, known
    if health.verdict in (Verdict.UNREACHABLE, Verdict.UNAUTHORIZED):
        return None, known
    return Verdict.DEGRADED if known.failed_runs == 1 else Verdict.UNREACHABLE, known


def _throttled(health: Health, sample: Sample) -> Health:
    known = replace(_rested(health, sample), failures=0, failed_runs=0)
    after = max(known.passive_until or sample.at, _earliest(health) or sample.at)
    return replace(known, next_probe_at=after)


def _rested(health: Health, sample: Sample) -> Health:
    """Probes rest until the reset that the vendor named; else for what it needs, doubling while trials are refused."""
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
