"""What fires next, from the overview's copy: the work grows with the distinct schedules, not with the integrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from synkron.model import EVERYTHING, Scope, Steps, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.reports.forecast.fires import Group
from synkron.runtime import by_turns
from synkron.source.parsed_texts import KNOWN
from synkron.source.reader import zone_of

SQL = statements("reports/overview/coming")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
MINUTE = timedelta(minutes=1)
# Fires are remembered for as long, and those of so many questions.
REMEMBERED_FOR = timedelta(minutes=1)
MOST_REMEMBERED = 32
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

Fires = Mapping[str, Sequence[int]]
"""By type, how many integrations fire in each minute of a window; minute 0 is the one after its start."""


class _Question(NamedTuple):
    """Whose fires, in which ledger: a process may know several."""

    installation: str
    scope: Scope
    window: Window


_remembered: dict[_Question, tuple[datetime, Fires]] = {}
# How many are due, by the question and by when the copy was refreshed that answers it.
_due: dict[tuple[_Question, datetime | None], int] = {}


async def read_groups(connection: Connection, scope: Scope, end: datetime) -> Sequence[Group]:
    """The integrations that fire up to ``end``, those with the same schedule and type counted together."""
    if scope.org_id is None and scope.integration_id is None:
        rows = await connection.fetch(SQL["groups"], end, scope.integration_type)
    else:
        rows = await connection.fetch(SQL["groups_of"], end, *scope)
    return [
        read(Group, row, timezone=zone_of(row), organization_exists=True, spread=None, is_odd=False) for row in rows
    ]


async def count_due(connection: Connection, window: Window, scope: Scope = EVERYTHING) -> int:
    """How many moments of the window the integrations that can run have, paused or not, as the copy has them.

    In a transaction of one snapshot. Moments are whole minutes, so that until the next one, and until the copy is
    refreshed, the answer is the same: then it is remembered.
    """
    start, end = (at.replace(second=0, microsecond=0) for at in (window.start, window.end))
    window = Window(start, end)
    [copy] = await connection.fetch(SQL["copy"])
    question = _Question(copy["installation"], scope, window), copy["refreshed_at"]
    found = _due.get(question)
    if found is None:
        found = (await by_turns(_counted(await read_groups(connection, scope, window.end), window))).total()
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


def _counted(groups: Iterable[Group], window: Window) -> Steps[Counter[tuple[str, int]]]:
    """How many integrations fire, by type and minute. Groups with the same schedule follow each other."""
    total: Counter[tuple[str, int]] = Counter()
    last: tuple[object, object] | None = None
    minutes: list[int] = []
    for group in groups:
        if last != (group.cron_schedule, group.timezone):
            last = (group.cron_schedule, group.timezone)
            minutes = _minutes(group, window)
        for minute in minutes:
            total[group.integration_type, minute] += group.integrations
        yield
    return total


def _minutes(group: Group, window: Window) -> list[int]:
    cron, zone = KNOWN.expression(group.cron_schedule), KNOWN.zone(group.timezone)
    if isinstance(cron, Exception) or isinstance(zone, Exception):
        return []
    return [(one - window.start) // MINUTE - 1 for one in cron.occurrences(window.start, window.end, zone)]
