"""Where a page ends: a place in an order, as an opaque text that a link carries. Pure: values in, values out."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from math import isnan
from typing import NamedTuple

from synkron.errors import CursorError
from synkron.text import LARGEST, is_storable

# A place holds a name and three ids of at most 200 characters, each of at most 12 where it is escaped.
LONGEST = 12_000


class Sort(StrEnum):
    """How the integrations are ordered: each in its natural direction, with what has no such value last.

    By organization; by type; by the next fire, the soonest first; by the last run, the newest first; by drift, the
    worst first; and the failing ones first, then by organization.
    """

    ORGANIZATION = "organization"
    TYPE = "type"
    NEXT_FIRE = "next_fire"
    LAST_RUN = "last_run"
    DRIFT = "drift"
    FAILING = "failing"


class Place(NamedTuple):
    """A place in an order, as in ``order.sql``. What a sort does not need is the same for all rows."""

    number: float
    rank: int
    key: str
    integration_id: str
    place: int


# Before every row.
START = Place(float("-inf"), -1, "", "", -1)


def cursor_of(sort: Sort, place: Place) -> str:
    """The text that stands for the place in this order."""
    return urlsafe_b64encode(json.dumps([sort, *place]).encode()).rstrip(b"=").decode()


def place_of(cursor: str | None, sort: Sort) -> Place:
    """The place that the text stands for; the start without one. Raises CursorError if it is not one of this order."""
    if cursor is None:
        return START
    place: Place | None = None
    name = None
    with suppress(ValueError, TypeError, RecursionError):
        written = cursor[:LONGEST].encode("ascii")
        name, *found = json.loads(urlsafe_b64decode(written + b"=" * (-len(written) % 4)))
        place = Place(*found)
    if place is None or name != sort or not _is_place(place):
        raise CursorError(
            f"cursor: this is not the cursor of a page sorted by {sort}. Give the cursor that the page before has as "
            "its `next`, with the same sort; or leave it out, for the first page."
        )
    return place


def _is_place(given: Sequence[object]) -> bool:
    """Whether each value is of its type and can be sent to the database."""
    number, rank, key, integration_id, place = given
    return (
        (type(number) is float and not isnan(number))
        and (type(rank) is int and abs(rank) <= LARGEST)
        and (type(place) is int and abs(place) < 2**31)
        and all(isinstance(text, str) and is_storable(text) for text in (key, integration_id))
    )
