"""Vendors that are not well, and probes that are used up. Pure: endpoints in, conditions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.incidents import Condition, Kind
from synkron.incidents.conditions.wording import listed, moment
from synkron.settings.integrations.naming import section_of
from synkron.text import several
from synkron.vendors.health import Verdict, Watch
from synkron.vendors.probe_times import next_month

SAYS: Mapping[Verdict, str] = {
    Verdict.DEGRADED: "the vendor is slow or answers with errors",
    Verdict.UNREACHABLE: "the vendor can't be reached",
    Verdict.UNAUTHORIZED: "the vendor refuses the credentials",
    Verdict.THROTTLED: "the vendor refuses further requests for now",
}
KNOWN_BY = {"run": "by a run", "probe": "by a probe", "passive": "by a run, as no probes go"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is known of an endpoint; ``verdict`` is None where nothing is yet.

    ``counted`` are the probes of this month that the vendor counts. ``passive_until`` is until when no probe goes.
    """

    endpoint: str
    verdict: Verdict | None
    reason: str
    known_by: str | None
    since: datetime
    probed_at: datetime | None
    passive_until: datetime | None
    counted: int


@dataclass(frozen=True, slots=True)
class Touched:
    """The organizations with live integrations of an endpoint's types; ``is_cut`` where there are more."""

    org_ids: Sequence[str]
    total: int
    is_cut: bool


def is_told(endpoint: Endpoint) -> bool:
    """Whether an operator is told of its verdict.

    One failed run alone makes an endpoint degraded until a probe or another run tells: it may be that run's own fault.
    """
    if endpoint.verdict is Verdict.DEGRADED and endpoint.known_by == "run":
        return False
    return endpoint.verdict in SAYS


def unwell(endpoint: Endpoint, watch: Watch, touched: Touched) -> Condition:
    """What is to be told of an endpoint with a verdict that is told."""
    assert endpoint.verdict is not None  # noqa: S101 - of those without, nothing is told
    throttled = endpoint.verdict is Verdict.THROTTLED
    organizations = several(touched.total, "organization", at_least=touched.is_cut)
    until = f" No probe goes until {moment(endpoint.passive_until)}." if endpoint.passive_until else ""
    return Condition(
        kind=Kind.THROTTLED if throttled else Kind.UNHEALTHY,
        subject=endpoint.endpoint,
        title=f"{_types(watch)}: {SAYS[endpoint.verdict]}",
        detail=(
            f"{endpoint.endpoint} is {endpoint.verdict} since {moment(endpoint.since)}: {endpoint.reason.rstrip('.')}. "
            f"This is known {KNOWN_BY.get(endpoint.known_by or '', 'by hand')}.{until} "
            f"Live integrations of {organizations} go there."
        ),
        remedy=_remedy(endpoint.verdict, watch),
        since=endpoint.since,
        integration_type=watch.integration_types[0] if len(watch.integration_types) == 1 else None,
        endpoint=endpoint.endpoint,
        touches={
            "organizations": list(touched.org_ids),
            "organizations_total": touched.total,
            "types": list(watch.integration_types),
            "verdict": endpoint.verdict.value,
        },
    )


def used_up(endpoint: Endpoint, watch: Watch, at: datetime) -> list[Condition]:
    """A condition where all probes of this month went that may."""
    if not watch.most_probes or endpoint.counted < watch.most_probes:
        return []
    name = watch.integration_types[0]
    return [
        Condition(
            kind=Kind.PROBE_ALLOWANCE,
            subject=endpoint.endpoint,
            title=f"{_types(watch)}: the probes of this month are used up",
            detail=(
                f"{several(endpoint.counted, 'probe')} of {watch.most_probes:,} that the vendor counts went to "
                f"{endpoint.endpoint}. None goes before {moment(next_month(at))}; until then its health is learnt "
                "from runs alone."
            ),
            remedy=(
                f"Where the vendor allows more, raise `{section_of(name)}.health.allowance` or its `allowance_share`; "
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


def _remedy(verdict: Verdict, watch: Watch) -> str:
    name = watch.integration_types[0]
    match verdict:
        case Verdict.UNAUTHORIZED:
            return (
                f"Look at the credentials: those of the probe (`{section_of(name)}.health`), and those that the target "
                "uses. Renew what has run out."
            )
        case Verdict.THROTTLED:
            return (
                f"Nothing needs to be done: it is asked again when its pause is over. If it comes again, give "
                f"`{section_of(name)}` a `pace` or a longer `spread`."
            )
        case _:
            return (
                "Look at the vendor's own page of incidents. Runs are tried again by themselves; those that fail for "
                f"good: `synkron runs --state failed --type {name}`."
            )
