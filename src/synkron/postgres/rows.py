"""Rows of an answer as values."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from asyncpg import Record

from synkron.postgres.connection import Connection

Value = TypeVar("Value")


def read(kind: type[Value], row: Record, /, **others: object) -> Value:
    """The dataclass or named tuple with the row's columns as the fields of their names, and with the ``others``."""
    given: Any = kind
    named = {name: row[name] for name in given.__match_args__ if name not in others}
    return kind(**named, **others)


async def batches(
    connection: Connection, statement: str, *arguments: object, size: int
) -> AsyncGenerator[list[Record], None]:
    """The rows of the statement in batches of about this size; rows with the same first column are always together."""
    batch: list[Record] = []
    async for row in connection.cursor(statement, *arguments, prefetch=size):
        if len(batch) >= size and row[0] != batch[-1][0]:
            yield batch
            batch = []
        batch.append(row)
    yield batch
