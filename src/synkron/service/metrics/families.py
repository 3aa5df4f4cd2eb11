"""The figures as metrics. No label has an organization; a label's values are those of an enumeration or the settings.

What happened is told as gauges of the last hour, since the database, and not this process, remembers it: a restart
resets nothing, and several processes tell the same instead of a part each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric

from synkron.incidents.condition import IncidentKind
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS
from synkron.scheduler.pauses import Hold
from synkron.service.metrics.figures import BOUNDS, Figures
from synkron.vendors.health import Verdict

# The types that these settings do not name, together: anybody may write a type into a row.
OTHER = "other"
FINDINGS = ("expected", "missed", "doubled", "unexplained")
NODE_ROLES, NODE_STATES = ("api", "scheduler", "worker"), ("running", "stopped", "lost")
LENGTHS = {
    "drift": "How late the runs that were scheduled within the last hour started",
    "duration": "How long the runs that were scheduled within the last hour took from start to end",
}


class Collector:
    """Gives one reading of the figures to ``prometheus_client``."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        found = self._figures
        yield from _ticks(found)
        yield from _runs(found)
        yield from _standing(found)
        yield from _verification(found)


def _ticks(found: Figures) -> Iterator[Metric]:
    frame, longest = found.frame, LONGEST_BETWEEN_TICKS.total_seconds()
    about = f"Time since the last tick; beyond {longest:g}, nobody ticks"
    yield _age("synkron_last_tick_age_seconds", about, found, frame["ticked_at"])
    about = "How far the watermark, up to which everything is decided, is behind"
    yield _age("synkron_undecided_seconds", about, found, frame["watermark"])
    yield _gauge("synkron_ticks_last_hour", "Ticks of the last hour", frame["ticks"])
    for name in ("due", "claimed", "skipped"):
        about = f"Occurrences that the ticks of the last hour found {name}"
        yield _gauge(f"synkron_{name}_last_hour", about, frame[name])
    yield _gauge("synkron_invalid_rows", "Rows that can't run, as the last tick read them", frame["invalid"] or 0)


def _runs(found: Figures) -> Iterator[Metric]:
    decisions: Counter[tuple[str, ...]] = Counter()
    outcomes: Counter[tuple[str, ...]] = Counter()
    for row in found.runs:
        kind = _type(found, row["integration_type"])
        decisions[kind, row["action"], row["source"], row["reason"]] += row["occurrences"]
        if row["action"] == "run":
            outcomes[kind, row["state"]] += row["occurrences"]
    yield _labelled(
        "synkron_decisions_last_hour",
        "Occurrences of the last hour by what was decided, and why",
        ("type", "action", "source", "reason"),
        decisions,
    )
    yield _labelled(
        "synkron_runs_last_hour", "Occurrences of the last hour that run, by state", ("type", "state"), outcomes
    )
    for what, about in LENGTHS.items():
        yield _histogram(found, what, about)
    unfinished = {(name,): found.unfinished[name] for name in ("waiting", "running", "accepted", "on_hold")}
    yield _labelled("synkron_unfinished_runs", "Runs that have not ended, whenever scheduled", ("state",), unfinished)


def _standing(found: Figures) -> Iterator[Metric]:
    waiting: Counter[tuple[str, ...]] = Counter()
    oldest: dict[tuple[str, ...], float] = defaultdict(float)
    for one in found.jobs:
        key = (_type(found, one.integration_type),)
        waiting[key] += one.waiting
        if one.since is not None:
            oldest[key] = max(oldest[key], (found.frame["now"] - one.since).total_seconds())
    yield _labelled("synkron_queue_depth", "Jobs that could start and wait for a worker", ("type",), waiting)
    yield _labelled("synkron_queue_age_seconds", "How long the oldest of them waits", ("type",), oldest)
    yield _gauge("synkron_pauses", "Pauses in effect", found.pauses)
    held = {(str(hold),): 0 for hold in Hold} | {(row["reason"],): row["integrations"] for row in found.held}
    yield _labelled("synkron_held_integrations", "Integrations whose moments stay undecided", ("reason",), held)
    incidents: Counter[tuple[str, ...]] = Counter()
    for row in found.incidents:
        kind = row["kind"] if row["kind"] in list(IncidentKind) else OTHER
        incidents[kind, "acknowledged" if row["is_acknowledged"] else "open"] += row["incidents"]
    yield _labelled("synkron_incidents", "Incidents that have not closed", ("kind", "state"), incidents)
    of_nodes = Counter((role, node.state) for node in found.nodes for role in node.roles if role in NODE_ROLES)
    every = {(role, state): of_nodes[role, state] for role in NODE_ROLES for state in NODE_STATES}
    yield _labelled("synkron_nodes", "Processes of the last seven days", ("role", "state"), every)
    verdicts = {
        (_type(found, kind), str(verdict)): float(one.verdict is verdict)
        for one in found.endpoints
        for kind in one.integration_types
        for verdict in Verdict
    }
    yield _labelled("synkron_vendor_health", "1 for the verdict on the vendor of a type", ("type", "verdict"), verdicts)


def _verification(found: Figures) -> Iterator[Metric]:
    one = found.verification
    about = "Time since the last verification"
    yield _age("synkron_verification_age_seconds", about, found, one.at if one else None)
    figures = {(name,): getattr(one, name) for name in FINDINGS if one is not None}
    about = "Occurrences of 24 hours by what the last verification found"
    yield _labelled("synkron_verification", about, ("finding",), figures)


def _histogram(found: Figures, what: str, about: str) -> Metric:
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    sums: Counter[str] = Counter()
    for row in found.lengths:
        if row["what"] == what:
            kind = _type(found, row["integration_type"])
            counts[kind][row["bucket"]] += row["runs"]
            sums[kind] += row["seconds"]
    family = GaugeHistogramMetricFamily(f"synkron_{what}_seconds_last_hour", about, labels=["type"])
    for kind, by_bucket in sorted(counts.items()):
        family.add_metric([kind], _cumulated(by_bucket, BOUNDS[what]), sums[kind])
    return family


def _cumulated(by_bucket: Counter[int], bounds: Sequence[float]) -> list[tuple[str, float]]:
    """The number up to each bound. Bucket 0 is below the first bound, and the last one above the last."""
    names = [*map(str, bounds), "+Inf"]
    total = 0
    found = []
    for number, name in enumerate(names):
        total += by_bucket[number]
        found.append((name, float(total)))
    return found


def _type(found: Figures, kind: str) -> str:
    return kind if kind in found.types else OTHER


def _age(name: str, about: str, found: Figures, at: datetime | None) -> Metric:
    """How long ago it was; no sample if it never was."""
    return _labelled(name, about, (), {} if at is None else {(): max((found.frame["now"] - at).total_seconds(), 0.0)})


def _gauge(name: str, about: str, value: float) -> Metric:
    return _labelled(name, about, (), {(): value})


def _labelled(name: str, about: str, labels: Sequence[str], values: Mapping[Any, float]) -> Metric:
    """A value for each tuple of the labels' values."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
