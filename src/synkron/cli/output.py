"""What a command answers: a table for people or JSON for programs on stdout; messages on stderr."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import IntEnum
from itertools import accumulate
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import typer

from synkron.cli.secrets import without_secrets
from synkron.service.forms import held_by, in_json
from synkron.text import printable

if TYPE_CHECKING:
    from synkron.cli.table import Field


# How many lines a screen has beside a list and its titles: what was named and the prompt; and that there is more.
BESIDE, CUT = 3, 2


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
    """Tell the person at the terminal, or the reader of a service's log, something that is not the answer."""
    if _say_elsewhere is None:
        show_lines(*(part for line in lines for part in wrapped(without_secrets(line), err=True)), err=True)
    else:
        for line in lines:
            _say_elsewhere(line)


_say_elsewhere: Callable[[str], None] | None = None


def say_through(elsewhere: Callable[[str], None] | None) -> None:
    """Let ``say`` give its lines to a function; with None, write them to stderr again."""
    global _say_elsewhere  # as stderr, it is the process's own
    _say_elsewhere = elsewhere


def show_json(answer: object, names: Mapping[str, str] | None = None) -> None:
    """Write the answer as JSON: instants in UTC with a Z, ASCII only, so that no encoding can spoil it.

    With the ``names`` of the organizations, each ``org_id`` has ``org_name`` beside it, which is null if there is none.
    """
    typer.echo(in_json(answer, names, indent=2))


def show(
    found: Sequence[Any],
    fields: Sequence[Field],
    *,
    as_json: bool,
    empty: str = "",
    noun: str = "",
    names: Mapping[str, str] | None = None,
    beside: int | None = None,
) -> int:
    """Write the rows of a noun, as JSON or as a table; where there are none, say what is ``empty`` then.

    Returns how many rows were written: see ``show_table``.
    """
    if as_json:
        show_json([facts_in_json(one, fields, noun) for one in found], names)
    elif found:
        return show_table(fields, found, beside=beside)
    elif empty:
        say(empty)
    return len(found)


def facts_in_json(row: Any, fields: Sequence[Field], noun: str = "") -> Any:  # noqa: ANN401  (as above)
    """A row as JSON has it: its fields that have a key, or all that it holds."""
    return {field.key: field.of(row) for field in fields if field.key} or held_by(row, noun)


def show_table(fields: Sequence[Field], rows: Iterable[Any], *, err: bool = False, beside: int | None = None) -> int:
    """Write the rows as wide as the terminal allows; into a pipe or a file, as wide as their text.

    Where ``beside`` is given, a terminal gets only the rows for which its screen has room beside so many other lines.
    Returns how many rows were written.
    """
    from synkron.cli.table import cells, table_rows

    columns = [field for field in fields if field.title is not None]
    is_terminal = (sys.stderr if err else sys.stdout).isatty()
    size = get_terminal_size()
    [heading], *written = table_rows(
        columns, [cells(columns, row) for row in rows], size.columns if is_terminal else None
    )
    room = size.lines - 1 - (beside or 0)
    if is_terminal and beside is not None and sum(map(len, written)) > room:
        ends = accumulate(map(len, written))
        written = written[: max(1, sum(end <= room - CUT for end in ends))]
    lines = [typer.style(heading, bold=True), *(line for row in written for line in row)]
    typer.echo("\n".join(lines), err=err)
    return len(written)


def lines_beside(context: typer.Context) -> int | None:
    """How many lines stand beside a list that is to fit the screen; None where a person set its --limit."""
    source = context.get_parameter_source("limit")
    return None if source is not None and source.name == "COMMANDLINE" else BESIDE


def say_cut(found: Sequence[Any], most: int, narrower: str) -> None:
    """Say so where there is more than may be shown; ``narrower`` names the options that ask for less."""
    if len(found) > most:
        say(f"Cut after the newest {most}: there are more. Raise --limit, or ask for fewer with {narrower}.")


def show_facts(facts: Mapping[str, str], fields: Sequence[Field] = (), rows: Sequence[Any] = ()) -> None:
    """Write names and what they stand for, one below the other; below that a table of the rows, where there are any."""
    show_lines(*fact_lines(facts))
    if rows:
        show_lines("")
        show_table(fields, rows)


def fact_lines(facts: Mapping[str, str]) -> list[str]:
    """Names and what they stand for, one below the other."""
    longest = max(map(len, facts))
    return [line for name, text in facts.items() for line in wrapped(text, f"{name:<{longest}}  ")]


def show_sentences(*sentences: str) -> None:
    """Write sentences of the answer, each on lines of its own."""
    show_lines(*(line for sentence in sentences for line in wrapped(sentence)))


def wrapped(text: str, head: str = "", *, err: bool = False) -> list[str]:
    """The text behind the head, in lines as wide as the terminal, a command in one that can be copied.

    Into a pipe or a file, all is in one line.
    """
    text = printable(text)
    if not (sys.stderr if err else sys.stdout).isatty():
        return [f"{head}{text}".rstrip()]
    left = " " * (len(head) or len(text) - len(text.lstrip()))
    unbroken = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), text.lstrip())
    lines = textwrap.wrap(
        unbroken,
        get_terminal_size().columns,
        initial_indent=head or left,
        subsequent_indent=left,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines] or [head.rstrip()]


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
