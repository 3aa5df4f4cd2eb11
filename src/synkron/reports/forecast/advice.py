"""Which types would start more evenly with a spread, and how long that has to be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from synkron.reports.forecast.fires import FireMinute
from synkron.reports.forecast.starts import spread_out
from synkron.scheduler.spread import MINUTE
from synkron.settings.policy import Policy

# Spreads that are proposed, the shortest first.
SPREADS = tuple(MINUTE * one for one in (5, 10, 15, 30, 60))
# A minute in which fewer start is left alone. A spread is enough if it leaves this share of the largest, and not worth
# to be proposed if it leaves more than that.
FEW = 20
ENOUGH, WORTH = 0.2, 0.8


@dataclass(frozen=True, slots=True)
class Advice:
    """A type of which ``most`` start in one minute, the one with this number; with ``spread``, it would be ``then``.

    Both are expected values. No more than ``concurrency`` may run at once.
    """

    integration_type: str
    minute: int
    most: float
    concurrency: int
    spread: timedelta
    then: float


def advice(fires: Mapping[str, Sequence[int]], policies: Mapping[str, Policy]) -> list[Advice]:
    """What would start more evenly, the largest minute first. ``fires`` are by type and minute.

    Proposes the first spread that leaves a fifth of the largest minute, or else the longest. A type with a pace is left
    alone: that limits it already. The room up to a schedule's own next moment is not known here: what fires more often
    than the spread starts as evenly either way.
    """
    found = [
        one for name, by_minute in fires.items() if name in policies for one in _of(name, by_minute, policies[name])
    ]
    return sorted(found, key=lambda one: -one.most)


def _of(name: str, by_minute: Sequence[int], policy: Policy) -> Iterator[Advice]:
    starts = _starts(by_minute, policy.spread)
    most = max(starts, default=0)
    if most < FEW or policy.pace is not None:
        return
    proposals = [(one, max(_starts(by_minute, one))) for one in SPREADS if one > policy.spread]
    enough = [one for one in proposals if one[1] <= most * ENOUGH] or proposals[-1:]
    for spread, then in enough[:1]:
        if then <= most * WORTH:
            yield Advice(name, starts.index(most), most, policy.concurrency, spread, then)


def _starts(by_minute: Sequence[int], spread: timedelta) -> list[float]:
    """How many start in each minute, those after the last one left out."""
    room = -(-spread // MINUTE)
    fires = {FireMinute(minute, room, None): number for minute, number in enumerate(by_minute) if number}
    return list(spread_out(fires, spread, len(by_minute)))
