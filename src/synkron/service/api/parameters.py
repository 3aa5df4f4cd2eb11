"""What the parameters of requests may be: instants, counts, and texts that the database can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, StringConstraints

from synkron.model import Window
from synkron.service.api.problem import Problem
from synkron.text import duration, instant

EARLIEST, LATEST = datetime(1972, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
INSTANT = (
    "write an instant in ISO 8601 with its zone, from 1972 to 2199: 2026-11-23T02:00Z or 2026-11-23T02:00%2B01:00 "
    "(a + in an address is written %2B)"
)
MOST = 1000
CURSOR = "^[A-Za-z0-9_-]+$"


def _instant(text: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(INSTANT) from None
    if found.utcoffset() is None:
        raise ValueError(INSTANT)
    # The far ends of the calendar can't be moved to UTC, and so are compared with what is near them.
    if not EARLIEST.year <= found.year < LATEST.year:
        raise ValueError(INSTANT)
    return found.astimezone(UTC)


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("leave out the null character, which no text here has")
    return text


def _span(text: object) -> timedelta:
    length = duration(str(text))
    if length is None or not timedelta() < length <= LONGEST_SPAN:
        raise ValueError("write a span such as 30s, 5m or 24h, of at most 32d")
    return length


LONGEST_SPAN = timedelta(days=32)
# A form sends a field that is left empty, too: nothing is asked for by it.
OrEmpty = BeforeValidator(lambda text: None if text == "" else text)
Text = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]
Zone = Annotated[Text, Query(description="An IANA name, such as Europe/Oslo, or an offset, such as %2B02:00.")]
Span = Annotated[timedelta, BeforeValidator(_span, json_schema_input_type=str)]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=datetime)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Id = Annotated[str, Path(min_length=1, max_length=200, pattern="^[^\\x00]+$")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items a page has at most.")]
LONGEST_RANGE = timedelta(days=32)


def window_of(since: datetime | None, until: datetime | None, now: datetime, usual: timedelta) -> Window:
    """From when to when: up to now, and for the ``usual`` length, where that is not said. Raises a Problem (422)."""
    end = until or now
    start = since or end - usual
    if start >= end:
        raise Problem(422, f"query.until: the range ends ({instant(end)}) before it begins ({instant(start)})")
    if end - start > LONGEST_RANGE:
        raise Problem(422, f"query.since: the range is longer than {LONGEST_RANGE.days} days; ask for a part of it")
    return Window(start, end)


After = Annotated[
    str | None,
    Query(alias="cursor", pattern=CURSOR, max_length=4000, description="The `next` of the page before this one."),
]
