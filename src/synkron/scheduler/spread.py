"""When a run may start: spread over time, and no more per minute than the pace. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from synkron.backoff import share
from synkron.model import Action, Decision, Source, Steps
from synkron.settings.policy import Policy

MINUTE = timedelta(minutes=1)

# How many starts are allotted to a type in a minute, by its name and the minute's first instant.
Starts = Mapping[tuple[str, datetime], int]
_Asking: TypeAlias = dict[tuple[str, datetime], dict[str, list[int]]]


def spread_over(integration_id: str, room: timedelta) -> timedelta:
    """The integration's own place in a span of time: always the same, on any host."""
    return room * share(integration_id)


def paced(
    decisions: Sequence[Decision], policies: Mapping[str, Policy], starts: Starts, now: datetime
) -> Steps[tuple[list[Decision], dict[tuple[str, datetime], int]]]:
    """The decisions, their starts moved so that no minute has more of a type than its pace; and the starts this adds.

    ``starts`` are those allotted before; none is allotted to a minute before ``now``. Within a minute the organizations
    take turns, and none is first in every minute. A run that finds no room waits for the next minute that has room.
    """
    paces = {name: policy.pace for name, policy in policies.items() if policy.pace is not None}
    decided = list(decisions)
    taken = Counter(dict(starts))
    added: Counter[tuple[str, datetime]] = Counter()
    # For each type, all minutes from the first that its runs asked for up to this one are full.
    reached: dict[str, datetime] = {}
    asking = yield from _asking(decided, paces, now)
    for kind, asked in sorted(asking):
        minute = max(asked, reached.get(kind, asked))
        for index in _in_turn(decided, asking.pop((kind, asked)), asked):
            while (before := taken[kind, minute]) >= paces[kind]:
                minute += MINUTE
            decided[index] = _not_before(decided[index], minute + MINUTE / paces[kind] * before)
            taken[kind, minute] = before + 1
            added[kind, minute] += 1
            yield
        reached[kind] = minute
    return decided, dict(added)


def _asking(decisions: Sequence[Decision], paces: Mapping[str, int], now: datetime) -> Steps[_Asking]:
    """The indexes of the runs of paced types, by type and requested minute, then by organization."""
    asking: _Asking = defaultdict(lambda: defaultdict(list))
    minutes: dict[tuple[datetime, bool], datetime] = {}
    for index, decision in enumerate(decisions):
        kind = decision.integration.integration_type
        if decision.action is Action.RUN and kind in paces:
            assert decision.execute_after is not None  # noqa: S101 - a run has one
            start = max(decision.execute_after, now), decision.source is not Source.SCHEDULE
            if (minute := minutes.get(start)) is None:
                minute = minutes[start] = _minute_of(*start)
            asking[kind, minute][decision.integration.org_id].append(index)
        yield
    return asking


def _in_turn(decisions: Sequence[Decision], asking: Mapping[str, list[int]], minute: datetime) -> Iterator[int]:
    """The runs that ask for a minute, taking one of each organization in turn, each organization's oldest first."""
    written = minute.isoformat()
    organizations = sorted(asking, key=lambda one: share(f"{one}@{written}"))
    rounds = [_oldest_first(decisions, asking[one]) for one in organizations]
    while rounds:
        left = []
        for runs in rounds:
            if (index := next(runs, None)) is not None:
                yield index
                left.append(runs)
        rounds = left


def _oldest_first(decisions: Sequence[Decision], runs: Iterable[int]) -> Iterator[int]:
    """Sorted lazily, so that the sorting for all organizations is not one long step."""
    yield from sorted(
        runs, key=lambda index: (decisions[index].moments[0], decisions[index].integration.integration_id)
    )


def _not_before(run: Decision, start: datetime) -> Decision:
    assert run.execute_after is not None  # noqa: S101 - a run has one
    return run if run.execute_after >= start else run.starting_at(start)


def _minute_of(start: datetime, is_late: bool) -> datetime:
    """The first minute in which such a run may start. A late run asks for a whole minute, not the rest of one."""
    minute = start.astimezone(UTC).replace(second=0, microsecond=0)
    return minute + MINUTE if is_late and minute < start else minute
