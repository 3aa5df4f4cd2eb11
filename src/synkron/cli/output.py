"""What a command answers: a table for people or JSON for programs on stdout; messages on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from shutil import get_terminal_size

import typer

from synkron.cli.secrets import without_secrets
from synkron.cli.table import Column, table
from synkron.text import printable


class ExitCode(IntEnum):
    """How a command ends; documented in ``synkron --help``."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3
    NOT_FOUND = 4
    REFUSED = 6


def show_lines(*lines: str, err: bool = False) -> None:
    """Write lines of the answer, whatever they hold."""
    typer.echo("\n".join(map(printable, lines)), err=err)


def say(*lines: str) -> None:
    """Tell the person at the terminal something that is not the answer."""
    show_lines(*map(without_secrets, lines), err=True)


def show_json(answer: object) -> None:
    """Write the answer as JSON: instants in UTC with a Z, ASCII only, so that no encoding can spoil it."""
    typer.echo(json.dumps(answer, indent=2, default=_encoded))


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, err: bool = False) -> None:
    """Write a table as wide as the terminal allows; into a pipe or a file, as wide as its text."""
    width = get_terminal_size().columns if (sys.stderr if err else sys.stdout).isatty() else None
    heading, *lines = table(columns, rows, width)
    typer.echo("\n".join([typer.style(heading, bold=True), *lines]), err=err)


def show_facts(facts: Mapping[str, str]) -> None:
    """Write names and what they stand for, one below the other."""
    show_lines(*fact_lines(facts))


def fact_lines(facts: Mapping[str, str]) -> list[str]:
    """Names and what they stand for, a line each."""
    longest = max(map(len, facts))
    return [f"{name:<{longest}}  {printable(text)}".rstrip() for name, text in facts.items()]


def counted(number: int, noun: str) -> str:
    """``1 run``, ``1,234 runs``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def zulu(moment: datetime) -> str:
    """An instant as JSON has it: ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def minute(moment: datetime) -> str:
    """A moment on the minute, for people, in the zone that it is given in."""
    return f"{moment:%Y-%m-%d %H:%M}"


def milliseconds(span: timedelta | None) -> int | None:
    """A span in whole milliseconds."""
    return None if span is None else round(span / timedelta(milliseconds=1))


def lateness(span: timedelta | None) -> str:
    """A drift for people, in at most seven characters: ``82 ms``, ``12.4 s``, ``3 h 20 m``."""
    if span is None:
        return ""
    seconds = span.total_seconds()
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 100:
        return f"{seconds:.1f} s"
    if abs(seconds) < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _encoded(value: object) -> object:
    if isinstance(value, datetime):
        return zulu(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form here")
