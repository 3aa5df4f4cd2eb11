"""The page of results says what was measured, and nothing else."""

from __future__ import annotations

from pathlib import Path

from bench.measure import RESULTS, Better, Kept, Measure
from bench.report import kept_in, page, plot_of

from tests.house.pages import text_of

READ = Measure(
    "B2", "1,000,000 rows, p50", "ms", [40, 48, 1400], target=50, peers={"psycopg": [2000, 2400]}, note="warm"
)
RATE = Measure("B10", "executed", "runs/s", [5123.4], target=6000, better=Better.HIGHER)
GROWTH = Measure("B4", "growth", "x", [33], series={"rows": [1, 2], "milliseconds": {"synkron": [1.5, 2]}})


def kept(program: str, *measures: Measure) -> Kept:
    """What a program measured, on a machine."""
    return Kept(
        program, f"python -m bench.{program}", "2026-11-26 10:00 UTC", "25c5e76", "a machine, 2 cores", measures
    )


def test_the_page_is_what_the_programs_kept() -> None:
    assert text_of("bench/RESULTS.md") == page(kept_in(RESULTS))


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    for one in (kept("herd", RATE), kept("reader", READ, GROWTH)):
        one.write(tmp_path)
    assert [one.program for one in kept_in(tmp_path)] == ["reader", "herd"]
    read = [measure for one in kept_in(tmp_path) for measure in one.measures]
    assert page([kept("reader", *read)]) == page([kept("reader", READ, GROWTH, RATE)])
    assert read == [READ, GROWTH, RATE]


def test_figures_stand_in_one_line_each(tmp_path: Path) -> None:
    kept("reader", READ).write(tmp_path)
    text = Path(tmp_path, "reader.json").read_text("utf-8")
    assert '"rounds": [ 40, 48, 1400 ]' in text


def test_the_table_has_every_measure_in_order_with_target_and_verdict() -> None:
    lines = page([kept("herd", RATE), kept("reader", READ, GROWTH)]).splitlines()
    table = [line for line in lines if line.startswith("| B")]
    assert table[:3] == [
        "| B2 | 1,000,000 rows, p50 | 48 ms | 40 to 1,400 | 3 | at most 50 ms | yes |",
        "| B4 | growth | 33 x | 33 to 33 | 1 |  |  |",
        "| B10 | executed | 5,123 runs/s | 5,123 to 5,123 | 1 | at least 6,000 runs/s | **no** |",
    ]


def test_each_program_says_how_it_was_run_and_what_stood_beside_it() -> None:
    text = page([kept("reader", READ)])
    assert "`python -m bench.reader`, 2026-11-26 10:00 UTC, commit 25c5e76, on a machine, 2 cores." in text
    assert "| B2 1,000,000 rows, p50 | Synkron | 48 ms | 40 to 1,400 | 3 |" in text
    assert "|  | psycopg | 2,200 ms | 2,000 to 2,400 | 2 |" in text
    assert "- **B2**: Warm." in text


def test_a_series_that_can_be_drawn_has_its_plot_on_the_page() -> None:
    assert plot_of(READ) == ""
    assert "(results/growth-b4.svg)" in page([kept("reader", GROWTH)])


def test_without_figures_the_page_says_so() -> None:
    assert "Nothing is kept yet." in page([])
