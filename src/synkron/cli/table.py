"""A table of text that fits the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size

from synkron.text import printable

GAP = "  "
WIDEST = 200
# How narrow a column to shrink, and one to wrap, may become: for the sake of optional columns, and at all.
COMFORTABLE = (20, 48)
LEAST = (12, 24)


@dataclass(frozen=True, slots=True)
class Column:
    """A column; where the table is too wide, those to ``shrink`` or ``wrap`` get narrower, and ``optional`` ones go."""

    title: str
    right: bool = False
    shrink: bool = False
    wrap: bool = False
    optional: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """The lines of a table, its titles first; no wider than ``width`` where that can be done, and no cell than 200."""
    texts = [[printable(cell) for cell in row] for row in ([column.title for column in columns], *rows)]
    natural = [min(WIDEST, max(cell_len(text[index]) for text in texts)) for index in range(len(columns))]
    if width is None:
        return [line for text in texts for line in _lines(columns, text, natural)]
    shown = list(range(len(columns)))
    if _total(_narrowed(columns, natural, width, COMFORTABLE)) > width:
        shown = [index for index in shown if not columns[index].optional]
    columns = [columns[index] for index in shown]
    widths = _narrowed(columns, [natural[index] for index in shown], width, LEAST)
    return [line for text in texts for line in _lines(columns, [text[index] for index in shown], widths)]


def _narrowed(columns: Sequence[Column], natural: list[int], width: int, least: tuple[int, int]) -> list[int]:
    """The widths, taken from the widest column that may give until the table fits, or none gives any more."""
    widths = list(natural)
    keeps = {index: least[column.wrap] for index, column in enumerate(columns) if column.shrink or column.wrap}
    while _total(widths) > width:
        giving = [index for index in keeps if widths[index] > keeps[index]]
        if not giving:
            break
        widths[max(giving, key=widths.__getitem__)] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _lines(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [_cell(*one) for one in zip(columns, texts, widths, strict=True)]
    for parts in zip_longest(*cells):
        padded = [part if part is not None else " " * width for part, width in zip(parts, widths, strict=True)]
        yield GAP.join(padded).rstrip()


def _cell(column: Column, text: str, width: int) -> list[str]:
    if column.wrap:
        return [set_cell_size(line, width) for line in textwrap.wrap(text, width) or [""]]
    if cell_len(text) > width:
        return [set_cell_size(text, width - 1) + "…"]
    return [" " * (width - cell_len(text)) + text] if column.right else [set_cell_size(text, width)]
