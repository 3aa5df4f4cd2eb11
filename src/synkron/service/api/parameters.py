"""What the parameters of requests may be: instants, counts, and texts that the database can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BeforeValidator, StringConstraints, TypeAdapter
from starlette.datastructures import ImmutableMultiDict, QueryParams
from starlette.requests import Request

from synkron.model import Window
from synkron.reports.names.match import Candidate, nearest
from synkron.service.api.problem import Problem
from synkron.text import EARLIEST, LARGEST, LATEST, duration, instant, whole_number

YEARS = f"from {EARLIEST.year} to {LATEST.year - 1}"
INSTANT = (
    f"write an instant in ISO 8601 with its zone, {YEARS}: 2026-11-23T02:00Z or 2026-11-23T02:00+01:00 "
    "(a + in an address is written %2B)"
)
MOST = 1000
# What may be named: so many in a change, each of so many characters.
MOST_AT_ONCE, LONGEST_ID = 1000, 200
CURSOR = "^[A-Za-z0-9_-]+$"
# What a change is made once for.
KEY = "^[!-~]{1,255}$"
ONCE = "Give it once."


def _number(text: object) -> object:
    return whole_number(text) if isinstance(text, str) else text


def _day(text: object) -> date:
    found = None
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(text)):
        with suppress(ValueError):
            found = date.fromisoformat(str(text))
    if found is None or not EARLIEST.year <= found.year < LATEST.year:
        raise ValueError(f"write a day {YEARS}, such as 2026-11-27")
    return found


def _instant(text: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(INSTANT) from None
    # The far ends of the calendar can't be moved to UTC, but can be compared.
    if found.utcoffset() is None or not EARLIEST <= found < LATEST:
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
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID), AfterValidator(_storable)]
Zone = Annotated[Text, Query(description="An IANA name, such as Europe/Oslo, or an offset, such as %2B02:00.")]
Span = Annotated[timedelta, BeforeValidator(_span, json_schema_input_type=str)]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=datetime)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]
Whole = Annotated[int, BeforeValidator(_number, json_schema_input_type=int)]
Number = Annotated[Whole, Path(ge=1, le=LARGEST)]
Id = Annotated[str, Path(min_length=1, max_length=LONGEST_ID, pattern="^[^\\x00]+$")]
Limit = Annotated[Whole, Query(ge=1, le=MOST, description="How many items a page has at most.")]
LONGEST_RANGE = timedelta(days=32)
NUMBER: TypeAdapter[int] = TypeAdapter(Number)


def recorded_number(text: str) -> int | None:
    """The number of a run or the like that somebody wrote in a field, as in an address; None if it is none."""
    with suppress(ValueError):
        return NUMBER.validate_python(text)
    return None


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


async def whatever(request: Request) -> QueryParams:
    """The parameters as they come, for a route that takes any, or checks them itself."""
    return request.query_params


Whatever = Annotated[QueryParams, Depends(whatever)]


async def only_known(request: Request) -> None:
    """Raise RequestValidationError (422) for a parameter that the route does not have, or that comes twice.

    Every route depends on it; those that depend on ``whatever``, too, have any.
    """
    of: Dependant = request.scope["route"].dependant
    if request.query_params and all(one.call is not whatever for one in of.dependencies):
        check_known("query", request.query_params, set(_named_in(of)))


def check_known(
    where: str, given: ImmutableMultiDict[str, Any], known: Collection[str], several: Collection[str] = ()
) -> None:
    """Raise RequestValidationError for a name that is not known, or comes twice and is not one of ``several``.

    It would be taken for one that counts: a filter that holds, a dry run, the end of a pause.
    """
    for name in given:
        if name not in known:
            near = nearest(name, [Candidate(one, one) for one in sorted(known)])
            meant = f"Did you mean {near[0].id}? " if near else ""
            listed = ", ".join(sorted(known)) or "none"
            raise _refused(where, name, why=f"There is no such parameter. {meant}Known are {listed}.")
        if name not in several and len(given.getlist(name)) > 1:
            raise twice(where, name)


def twice(where: str, *path: str | int) -> RequestValidationError:
    """That a name comes twice: which of the two counts would be a guess."""
    return _refused(where, *path, why=ONCE)


class _Members(tuple[tuple[str, object], ...]):
    """The members of an object as they were sent."""

    __slots__ = ()


def twice_in(content: bytes) -> Sequence[str | int] | None:
    """Where an object of the JSON first has a member twice; None if none has, or it is no JSON."""
    with suppress(ValueError, RecursionError):
        return next(_twice_in(json.loads(content, object_pairs_hook=_Members)), None)
    return None


def _twice_in(value: object, *path: str | int) -> Iterator[Sequence[str | int]]:
    inner: Iterable[tuple[str | int, object]] = value if isinstance(value, _Members) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    names = set()
    for name, one in inner:
        if name in names:
            yield (*path, name)
        names.add(name)
        yield from _twice_in(one, *path, name)


def _named_in(of: Dependant) -> Iterator[str]:
    yield from (one.alias for one in of.query_params)
    for one in of.dependencies:
        yield from _named_in(one)


def _refused(where: str, *path: str | int, why: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (where, *path), "msg": why}])
