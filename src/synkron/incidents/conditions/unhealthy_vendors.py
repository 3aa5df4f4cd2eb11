"""Unhealthy vendors, and used-up probe allowances. Pure: endpoints in, conditions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import listed, moment, touched
from synkron.settings.integrations.naming import section_of
from synkron.text import several
from synkron.vendors.health import Verdict, Watch
from synkron.vendors.probe_times import next_month

SAYS: Mapping[Verdict, str] = {
    Verdict.DEGRADED: "the vendor is slow or returns errors",
    Verdict.UNREACHABLE: "the vendor can't be reached",
    Verdict.UNAUTHORIZED: "the vendor rejects the credentials",
    Verdict.THROTTLED: "the vendor is throttling requests",
}
AT_THE_TARGET = "runs fail at the target, and nothing is known of the vendor"
KNOWN_BY = {"run": "by a run", "probe": "by a probe", "passive": "by a run, because probes are off"}


@dataclass(frozen=True, slots=True)
class VendorEndpoint:
    """What is known about an endpoint.

    ``counted`` is how many probes of this month the vendor counts. No probe is sent until ``passive_until``.
    """

    endpoint: str
    verdict: Verdict
    reason: str
    known_by: str | None
    since: datetime
    probed_at: datetime | None
    passive_until: datetime | None
    counted: int


def is_told(endpoint: VendorEndpoint) -> bool:
    """Whether its verdict becomes an incident.

    A single failed run makes an endpoint degraded until a probe or another run confirms it: the run may be the cause.
    """
    if endpoint.verdict is Verdict.DEGRADED and endpoint.known_by == "run":
        return False
    return endpoint.verdict in SAYS


def unwell(endpoint: VendorEndpoint, watch: Watch, org_ids: Sequence[str], *, is_cut: bool) -> Condition:
    """The condition of an endpoint for which ``is_told`` is true.

    ``org_ids`` have live integrations of its types; ``is_cut``: there are more.
    """
    throttled = endpoint.verdict is Verdict.THROTTLED
    organizations = several(len(org_ids), "organization", at_least=is_cut)
    until = f" No probe is sent until {moment(endpoint.passive_until)}." if endpoint.passive_until else ""
    return Condition(
        kind=IncidentKind.THROTTLED if throttled else IncidentKind.UNHEALTHY,
        subject=endpoint.endpoint,
        title=f"{_types(watch)}: {AT_THE_TARGET if _is_at_the_target(endpoint) else SAYS[endpoint.verdict]}",
        detail=(
            f"{endpoint.endpoint} has been {endpoint.verdict} since {moment(endpoint.since)}: "
            f"{endpoint.reason.rstrip('.')}. This was detected {KNOWN_BY.get(endpoint.known_by or '', 'by hand')}."
            f"{until} Live integrations of {organizations} use it."
        ),
        remedy=_remedy(endpoint, watch),
        since=endpoint.since,
        integration_type=watch.integration_types[0] if len(watch.integration_types) == 1 else None,
        endpoint=endpoint.endpoint,
        touches=touched(org_ids, types=list(watch.integration_types), verdict=endpoint.verdict.value),
    )


def used_up(endpoint: VendorEndpoint, watch: Watch, at: datetime) -> list[Condition]:
    """A condition if the probe allowance of this month is used up."""
    if not watch.most_probes or endpoint.counted < watch.most_probes:
        return []
    name = watch.integration_types[0]
    return [
        Condition(
            kind=IncidentKind.PROBE_ALLOWANCE,
            subject=endpoint.endpoint,
            title=f"{_types(watch)}: the probe allowance of this month is used up",
            detail=(
                f"{several(endpoint.counted, 'probe')} of {watch.most_probes:,} that the vendor counts were sent to "
                f"{endpoint.endpoint}. None is sent before {moment(next_month(at))}; until then, only runs show its "
                "health."
            ),
            remedy=(
                f"If the vendor allows more, raise `{section_of(name)}.health.allowance` or its `allowance_share`; "
                "or probe less often, with a longer `interval`."
            ),
            since=endpoint.probed_at or at,
            integration_type=name if len(watch.integration_types) == 1 else None,
            endpoint=endpoint.endpoint,
            touches={"types": list(watch.integration_types), "probes": endpoint.counted, "most": watch.most_probes},
        )
    ]


def _types(watch: Watch) -> str:
    return listed(watch.integration_types)


def _is_at_the_target(endpoint: VendorEndpoint) -> bool:
    """A run makes an endpoint degraded if its target failed, and did not say that the vendor did."""
    return endpoint.verdict is Verdict.DEGRADED and endpoint.known_by in ("run", "passive")


def _remedy(endpoint: VendorEndpoint, watch: Watch) -> str:
    name = watch.integration_types[0]
    match endpoint.verdict:
        case _ if _is_at_the_target(endpoint):
            return (
                f"Look at the log of the target. `synkron runs --state failed --type {name}` lists what failed "
                "for good. If the vendor is the cause, let the target answer 502 or 504."
            )
        case Verdict.UNAUTHORIZED:
            return (
                f"Check the credentials of the probe (`{section_of(name)}.health`) and those that the target uses. "
                "Renew any that have expired."
            )
        case Verdict.THROTTLED:
            return (
                f"Nothing to do now: requests resume when the vendor's wait is over. If it happens again, set a `pace` "
                f"or a longer `spread` for `{section_of(name)}`."
            )
        case _:
            return (
                "Check the vendor's status page. Runs are retried automatically; "
                f"`synkron runs --state failed --type {name}` lists those that failed for good."
            )
