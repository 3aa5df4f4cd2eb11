"""How the nouns look in JSON, for the commands and for the HTTP API: one name for one thing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from synkron.text import instant

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def held_by(row: DataclassInstance, noun: str = "") -> dict[str, object]:
    """What a noun holds, as JSON has it: its number is ``NOUN_id``, and a length of time ``NAME_ms``."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        if "timedelta" in str(field.type):
            found[f"{field.name}_ms"] = milliseconds(value)
        else:
            found[f"{noun}_id" if noun and field.name == "id" else field.name] = value
    return found


def in_json(answer: object, names: Mapping[str, str] | None = None, *, indent: int | None = None) -> str:
    """The answer as JSON: instants in UTC with a Z, ASCII only, so that no encoding can spoil it.

    With the ``names`` of the organizations, each ``org_id`` has ``org_name`` beside it, which is null if there is none.
    """
    return json.dumps(answer if names is None else _with_names(answer, names), indent=indent, default=_encoded)


def organizations_in(answer: object) -> set[str]:
    """The organizations whose ids the answer has under ``org_id``."""
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        answer = held_by(answer)
    if isinstance(answer, Mapping):
        own = {answer["org_id"]} if isinstance(answer.get("org_id"), str) else set()
        return own.union(*map(organizations_in, answer.values()))
    return set().union(*map(organizations_in, answer)) if isinstance(answer, list | tuple) else set()


def milliseconds(span: timedelta | None) -> int | None:
    """A span in whole milliseconds."""
    return None if span is None else round(span / timedelta(milliseconds=1))


def _with_names(answer: object, names: Mapping[str, str]) -> object:
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        answer = held_by(answer)
    if isinstance(answer, Mapping):
        found: dict[str, object] = {}
        for key, value in answer.items():
            found[key] = _with_names(value, names)
            if key == "org_id":
                found["org_name"] = (names.get(value) if isinstance(value, str) else None) or None
        return found
    return [_with_names(one, names) for one in answer] if isinstance(answer, list | tuple) else answer


def _encoded(value: object) -> object:
    """What JSON does not know."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return milliseconds(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return held_by(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
