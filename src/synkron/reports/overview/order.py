"""Reads the order of the overview: which rows are on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from synkron.errors import Refused
from synkron.model import Scope
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.reports.overview.cursor import Place, Sort
from synkron.reports.overview.rows import RowState
from synkron.text import is_storable

SQL = statements("reports/overview/order")
LONGEST_SEARCH = 200
# Through so many rows a walk looks for those that are asked for. If it finds too few, they are rare, and are collected.
# A walk through the figures looks each row up, which takes longer.
WALKED = 5_000
WALKED_BY_FIGURES = 4_000
BY_FIGURES = {"by_last_run", "by_drift", "failing"}

# The walks that make up each order, one after the other.
WALKS: Mapping[Sort, tuple[str, ...]] = {
    Sort.ORGANIZATION: ("by_organization",),
    Sort.TYPE: ("by_type",),
    Sort.NEXT_FIRE: ("by_next_fire", "without_next_fire"),
    Sort.LAST_RUN: ("by_last_run",),
    Sort.DRIFT: ("by_drift",),
    Sort.FAILING: ("failing", "not_failing"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for: a scope, words, a state and an order, at a moment."""

    scope: Scope
    search: str | None
    state: RowState | None
    sort: Sort
    at: datetime

    @property
    def is_everything(self) -> bool:
        """Whether every row is."""
        return not any(self.scope) and self.search is None and self.state is None


async def read_order(connection: Connection, asked: Asked, after: Place, limit: int) -> list[Place]:
    """The next so many places after the cursor, in the caller's secured transaction. Raises Refused for the search."""
    words = None
    if asked.search is not None:
        words = await connection.fetchval(SQL["words"], _searched(asked.search))
        if not words:
            return []
    matching = (*asked.scope, words, asked.state, asked.at, *after)
    if asked.is_everything:
        return await _walk(connection, asked.sort, matching, limit)
    walk = _walk_of(asked)
    walked = WALKED_BY_FIGURES if walk in BY_FIGURES else WALKED
    rows = await connection.fetch(SQL[walk], *matching, walked, limit)
    if len(rows) < limit:
        rows = await connection.fetch(SQL["found"], *matching, asked.sort, limit)
    return [Place(*row) for row in rows]


async def _walk(connection: Connection, sort: Sort, matching: Sequence[object], limit: int) -> list[Place]:
    """The next places of all rows: one walk after the other, until there are enough."""
    found: list[Place] = []
    for walk in WALKS[sort]:
        left = limit - len(found)
        if left:
            # The row of the cursor may be walked once more.
            rows = await connection.fetch(SQL[walk], *matching, left + 1, left)
            found += [Place(*row) for row in rows]
    return found


def _walk_of(asked: Asked) -> str:
    """The walk in which the rows that are asked for come first, if any do."""
    walks = WALKS[asked.sort]
    # Disabled rows have no next fire.
    return walks[-1] if asked.state is RowState.DISABLED and asked.sort is Sort.NEXT_FIRE else walks[0]


def _searched(text: str) -> str:
    """The text to search for. Raises Refused if the database can't hold it."""
    if len(text) > LONGEST_SEARCH:
        raise Refused(f"search: the text has {len(text):,} characters; at most {LONGEST_SEARCH} are allowed.")
    if not is_storable(text):
        raise Refused("search: the text contains a null character or a lone surrogate. Leave it out.")
    return text
