"""Synkron's own tables: grants, the processes, the queue, and what is kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.incidents.conditions.wording import listed
from synkron.ledger.nodes import Node
from synkron.ledger.ticks import LONGEST_BETWEEN_TICKS, NewestTick
from synkron.service.doctor.finding import Finding, failed, migrate_for, ok, warning
from synkron.settings.integrations.naming import section_of
from synkron.settings.policy import Policy
from synkron.text import duration_text, several, span

RUN_SCHEDULER, RUN_WORKER = "synkron run --role scheduler", "synkron run --role worker"


@dataclass(frozen=True, slots=True)
class LedgerGrants:
    """Whether the schema exists and may be used, and what else the role lacks, such as ``insert on runs``."""

    exists: bool
    may_use: bool
    lacking: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ticks:
    """Up to when everything is decided, and the last tick; both None before the first. ``now`` is the database's."""

    now: datetime
    watermark: datetime | None
    last: NewestTick | None


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a type: how many could start and wait, since when, and how many are under way."""

    integration_type: str
    waiting: int
    since: datetime | None
    under_way: int


def grants(found: LedgerGrants, role: str) -> Finding:
    """Whether the schema ``synkron`` exists, and the role may do there what the service does."""
    if not found.exists:
        return failed("This database has no schema synkron.", migrate_for(role))
    lacking = found.lacking if found.may_use else ["usage of the schema synkron"]
    if lacking:
        return failed(f'The role "{role}" lacks {listed(lacking)}.', migrate_for(role))
    return ok("The schema synkron exists, and the role has all grants.")


def scheduler(ticks: Ticks, nodes: Sequence[Node]) -> Finding:
    """Whether somebody ticks: a service, or a clock of one's own with ``synkron tick``."""
    if ticks.watermark is not None and ticks.watermark - ticks.now > LONGEST_BETWEEN_TICKS:
        return failed(
            f"Everything up to {span(ticks.watermark - ticks.now)} from now is decided already: the database's clock "
            "was set back, and nothing is claimed until it is there again.",
            remedy="Wait, or correct the clock of the database's host.",
        )
    if ticks.last is not None and ticks.now - ticks.last.at <= LONGEST_BETWEEN_TICKS:
        return ok(f"The last tick was {span(ticks.now - ticks.last.at)} ago, by {ticks.last.scheduler}.")
    last = "nobody has ticked yet" if ticks.last is None else f"the last tick was {span(ticks.now - ticks.last.at)} ago"
    if running := _running(nodes, "scheduler"):
        return failed(f"{listed(running)} runs as a scheduler, but {last}.", "synkron tick")
    return warning(f"No scheduler is running: {last}.", RUN_SCHEDULER)


def worker(nodes: Sequence[Node]) -> Finding:
    """Whether somebody delivers."""
    if running := _running(nodes, "worker"):
        return ok(f"{listed(running)}.")
    return warning("No worker is running: no run is delivered.", RUN_WORKER)


def working_since(nodes: Sequence[Node]) -> datetime | None:
    """When the first of the running workers started; None if none runs."""
    return min((one.started_at for one in nodes if _runs(one, "worker")), default=None)


def _running(nodes: Sequence[Node], role: str) -> list[str]:
    return [one.name for one in nodes if _runs(one, role)]


def _runs(one: Node, role: str) -> bool:
    return one.state == "running" and role in one.roles


def queue(jobs: Sequence[Jobs], now: datetime, late_after: timedelta, policies: Mapping[str, Policy]) -> Finding:
    """Whether jobs wait for longer than ``late_after``, and what of: their type's concurrency, or a worker."""
    stuck = {one: now - one.since for one in jobs if one.since is not None and now - one.since > late_after}
    if not stuck:
        waiting, under_way = sum(one.waiting for one in jobs), sum(one.under_way for one in jobs)
        return ok(f"{several(waiting, 'job')} waiting, {under_way:,} under way.")
    worst = max(stuck, key=lambda one: stuck[one])
    has_waited = f"{several(worst.waiting, 'job')} of {worst.integration_type} waited up to {span(stuck[worst])}"
    policy = policies.get(worst.integration_type)
    section = section_of(worst.integration_type)
    if policy is None:
        return failed(
            f"{has_waited}, and these settings do not have that type.",
            remedy=f"Add [{section}] to synkron.toml, and start the workers again.",
        )
    if worst.under_way >= policy.concurrency:
        return warning(
            f"{has_waited}: {worst.under_way} are under way, which is the type's concurrency.",
            remedy=f"In synkron.toml, under [{section}], raise concurrency.",
        )
    return failed(f"{has_waited}, and no worker takes them.", RUN_WORKER)


def retention(kept: timedelta, longest_window: timedelta | None) -> Finding:
    """Whether runs are kept for as long as an override catches up. The settings refuse a type's longer window."""
    if longest_window is None or longest_window < kept:
        return ok(f"Runs are kept for {duration_text(kept)}.")
    return warning(
        f"Runs are kept for {duration_text(kept)}, and an override catches up {duration_text(longest_window)}: what "
        "was missed longer ago is lost.",
        remedy=f'In synkron.toml, set retention = "{longest_window.days + 30}d".',
    )
