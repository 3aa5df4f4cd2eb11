"""The pages of one read, put together and checked: all rows, or an error. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from synkron.errors import DataApiError
from synkron.text import one_line, several

Row = Mapping[str, object]
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
Hide = Callable[[str], str]


class Page(NamedTuple):
    """The rows of one answer, and how many rows the server counts from there on."""

    rows: Sequence[Row]
    total: int


def page_of(content: object, total: int | None, place: str, hide: Hide) -> Page:
    """The page in an answer that claims success; ``hide`` takes secrets out of what it says. Raises DataApiError."""
    if isinstance(content, dict):
        said = one_line(hide(": ".join(str(content[key]) for key in ("code", "message") if content.get(key))), 300)
        raise unusable(place, f"reported success, but answered with an error ({said})")
    if not isinstance(content, list):
        raise unusable(
            place, "answered with something other than rows in JSON, so the URL may not be that of the project"
        )
    if not all(isinstance(row, dict) and "id" in row for row in content):
        raise unusable(place, "answered with a row without an id")
    if not all(isinstance(row["id"], str | int | float | Decimal | None) for row in content):
        raise unusable(place, "answered with an id that is neither text nor a number")
    if any(_is_unstorable(value) for row in content for value in row.values()):
        raise unusable(place, "answered with text that PostgreSQL can't hold: a NUL, or half of a character")
    if total is None:
        raise unusable(
            place,
            "did not say how many rows there are (Content-Range, asked for by Prefer: count=exact), so an incomplete "
            "answer could not be noticed",
        )
    return Page(content, total)


class Pages:
    """The pages so far. ``rows`` are all rows of the read once ``add`` has returned False."""

    def __init__(self, place: str) -> None:
        self.rows: list[Row] = []
        self._place = place
        self._ids: set[object] = set()
        self._expected: int | None = None

    def add(self, page: Page) -> bool:
        """Add the next page; answers whether there may be more. Raises DataApiError if the pages contradict each other.

        The rows of all pages must be as many as the server counted at the first one. Only an empty page ends the read,
        so a server that answers with fewer rows than it was asked for hides none.
        """
        if self._expected is None:
            self._expected = page.total
        new = {row["id"] for row in page.rows}
        if not self._ids.isdisjoint(new):
            raise unusable(self._place, "answered with a row of an earlier page again")
        self._ids |= new
        self.rows += page.rows
        if len(self.rows) > self._expected or (not page.rows and len(self.rows) < self._expected):
            raise unusable(
                self._place,
                f"counted {several(self._expected, 'row')} and answered with {len(self.rows):,}. Either the table was "
                "edited during the read, or an id is on more than one row, or the server cuts its answers. Read again; "
                "if it stays so, make the id the table's primary key",
            )
        return bool(page.rows)

    @property
    def last(self) -> str | None:
        """The key of the last row, as text; None if that has none."""
        key = self.rows[-1]["id"] if self.rows else None
        return None if key is None else str(key)


def _is_unstorable(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_is_unstorable, value.values()))
    return isinstance(value, str) and UNSTORABLE.search(value) is not None


def unusable(place: str, reason: str) -> DataApiError:
    """The error for an answer of which nothing may be used."""
    return DataApiError(f"{capitalized(place)} {reason}. Nothing of this read is used.")


def capitalized(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
