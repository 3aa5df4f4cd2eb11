"""The audit: who changed what, when, and from what. Rows are only added."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from synkron.model import EVERYTHING, Scope
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.text import duration_text, instant, one_line

Facts = Mapping[str, object]
# Nothing that an operation records is nested so deep; of what somebody else wrote, so many characters are shown.
DEEPEST, LONGEST = 20, 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change, and whom it was about; one of the whole installation, or of everything in it, is about nobody."""

    id: int
    at: datetime
    author: str
    action: str
    subject: str
    org_id: str | None
    integration_type: str | None
    integration_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Change(NamedTuple):
    """What was changed, whom that is ``about``, and what was so before and after.

    A change of an integration is also about its organization and its type.
    """

    subject: str
    about: Scope
    before: Facts | None
    after: Facts | None


async def record(
    connection: Connection,
    *,
    author: str,
    action: str,
    subject: str,
    about: Scope,
    before: Facts | None,
    after: Facts | None,
) -> None:
    """Record a change, in the transaction that makes it."""
    await record_each(connection, author=author, action=action, changes=[Change(subject, about, before, after)])


async def record_each(connection: Connection, *, author: str, action: str, changes: Sequence[Change]) -> None:
    """Record several changes of a kind, a row for each, in the transaction that makes them."""
    facts = [(one.subject, _written(one.before), _written(one.after), *one.about) for one in changes]
    columns = map(list, zip(*facts, strict=True))
    await connection.execute(statements("operations/operations")["record"], author, action, *columns)


async def entries(
    connection: Executor,
    scope: Scope = EVERYTHING,
    *,
    since: datetime | None = None,
    author: str | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[AuditEntry]:
    """The changes, the newest first; without a limit, all of them. They come after the one made at ``before``.

    Of a scope, only those about it or a part of it: those of an organization are also those of its integrations, and
    none of a whole type or of everything.
    """
    rows = await connection.fetch(
        statements("operations/operations")["audit"], since, author, limit, *(before or (None, None)), *scope
    )
    return [read(AuditEntry, row, before=_facts(row["before"]), after=_facts(row["after"])) for row in rows]


def _facts(text: str | None) -> dict[str, Any] | None:
    """What was so. What somebody else wrote is under the name ``recorded``: its JSON, or text if that is too much."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        if not _is_deeper(found, DEEPEST):
            return found if isinstance(found, dict) or found is None else {"recorded": found}
    except (ValueError, RecursionError):  # a number of thousands of digits is no JSON to Python
        pass
    return {"recorded": one_line(text, LONGEST)}


def _is_deeper(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(depth == 0 or _is_deeper(one, depth - 1) for one in inner)


def _written(facts: Facts | None) -> str | None:
    return None if facts is None else json.dumps(facts, default=_encoded)


def _encoded(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    raise TypeError(f"{type(value).__name__} can't be written to the audit")
