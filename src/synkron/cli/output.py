"""What a command answers: a table for people or JSON for programs on stdout; messages on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum

import typer

# Where nobody looks at the width, a table is never cut.
WIDTH_OF_A_PIPE = 2000


class ExitCode(IntEnum):
    """How a command ends; documented in ``synkron --help``."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    DATA = 3
    NOT_FOUND = 4
    REFUSED = 6


def say(message: str) -> None:
    """Tell the person at the terminal something that is not the answer."""
    typer.echo(plain(message, keep="\n"), err=True)


def show_json(answer: object) -> None:
    """Write the answer as JSON: instants in UTC with a Z, ASCII only, so that no encoding can spoil it."""
    typer.echo(json.dumps(answer, indent=2, default=_encoded))


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. One that may ``shrink`` is cut where the terminal is narrow, one that may ``wrap`` folds."""

    title: str
    right: bool = False
    shrink: bool = False
    wrap: bool = False


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, headings: bool = True) -> None:
    """Write a table as wide as the terminal allows; into a pipe or a file, as wide as its text."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), show_header=headings)
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold" if column.wrap else "ellipsis",
            min_width=None if column.shrink or column.wrap else len(column.title),
        )
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False)
    with console.capture() as written:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in written.get().splitlines()))


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Write names and what they stand for, one below the other."""
    show_table([Column(""), Column("", wrap=True)], facts, headings=False)


def plain(text: str, *, keep: str = "") -> str:
    """The text without what would steer a terminal: each control character becomes one replacement character."""
    return "".join(
        character if character in keep or unicodedata.category(character)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


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
