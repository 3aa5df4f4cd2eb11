"""Rows of an answer as values."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from asyncpg import Record

Value = TypeVar("Value")


def read(kind: type[Value], row: Record, /, **others: object) -> Value:
    """The dataclass ``kind`` with the row's columns as the fields of their names, and with the ``others``."""
    given: Any = kind
    named = {one.name: row[one.name] for one in fields(given) if one.name not in others}
    return kind(**named, **others)
