"""What happens to the occurrences inside a pause. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from synkron.model import Integration, Occurrences, Window
from synkron.settings.policy import CatchUp, Policies
from synkron.source.due import all_occurrences, occurrences_of
from synkron.source.upcoming import upcoming

# Occurrences further ahead are not counted: counting takes long and is of little use.
COUNTED_AHEAD = timedelta(days=31)
LOOKED_AHEAD = timedelta(days=366)

WORDS = {
    CatchUp.LATEST: "one run each, which covers them all",
    CatchUp.ALL: "one run for each, oldest first",
    CatchUp.SKIP: "none of them runs, and the runs that wait now are skipped",
}


class CatchUpRule(NamedTuple):
    """A catch-up policy, its window, and whether the window always includes the newest missed moment."""

    catch_up: CatchUp
    catch_up_window: timedelta
    catch_up_newest: bool


@dataclass(frozen=True, slots=True)
class PauseEffect:
    """How the occurrences of this many integrations are treated. ``occurrences`` is None if they are not counted."""

    treatment: CatchUpRule
    integrations: int
    occurrences: int | None


@dataclass(frozen=True, slots=True)
class MissedInPause:
    """The first moment that would fire in a pause, and how many would; None if they are not counted."""

    first: datetime | None
    occurrences: int | None


def look_ahead(
    rows: Sequence[Integration], now: datetime, until: datetime | None, types: Collection[str]
) -> MissedInPause:
    """What would fire between now and the end of a pause."""
    end = min(until or now + LOOKED_AHEAD, now + LOOKED_AHEAD)
    fire = next(upcoming(rows, Window(now, end), types), None)
    if fire is None:
        return MissedInPause(None, 0)
    if until is None or until - now > COUNTED_AHEAD:
        return MissedInPause(fire.scheduled_for, None)
    due, _ = all_occurrences(rows, Window(now, until), types)
    return MissedInPause(fire.scheduled_for, sum(len(one.moments) for one in due))


def foreseen(rows: Iterable[Integration], policies: Policies) -> list[PauseEffect]:
    """The policies that will decide the occurrences of these integrations inside a pause, the most common first."""
    return _by_treatment(((row, None) for row in rows), policies)


def due_after(
    undecided: Iterable[tuple[Integration, datetime]], now: datetime, policies: Policies, types: Collection[str]
) -> list[PauseEffect]:
    """What the next tick decides for integrations whose moments after a given one are undecided."""
    counted = []
    for row, since in undecided:
        judged = occurrences_of(row, Window(since, now), types) if since < now else None
        if isinstance(judged, Occurrences) and judged.moments:
            counted.append((row, len(judged.moments)))
    return _by_treatment(counted, policies)


def _by_treatment(rows: Iterable[tuple[Integration, int | None]], policies: Policies) -> list[PauseEffect]:
    found: dict[CatchUpRule, list[int | None]] = {}
    for row, occurrences in rows:
        policy = policies.of(row)
        treatment = CatchUpRule(policy.catch_up, policy.catch_up_window, policy.catch_up_newest)
        found.setdefault(treatment, []).append(occurrences)
    consequences = [
        PauseEffect(treatment, len(counts), None if None in counts else sum(count or 0 for count in counts))
        for treatment, counts in found.items()
    ]
    return sorted(consequences, key=lambda one: -one.integrations)
