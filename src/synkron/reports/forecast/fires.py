"""How many integrations of each type fire in each minute of a window. Pure: no driver, no clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache, partial
from math import ceil
from typing import NamedTuple

from synkron.cron import Cron
from synkron.model import Steps, Window
from synkron.scheduler.spread import MINUTE
from synkron.source.parsed_texts import KNOWN

# How many calendars are kept in memory; that of a month in which every minute fires is 5 MB.
KEPT = 16


@dataclass(frozen=True, slots=True)
class Group:
    """A number of enabled integrations with the same type, schedule and zone. ``spread`` is None unless overridden.

    ``is_odd``: their rows contain a value that can't be used (``synkron.source.oddity``).
    """

    integration_type: str
    cron_schedule: str
    timezone: str | int | Decimal | None
    organization_exists: bool
    spread: timedelta | None
    integrations: int
    is_odd: bool = False


class FireMinute(NamedTuple):
    """A minute of the window, counted from 0, with what decides how its starts are spread.

    ``room`` is how many minutes there are to the schedule's next moment, at most the longest spread; ``spread`` is the
    integrations' own, None if that of their type applies.
    """

    minute: int
    room: int
    spread: timedelta | None


@dataclass(frozen=True, slots=True)
class Fires:
    """What fires in the window: by type, how many integrations there are, and how many are in each fire.

    The window begins and ends on whole minutes; minute 0 is the one after its start. ``left_out`` integrations can't
    run.
    """

    window: Window
    integrations: Mapping[str, int]
    fires: Mapping[str, Mapping[FireMinute, int]]
    left_out: int

    @property
    def minutes(self) -> int:
        """How many minutes the window has."""
        return (self.window.end - self.window.start) // MINUTE


def count_fires(
    groups: Iterable[Group], window: Window, types: Collection[str], longest_spread: timedelta
) -> Steps[Fires]:
    """Count them. No group, and no policy that is forecast later, may have a spread above ``longest_spread``.

    Consecutive groups with the same schedule and zone share the work.
    """
    calendar = lru_cache(KEPT)(partial(_calendar, window, ceil(longest_spread / MINUTE)))
    integrations: Counter[str] = Counter()
    fires: dict[str, Counter[FireMinute]] = defaultdict(Counter)
    left_out = 0
    for group in groups:
        yield
        schedule = _schedule_of(group, types)
        if schedule is None:
            left_out += group.integrations
            continue
        integrations[group.integration_type] += group.integrations
        counted = fires[group.integration_type]
        for minute, room in calendar(*schedule):
            counted[FireMinute(minute, room, group.spread)] += group.integrations
    return Fires(window, integrations, fires, left_out)


def _schedule_of(group: Group, types: Collection[str]) -> tuple[Cron, tzinfo] | None:
    """The group's expression and zone; None if it can't run, for any reason."""
    cron, zone = KNOWN.expression(group.cron_schedule), KNOWN.zone(group.timezone)
    if isinstance(cron, Exception) or isinstance(zone, Exception):
        return None
    is_fired = group.organization_exists and group.integration_type in types and not group.is_odd
    return (cron, zone) if is_fired else None


def _calendar(window: Window, longest: int, cron: Cron, zone: tzinfo) -> list[tuple[int, int]]:
    """The minutes at which the expression fires, each with its room of up to ``longest`` minutes."""
    moments = cron.occurrences(window.start, window.end, zone)
    minutes = [(moment - window.start) // MINUTE - 1 for moment in moments]
    if not minutes or not longest:
        return [(minute, 0) for minute in minutes]
    following = cron.next_after(moments[-1], zone)
    after = minutes[-1] + longest if following is None else (following - window.start) // MINUTE - 1
    return [
        (minute, min(later - minute, longest)) for minute, later in zip(minutes, [*minutes[1:], after], strict=True)
    ]
