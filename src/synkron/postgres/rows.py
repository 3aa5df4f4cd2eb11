"""Rows of an answer as values."""

from __future__ import annotations

from typing import Any, TypeVar

from asyncpg import Record

Value = TypeVar("Value")


def read(kind: type[Value], row: Record, /, **others: object) -> Value:
    """The dataclass or named tuple with the row's columns as the fields of their names, and with the ``others``."""
    given: Any = kind
    named = {name: row[name] for name in given.__match_args__ if name not in others}
    return kind(**named, **others)
