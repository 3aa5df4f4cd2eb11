"""A table fits the terminal: what may shrink is cut, what may wrap folds, what is optional goes."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from synkron.cli.table import Column, table

COLUMNS = [
    Column("n", right=True),
    Column("organization", shrink=True),
    Column("id", optional=True),
    Column("finding", wrap=True),
]
ROWS = [
    ["7", "Fjordlys Barnehager", "0123456789abcdef", "the expression has six fields, and a cron expression has five"],
    ["1234", "東京", "-", ""],
]


def test_unbounded_it_is_as_wide_as_its_text() -> None:
    assert table(COLUMNS, ROWS, None) == [
        "   n  organization         id                finding",
        "   7  Fjordlys Barnehager  0123456789abcdef  the expression has six fields, and a cron expression has five",
        "1234  東京                 -",
    ]


def test_on_a_terminal_what_wraps_folds_first() -> None:
    assert table(COLUMNS, ROWS, 94) == [
        "   n  organization         id                finding",
        "   7  Fjordlys Barnehager  0123456789abcdef  the expression has six fields, and a cron",
        "                                             expression has five",
        "1234  東京                 -",
    ]


def test_on_a_narrow_terminal_what_is_optional_goes() -> None:
    assert table(COLUMNS, ROWS, 44) == [
        "   n  organization  finding",
        "   7  Fjordlys Ba…  the expression has six",
        "                    fields, and a cron",
        "                    expression has five",
        "1234  東京",
    ]


@pytest.mark.parametrize("width", range(44, 130))
def test_it_never_passes_the_edge(width: int) -> None:
    assert max(map(cell_len, table(COLUMNS, ROWS, width))) <= width


def test_without_rows_there_are_the_titles() -> None:
    assert table(COLUMNS, [], 80) == ["n  organization  id  finding"]
