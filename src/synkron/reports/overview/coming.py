"""What fires next, from the overview's copy: the work grows with the distinct schedules, not with the integrations."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias, TypeVar

from synkron.model import EVERYTHING, Scope, Steps, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.reports.forecast.fires import Group
from synkron.runtime import by_turns
from synkron.scheduler.holds import PausesInEffect, read_in_effect, read_wide_pauses
from synkron.scheduler.pauses import Pause
from synkron.source.parsed_texts import KNOWN
from synkron.source.reader import zone_of

SQL = statements("reports/overview/coming")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
MINUTE = timedelta(minutes=1)
# Fires are remembered for as long, and those of so many questions.
REMEMBERED_FOR = timedelta(minutes=1)
MOST_REMEMBERED = 32
_Schedule: TypeAlias = tuple[str, str | int | Decimal | None, str]
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

Fires = Mapping[str, Sequence[int]]
"""By type, how many integrations fire in each minute of a window; minute 0 is the one after its start."""


class Due(NamedTuple):
    """How many moments are due, at which something runs, and how many more a pause holds."""

    due: int
    paused: int


class _Question(NamedTuple):
    """Whose fires, in which ledger: a process may know several."""

    installation: str
    scope: Scope
    window: Window


_remembered: dict[_Question, tuple[datetime, Fires]] = {}
# What is due, by the question, when the copy was refreshed that answers it, and the pauses in effect.
_due: dict[tuple[_Question, datetime | None, PausesInEffect], Due] = {}


async def read_groups(connection: Connection, scope: Scope, end: datetime) -> Sequence[Group]:
    """The integrations that fire up to ``end``, those with the same schedule and type counted together."""
    if scope.org_id is None and scope.integration_id is None:
        rows = await connection.fetch(SQL["groups"], end, scope.integration_type)
    else:
        rows = await connection.fetch(SQL["groups_of"], end, *scope)
    return [
        read(Group, row, timezone=zone_of(row), organization_exists=True, spread=None, is_odd=False) for row in rows
    ]


async def count_due(connection: Connection, window: Window, scope: Scope = EVERYTHING) -> Due:
    """How many moments of the window are due, and how many a pause holds, for the integrations that can run.

    In a transaction of one snapshot. Moments are whole minutes, so that until the next one, and until the copy is
    refreshed or the pauses are others, the answer is the same: then it is remembered.
    """
    start, end = (at.replace(second=0, microsecond=0) for at in (window.start, window.end))
    pauses = await read_in_effect(connection, window.start)
    [copy] = await connection.fetch(SQL["copy"])
    question = _Question(copy["installation"], scope, Window(start, end)), copy["refreshed_at"], pauses
    found = _due.get(question)
    if found is None:
        groups = await read_groups(connection, scope, end)
        wide = await read_wide_pauses(connection, window.start)
        rows = await connection.fetch(SQL["paused"], window.start, *scope) if len(wide) < pauses.total else []
        own: dict[_Schedule, list[tuple[datetime | None, int]]] = defaultdict(list)
        for row in rows:
            own[row["cron_schedule"], zone_of(row), row["integration_type"]].append((row["until"], row["integrations"]))
        found = await by_turns(count_by_schedule(groups, Window(start, end), wide, own))
        _remember(_due, question, found)
    return found


async def coming_fires(connection: Connection, scope: Scope, window: Window) -> Fires:
    """What fires in a window of whole minutes, paused or not. The answer is up to a minute old.

    For a million integrations, of a hundred thousand schedules, an hour takes a tenth of a second and a week some
    seconds, during which other tasks of the process go on. So the answer is remembered for a minute.
    """
    now = await database_clock(connection)
    [copy] = await connection.fetch(SQL["copy"])
    question = _Question(copy["installation"], scope, window)
    known = _remembered.get(question)
    if known is not None and timedelta() <= now - known[0] < REMEMBERED_FOR:
        return known[1]
    # The copy knows when a schedule fires next, not when it has fired.
    groups = await read_groups(connection, scope, window.end if window.start + MINUTE >= now else FOREVER)
    counted = await by_turns(_counted(groups, window))
    fires: dict[str, list[int]] = {}
    for (kind, minute), count in counted.items():
        fires.setdefault(kind, [0] * ((window.end - window.start) // MINUTE))[minute] += count
    _remember(_remembered, question, (now, fires))
    return fires


def _remember(answers: dict[Asked, Answer], question: Asked, answer: Answer) -> None:
    """Keep the answer, and forget the oldest ones."""
    while len(answers) >= MOST_REMEMBERED:
        del answers[next(iter(answers))]
    answers[question] = answer


def count_by_schedule(
    groups: Iterable[Group],
    window: Window,
    wide: Sequence[Pause],
    own: Mapping[_Schedule, Sequence[tuple[datetime | None, int]]],
) -> Steps[Due]:
    """What is due: a schedule's integrations are paused by the ``wide`` pauses, or up to the end of their ``own``.

    The status asks ``synkron.service.status.store.count_by_row`` instead, which has the rows. The two agree:
    ``test_what_a_pause_holds_is_not_due``.
    """
    ends = [(one.integration_type, _first_after(one.until, window)) for one in wide]
    due = paused = 0
    for group, minutes in _firing(groups, window):
        kind = group.integration_type
        # The moments up to the last end are paused for all, the later ones for those that are paused for longer.
        of_all = bisect_left(minutes, max((end for of, end in ends if of in (None, kind)), default=0))
        held = of_all * group.integrations
        for until, integrations in own.get((group.cron_schedule, group.timezone, kind), ()):
            held += max(bisect_left(minutes, _first_after(until, window)) - of_all, 0) * integrations
        due += len(minutes) * group.integrations - held
        paused += held
        yield
    return Due(due, paused)


def _first_after(until: datetime | None, window: Window) -> int:
    """The first minute of the window that is not before the end of a pause."""
    if until is None:
        return (window.end - window.start) // MINUTE
    return -((window.start - until) // MINUTE) - 1


def _counted(groups: Iterable[Group], window: Window) -> Steps[Counter[tuple[str, int]]]:
    """How many integrations fire, by type and minute."""
    total: Counter[tuple[str, int]] = Counter()
    for group, minutes in _firing(groups, window):
        for minute in minutes:
            total[group.integration_type, minute] += group.integrations
        yield
    return total


def _firing(groups: Iterable[Group], window: Window) -> Iterator[tuple[Group, Sequence[int]]]:
    """Each group with the minutes at which it fires. Groups with the same schedule follow each other."""
    last: tuple[object, object] | None = None
    minutes: Sequence[int] = ()
    for group in groups:
        if last != (group.cron_schedule, group.timezone):
            last = (group.cron_schedule, group.timezone)
            minutes = _minutes(group, window)
        yield group, minutes


def _minutes(group: Group, window: Window) -> list[int]:
    cron, zone = KNOWN.expression(group.cron_schedule), KNOWN.zone(group.timezone)
    if isinstance(cron, Exception) or isinstance(zone, Exception):
        return []
    return [(one - window.start) // MINUTE - 1 for one in cron.occurrences(window.start, window.end, zone)]
