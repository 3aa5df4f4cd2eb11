"""Every requirement is built and proved, and the page of requirements says where."""

from __future__ import annotations

import pytest

from tests.house import requirements
from tests.house.pages import text_of
from tests.house.requirements import REQUIREMENTS, Marked, markers, markers_in, page, tracked


def test_the_page_is_what_the_markers_say() -> None:
    assert text_of("docs/requirements.md") == page(markers(tracked())), f"run python -m {requirements.__name__}"


def test_all_that_was_asked_for_is_listed() -> None:
    assert {one.number.split(".")[0] for one in REQUIREMENTS} == {f"R{number}" for number in range(1, 19)}
    assert len({one.number for one in REQUIREMENTS}) == len(REQUIREMENTS)


def test_every_requirement_is_built_and_proved() -> None:
    found = markers(tracked())
    built = {number for number, marked in found.items() if not all(one.is_proof for one in marked)}
    proved = {number for number, marked in found.items() if any(one.is_proof for one in marked)}
    assert built == {one.number for one in REQUIREMENTS if one.in_code and not one.to_come}
    assert proved == {one.number for one in REQUIREMENTS if not one.to_come}


def test_what_proves_it_in_the_tests_is_a_test() -> None:
    marked = {one for found in markers(tracked()).values() for one in found if one.file.startswith("tests/")}
    assert [one for one in marked if not one.name.startswith("test_")] == []


def test_a_marker_belongs_to_the_definition_beside_it() -> None:
    python = "# requirement R1, R16.2\n@decorated(\n    1\n)\nasync def test_one() -> None: ...\n"
    assert list(markers_in("tests/a.py", python)) == [
        ("R1", Marked("tests/a.py", "test_one")),
        ("R16.2", Marked("tests/a.py", "test_one")),
    ]
    assert list(markers_in("a.sql", "\n-- name: due\n-- requirement R9\n")) == [("R9", Marked("a.sql", "due"))]
    assert list(markers_in("a.md", "<!-- requirement R13 -->\n")) == [("R13", Marked("a.md", ""))]


@pytest.mark.parametrize("text", ["# requirement R1\n\ndef test_one(): ...\n", "# requirement R1\nONE = 1\n"])
def test_a_marker_of_no_definition_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"tests/a\.py:1: this marker of a requirement belongs to no definition"):
        list(markers_in("tests/a.py", text))
