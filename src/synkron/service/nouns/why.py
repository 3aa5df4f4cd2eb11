"""Why an integration did or did not run at a minute, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.reports.why.facts import AuditFacts, Facts
from synkron.reports.why.sentences import explain
from synkron.scheduler.pauses import Hold
from synkron.service.forms import held_by


@dataclass(frozen=True, slots=True)
class Answer:
    """The form of what ``why_facts`` answers: the sentences, and the facts that they are made from."""

    answer: Sequence[str]
    org_id: str
    integration_id: str
    integration_type: str
    moment: datetime
    now: datetime
    zone_name: str
    exists: bool
    is_enabled: bool
    cron_schedule: str | None
    described: str | None
    fault: str | None
    fires: bool
    previous: datetime | None
    following: datetime | None
    was_watched: bool
    tick_before: datetime | None
    tick_after: datetime | None
    watermark: datetime | None
    held_since: datetime | None
    held_for: Hold | None
    audit: Sequence[AuditFacts]


def why_facts(facts: Facts) -> dict[str, object]:
    """See ``Answer``."""
    found: dict[str, object] = {"answer": explain(facts)} | held_by(facts)
    for name in ("zone", "organization"):
        del found[name]
    for name, run in {"decided": facts.decided, "into": facts.into}.items():
        found[name] = run and held_by(run, "run")
    found["asked"] = [held_by(run, "run") for run in facts.asked]
    found["pauses"] = [held_by(pause, "pause") for pause in facts.pauses]
    found["paused_now"] = facts.paused_now and held_by(facts.paused_now, "pause")
    return found
