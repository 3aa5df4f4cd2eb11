"""When a run may start: spread over a while, and no more than so many in a minute. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from synkron.model import Action, Decision, Policies, Source

MINUTE = timedelta(minutes=1)

# How many starts are allotted to a type in a minute: by its name and the minute's first instant.
Starts = Mapping[tuple[str, datetime], int]


def spread_over(integration_id: str, room: timedelta) -> timedelta:
    """The integration's own place in a span of time: the same at every moment, on any host."""
    return room * _share(integration_id)


def paced(
    decisions: Sequence[Decision], policies: Policies, starts: Starts, now: datetime
) -> tuple[list[Decision], dict[tuple[str, datetime], int]]:
    """The decisions with their starts moved so that no minute holds more of a type than its pace; and what that adds.

    ``starts`` are those that were allotted before; none is allotted to a minute before ``now``. Within a minute the
    organizations take turns, and none is first in every minute. What finds no room waits for the first minute that has
    some.
    """
    paces = {name: policy.pace for name, policy in policies.by_type.items() if policy.pace is not None}
    decided = list(decisions)
    taken = Counter(dict(starts))
    added: Counter[tuple[str, datetime]] = Counter()
    first_free: dict[tuple[str, datetime], datetime] = {}
    for index in _in_turn(decided, paces, now):
        decision = decided[index]
        kind = decision.integration.integration_type
        asked = _minute_of(decision, now)
        minute = max(asked, first_free.get((kind, asked), asked))
        while taken[kind, minute] >= paces[kind]:
            minute += MINUTE
        first_free[kind, asked] = minute
        start = minute + MINUTE / paces[kind] * taken[kind, minute]
        taken[kind, minute] += 1
        added[kind, minute] += 1
        assert decision.execute_after is not None  # noqa: S101 - a run has one
        decided[index] = replace(decision, execute_after=max(decision.execute_after, start))
    return decided, dict(added)


def _in_turn(decisions: Sequence[Decision], paces: Mapping[str, int], now: datetime) -> list[int]:
    """The runs of paced types by index: by the minute they ask for, then one of each organization after the other."""
    runs = [
        index
        for index, decision in enumerate(decisions)
        if decision.action is Action.RUN and decision.integration.integration_type in paces
    ]
    runs.sort(key=lambda index: (decisions[index].moments[0], decisions[index].integration.integration_id))
    turns: dict[tuple[str, str, datetime], int] = defaultdict(int)
    places = {}
    for index in runs:
        decision = decisions[index]
        organization = decision.integration.org_id
        minute = _minute_of(decision, now)
        turn = (decision.integration.integration_type, organization, minute)
        places[index] = (minute, turns[turn], _share(f"{organization}@{minute.isoformat()}"))
        turns[turn] += 1
    return sorted(runs, key=places.__getitem__)


def _minute_of(decision: Decision, now: datetime) -> datetime:
    """The first minute in which the run may start. What is late asks for a whole one, and not for the rest of it."""
    assert decision.execute_after is not None  # noqa: S101 - a run has one
    start = max(decision.execute_after, now)
    minute = start.astimezone(UTC).replace(second=0, microsecond=0)
    is_late = decision.source is not Source.SCHEDULE and minute < start
    return minute + MINUTE if is_late else minute


def _share(text: str) -> float:
    """A number from 0 up to 1 that looks random and is the same for the same text."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big") / 2**32
