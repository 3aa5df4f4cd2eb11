"""Pauses that begin or end, in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from synkron.service.forms import held_by
from synkron.text import duration_text

if TYPE_CHECKING:
    from synkron.operations.pause_effects import PauseEffect
    from synkron.operations.pauses import PausePlan, ResumePlan
    from synkron.operations.recorded_pauses import RecordedPause


@dataclass(frozen=True, slots=True)
class Consequence:
    """How many integrations have this catch-up policy, and how many of their occurrences; null if not counted."""

    catch_up: str
    catch_up_window: str
    integrations: int
    occurrences: int | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """The first moment that would fire in a pause, and how many would; null if there is none, or it is not counted."""

    first: datetime | None
    occurrences: int | None


@dataclass(frozen=True, slots=True)
class PlannedPause:
    """What pauses would do to ``live`` integrations. The ``running`` runs go on, the ``claimed`` ones wait."""

    subject: str
    until: datetime | None
    live: int
    ahead: Ahead
    running: int
    claimed: int
    consequences: Sequence[Consequence]


@dataclass(frozen=True, slots=True)
class PlannedResume:
    """Beside the pauses that end: another covers ``still_paused`` integrations; the next tick decides the others."""

    subject: str
    still_paused: int
    consequences: Sequence[Consequence]


def paused(plan: PausePlan, done: Sequence[RecordedPause] | None) -> Mapping[str, object]:
    """The pauses that were made, null in a dry run; and what they do."""
    ahead = Ahead(plan.ahead.first, plan.ahead.occurrences)
    consequences = _consequences(plan.consequences)
    facts = (plan.subject, plan.until, plan.live, ahead, plan.running, plan.claimed, consequences)
    return {"pauses": _recorded(done), "plan": PlannedPause(*facts)}


def resumed(plan: ResumePlan, done: Sequence[RecordedPause] | None) -> Mapping[str, object]:
    """The pauses that were ended, null in a dry run; and what comes of that."""
    planned = held_by(PlannedResume(plan.subject, plan.still_paused, _consequences(plan.consequences)))
    ending = [held_by(one, "pause") for one in plan.pauses]
    return {"pauses": _recorded(done), "plan": {"pauses": ending, **planned}}


def _recorded(done: Sequence[RecordedPause] | None) -> list[Mapping[str, object]] | None:
    return None if done is None else [held_by(one, "pause") for one in done]


def _consequences(effects: Iterable[PauseEffect]) -> list[Consequence]:
    return [
        Consequence(
            one.treatment.catch_up, duration_text(one.treatment.catch_up_window), one.integrations, one.occurrences
        )
        for one in effects
    ]
