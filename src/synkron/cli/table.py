"""The fields of a noun, and a table of them that fits the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from operator import attrgetter
from typing import Any

from synkron.text import printable

GAP = "  "
WIDEST = 200
# How narrow a column to shrink, and one to wrap, may become: for the sake of optional columns, and at all.
COMFORTABLE = (20, 48)
LEAST = (12, 20)
# How much of an organization's name is shown where there is room.
NAME = 20
# An id and a mark behind it stay in one piece in a text that wraps, where there is room: then it can be copied.
ID = 37


def minute(moment: datetime) -> str:
    """A moment on the minute, for people, in the zone that it is given in."""
    return f"{moment:%Y-%m-%d %H:%M}"


def second(moment: datetime | None) -> str:
    """A moment to the second, for people; nothing where there is none."""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def precise(value: object) -> str:
    """A value for people, a moment to the millisecond."""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3] if isinstance(value, datetime) else text(value)


def text(value: object) -> str:
    """A value for people: a moment on the minute, and nothing where there is none."""
    return "" if value is None else minute(value) if isinstance(value, datetime) else str(value)


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of a noun, for its table and for its JSON.

    ``value`` is what it is of a row: a function, or the name of an attribute (dots lead further), that of ``key`` if
    not given. A table has a column for each field with a title, in which ``shown`` turns the value into text.
    JSON has the value under ``key``; a noun of which no field has a key is in JSON what its class holds.
    Where the table is too wide, the columns to ``shrink`` or ``wrap`` get narrower, and the ``optional`` ones go. Where
    there is room, a column keeps its ``least`` width: what it shows is what the next command takes. In a terminal, a
    column to wrap has at most so many ``lines``.
    """

    title: str | None = None
    value: Callable[[Any], Any] | str = ""
    shown: Callable[[Any], str] = text
    key: str = ""
    right: bool = False
    shrink: bool = False
    wrap: bool = False
    optional: bool = False
    least: int = 0
    lines: int | None = None

    def of(self, row: Any) -> Any:  # noqa: ANN401  the nouns have nothing in common
        """The value of this field in a row."""
        return self.value(row) if callable(self.value) else attrgetter(self.value or self.key)(row)


def cells(fields: Sequence[Field], row: Any) -> list[str]:  # noqa: ANN401  the nouns have nothing in common
    """A row of the table: the fields with a title."""
    return [field.shown(field.of(row)) for field in fields if field.title is not None]


def facts(fields: Sequence[Field], row: Any) -> dict[str, str]:  # noqa: ANN401  the nouns have nothing in common
    """A row as names and what they stand for: the fields with a title that say something."""
    named = zip(fields, cells(fields, row), strict=True)
    return {str(field.title): text for field, text in named if text}


def organization(names: Mapping[str, str], org_id: str = "org_id") -> Field:
    """The column of the organization's name, or of its id if it has none; ``org_id`` leads to that."""
    of = attrgetter(org_id)
    return Field("organization", lambda one: names.get(of(one) or "") or of(one), shrink=True, least=NAME)


def name_and_id(org_id: str | None, names: Mapping[str, str]) -> str | None:
    """The organization where there is room for both."""
    return f"{names[org_id]} ({org_id})" if org_id and names.get(org_id) else org_id


def table(columns: Sequence[Field], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """The lines of a table, its titles first; no wider than ``width`` where that can be done, and no cell than 200."""
    return [line for row in table_rows(columns, rows, width) for line in row]


def table_rows(columns: Sequence[Field], rows: Iterable[Sequence[str]], width: int | None) -> list[list[str]]:
    """The same, with the lines of each row together."""
    texts = [[printable(cell) for cell in row] for row in ([column.title or "" for column in columns], *rows)]
    natural = [min(WIDEST, max(cell_len(text[index]) for text in texts)) for index in range(len(columns))]
    if width is None:
        columns = [replace(column, lines=None) for column in columns]
        return [list(_lines(columns, text, natural)) for text in texts]
    shown = list(range(len(columns)))
    if _total(_narrowed(columns, natural, width, COMFORTABLE)) > width:
        shown = [index for index in shown if not columns[index].optional]
    columns = [columns[index] for index in shown]
    natural = [natural[index] for index in shown]
    needed = [_needed(column, [text[index] for text in texts]) for column, index in zip(columns, shown, strict=True)]
    widths = _narrowed(columns, natural, width, LEAST, needed)
    if _total(widths) > width:
        widths = _narrowed(columns, natural, width, LEAST)
    return [list(_lines(columns, [text[index] for index in shown], widths)) for text in texts]


def _narrowed(
    columns: Sequence[Field], natural: list[int], width: int, least: tuple[int, int], needed: Sequence[int] = ()
) -> list[int]:
    """The widths, taken from the widest column that may give until the table fits, or none gives any more.

    None gets narrower than what is ``needed``.
    """
    widths = list(natural)
    keeps = {index: least[column.wrap] for index, column in enumerate(columns) if column.shrink or column.wrap}
    keeps |= {index: max(keeps[index], needed[index]) for index in keeps if needed}
    while _total(widths) > width:
        giving = [index for index in keeps if widths[index] > keeps[index]]
        if not giving:
            break
        widths[max(giving, key=widths.__getitem__)] -= 1
    return widths


def _needed(column: Field, cells: Sequence[str]) -> int:
    """How wide a column should stay: its least, and where it wraps, so that an id stays in one piece."""
    words = [min(ID, cell_len(word)) for cell in cells for word in cell.split() if column.wrap]
    return max(column.least, *words, 0)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _lines(columns: Sequence[Field], texts: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    parts_of_cells = [_cell(*one) for one in zip(columns, texts, widths, strict=True)]
    for parts in zip_longest(*parts_of_cells):
        padded = [part if part is not None else " " * width for part, width in zip(parts, widths, strict=True)]
        yield GAP.join(padded).rstrip()


def _cell(column: Field, text: str, width: int) -> list[str]:
    if column.wrap:
        lines = textwrap.wrap(text, width, break_on_hyphens=width < ID, max_lines=column.lines, placeholder="…")
        return [set_cell_size(line, width) for line in lines or [""]]
    if cell_len(text) > width:
        return [set_cell_size(text, width - 1) + "…"]
    return [" " * (width - cell_len(text)) + text] if column.right else [set_cell_size(text, width)]


def cell_len(text: str) -> int:
    """How many cells of the terminal the text takes. Rich, which knows, is only asked of what is not ASCII."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def set_cell_size(text: str, width: int) -> str:
    """The text, cut or filled up with blanks to so many cells."""
    if text.isascii():
        return text[:width].ljust(width)
    from rich.cells import set_cell_size

    return set_cell_size(text, width)
