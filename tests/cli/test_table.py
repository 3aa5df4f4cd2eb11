"""A table fits the terminal: what may shrink is cut, what may wrap folds, what is optional goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from synkron.cli.table import Field, table
from tests.support.hostile import dangerous_in, hostile_texts

COLUMNS = [
    Field("n", right=True),
    Field("organization", shrink=True),
    Field("id", optional=True),
    Field("finding", wrap=True),
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
    assert table(COLUMNS, ROWS, 40) == [
        "   n  organization  finding",
        "   7  Fjordlys Ba…  the expression has",
        "                    six fields, and a",
        "                    cron expression has",
        "                    five",
        "1234  東京",
    ]


def test_what_the_next_command_takes_is_cut_last() -> None:
    columns = [Field("organization", shrink=True, least=20), Field("schedule", shrink=True), Field("zone", shrink=True)]
    row = ["The Association of Fjord Owners", "0,15,30,45 8-16 * * MON-FRI", "Australia/Lord_Howe"]
    assert table(columns, [row], 60)[1] == "The Association of …  0,15,30,45 8-16 *…  Australia/Lord_Ho…"
    assert table(columns, [row], 48)[1] == "The Association of …  0,15,30,45 …  Australia/L…"
    assert table(columns, [row], 40)[1] == "The Associa…  0,15,30,45 …  Australia/L…"


def test_an_id_that_wraps_stays_in_one_piece_where_there_is_room() -> None:
    id_ = "8896e787-daf2-52e3-a867-3f7fea9cbe32"
    columns = [Field("organization", shrink=True), Field("finding", wrap=True), Field("what", wrap=True)]
    row = ["Fjordlys Barnehager", f"integration {id_}: minute 99 is out of range", "invalid since 06:00"]
    assert any(id_ in line for line in table(columns, [row], 80))
    assert any(id_ in line for line in table(columns[:2], [row[:2]], 51))
    assert max(map(len, table(columns, [row], 70))) <= 70


@pytest.mark.parametrize("width", range(44, 130))
def test_it_never_passes_the_edge(width: int) -> None:
    assert max(map(cell_len, table(COLUMNS, ROWS, width))) <= width


def test_without_rows_there_are_the_titles() -> None:
    assert table(COLUMNS, [], 80) == ["n  organization  id  finding"]


@pytest.mark.parametrize("width", [None, 80])
def test_no_cell_is_wider_than_200(width: int | None) -> None:
    long, sentence = "x" * 1_000_000, "word " * 1000
    lines = table(
        [Field("id"), Field("name", shrink=True), Field("finding", wrap=True)], [[long, long, sentence]], width
    )
    assert max(map(cell_len, lines)) <= 604
    assert lines[1].startswith("x" * 199 + "…  x")
    assert " ".join(line[404 if width is None else -20 :].strip() for line in lines[1:]).split() == ["word"] * 1000


@given(st.lists(hostile_texts(), min_size=4, max_size=4), st.none() | st.integers(20, 200))
def test_nothing_in_it_drives_the_terminal(row: list[str], width: int | None) -> None:
    titles = [replace(one, title=f"{one.title}{row[0]}") for one in COLUMNS]
    assert dangerous_in("".join(table(titles, [row], width))) == []
