"""Lists, page by page: a page ends at a place in an order, and its cursor is that place as an opaque text."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, create_model

from synkron.service.api.problem import Problem
from synkron.text import EARLIEST, LARGEST, LATEST, instant, is_storable

Row = TypeVar("Row")
# A row's place in an order: an instant and a number, or an instant or a number alone, or a text.
Place = tuple[Any, ...]


def place_of(cursor: str | None, of: str, *kinds: type) -> Place | None:
    """The place in the list ``of`` these that the cursor stands for, with values of these kinds; None without one.

    Raises a Problem (422).
    """
    if cursor is None:
        return None
    found: Place = ()
    with suppress(ValueError, TypeError, RecursionError):
        written = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if isinstance(written, list) and written[:1] == [of]:
            found = tuple(_read(kind, value) for kind, value in zip(kinds, written[1:], strict=True))
    if not found:
        raise Problem(422, "query.cursor: give the `next` of a page of the same list, or leave it out for the first")
    return found


def page(
    found: Sequence[Row],
    limit: int,
    of: str,
    place: Callable[[Row], Place],
    shown: Callable[[Row], object],
    *,
    more: bool | None = None,
) -> dict[str, object]:
    """The first ``limit`` of the rows as they are ``shown``, and the cursor of the next page in the list ``of`` these.

    There is one if there are ``more``: where that is not said, if more were found.
    """
    items = found[:limit]
    has_next = len(found) > limit if more is None else more
    return {"items": [shown(one) for one in items], "next": _cursor_of(of, place(items[-1])) if has_next else None}


@cache
def page_form(item: Any) -> type[BaseModel]:  # noqa: ANN401  (types have nothing in common)
    """The form of a page of such items."""
    fields: dict[str, Any] = {"items": (list[item], ...), "next": (str | None, ...)}
    return create_model(f"{item.__name__}Page", **fields)


def _cursor_of(of: str, place: Place) -> str:
    written = [of, *(instant(one) if isinstance(one, datetime) else one for one in place)]
    return urlsafe_b64encode(json.dumps(written).encode()).rstrip(b"=").decode()


def _read(kind: type, value: object) -> object:
    """The value, if it is of its kind and the database can hold it."""
    if kind is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if EARLIEST <= moment < LATEST:
            return moment
    elif type(value) is kind and (abs(value) <= LARGEST if isinstance(value, int) else is_storable(str(value))):
        return value
    raise ValueError(value)
