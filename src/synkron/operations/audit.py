"""The audit: who changed what, when, and from what. Rows are only added."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.text import duration_text, instant

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change."""

    id: int
    at: datetime
    author: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Change(NamedTuple):
    """What was changed, and what was so before and after."""

    subject: str
    before: Facts | None
    after: Facts | None


async def record(
    connection: Connection, *, author: str, action: str, subject: str, before: Facts | None, after: Facts | None
) -> None:
    """Record a change, in the transaction that makes it."""
    await record_each(connection, author=author, action=action, changes=[Change(subject, before, after)])


async def record_each(connection: Connection, *, author: str, action: str, changes: Sequence[Change]) -> None:
    """Record several changes of a kind, a row for each, in the transaction that makes them."""
    subjects = [one.subject for one in changes]
    before, after = ([_written(one) for one in facts] for facts in zip(*(one[1:] for one in changes), strict=True))
    await connection.execute(statements("operations/operations")["record"], author, action, subjects, before, after)


async def entries(
    connection: Executor,
    *,
    since: datetime | None = None,
    author: str | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> list[AuditEntry]:
    """The changes, the newest first; without a limit, all of them. They come after the one made at ``before``."""
    rows = await connection.fetch(
        statements("operations/operations")["audit"], since, author, limit, *(before or (None, None))
    )
    return [
        read(AuditEntry, row, before=json.loads(row["before"] or "null"), after=json.loads(row["after"] or "null"))
        for row in rows
    ]


def _written(facts: Facts | None) -> str | None:
    return None if facts is None else json.dumps(facts, default=_encoded)


def _encoded(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    raise TypeError(f"{type(value).__name__} can't be written to the audit")
