"""What a text names, from a list of candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.reports.names.match import Candidate, forms, matches, nearest

BARNEHAGER = Candidate("7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11", "Fjordlys Barnehager")
FJORD = Candidate("7b1cffff-5a43-4f0a-9d0e-0d3c8f6e2a11", "Fjord")
OMSORG = Candidate("0b8f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51", "Skärgården Omsorg")
OTHER_OMSORG = Candidate("0b8f0000-52a9-4a4c-8f40-4f7a0f0f7a51", "skärgården omsorg")
NUMBER = Candidate("4711", "Østersjø Shipping")
LONGER_NUMBER = Candidate("47110", "Fjord")
NAMED_LIKE_AN_ID = Candidate("acme", "4711")
HOSTILE = Candidate("h", "Bell\x07 \x1b[31mred\u202e")
NAMELESS = Candidate("nameless", "")
BAKKE = Candidate("bakke", "Bakke & Sønner (AS)")
BAKKE_AS = Candidate("bakke-as", "bakke sønner as")
ALL = [
    BARNEHAGER,
    FJORD,
    OMSORG,
    OTHER_OMSORG,
    NUMBER,
    LONGER_NUMBER,
    NAMED_LIKE_AN_ID,
    HOSTILE,
    NAMELESS,
    BAKKE,
    BAKKE_AS,
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # The id, in any case.
        (BARNEHAGER.id, [BARNEHAGER]),
        (BARNEHAGER.id.upper(), [BARNEHAGER]),
        ("ACME", [NAMED_LIKE_AN_ID]),
        # An id wins over a name that reads the same.
        ("4711", [NUMBER]),
        # The name, in any case, with any blanks; it wins over a longer one.
        ("Fjordlys Barnehager", [BARNEHAGER]),
        ("  fjordlys   BARNEHAGER ", [BARNEHAGER]),
        ("ØSTERSJØ SHIPPING", [NUMBER]),
        ("fjord", [FJORD, LONGER_NUMBER]),
        ("Skärgården Omsorg", [OMSORG, OTHER_OMSORG]),
        ("SKA\u0308RGA\u030aRDEN OMSORG", [OMSORG, OTHER_OMSORG]),
        # A part of the name, as it is shown, and as a table cuts it off.
        ("lys", [BARNEHAGER]),
        ("ship", [NUMBER]),
        ("fjo", [BARNEHAGER, FJORD, LONGER_NUMBER]),
        ("Fjordlys Barn…", [BARNEHAGER]),
        (r"Bell\x07 \x1b[31mred\u202e", [HOSTILE]),
        ("Bell\x07 \x1b[31mred\u202e", [HOSTILE]),
        # Whatever is between the letters.
        ("Fjordlys_Barnehager", [BARNEHAGER]),
        ("fjordlys-barn", [BARNEHAGER]),
        ("bakke & sønner (as)", [BAKKE]),
        ("Bakke Sønner AS", [BAKKE_AS]),
        ("Bakke_Sønner_AS", [BAKKE, BAKKE_AS]),
        ("& Sønner", [BAKKE, BAKKE_AS]),
        # The beginning of an id, in any case.
        ("7b1c5", [BARNEHAGER]),
        ("7B1C5F2E-5A43", [BARNEHAGER]),
        ("7b1c", [BARNEHAGER, FJORD]),
        ("0b8f", [OMSORG, OTHER_OMSORG]),
        # Too short, not the beginning, or of a number, whose beginning is another number.
        ("7b1", []),
        ("5f2e", []),
        ("471", []),
        ("47", []),
        # Nothing.
        ("", []),
        (" ", []),
        ("…", []),
        ("nobody", []),
        ("%", []),
        ("???", []),
    ],
)
def test_what_a_text_names(text: str, found: list[Candidate]) -> None:
    assert matches(text, ALL) == found


def test_an_id_on_several_rows_is_named_once() -> None:
    assert matches("fjord", [FJORD, FJORD]) == [FJORD]


@given(st.text(min_size=1), st.lists(st.builds(Candidate, st.text(min_size=1), st.text()), max_size=5))
def test_an_id_is_always_found_and_alone(ident: str, others: list[Candidate]) -> None:
    one = Candidate(ident, "one")
    found = matches(ident, [*others, one])
    assert not ident.strip("… \t\r\n") or [each.id for each in found] == [ident]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("fjordlis", [BARNEHAGER, FJORD, LONGER_NUMBER]),
        ("Skargarden Omsorg", [OMSORG, OTHER_OMSORG]),
        ("Ostersjo", [NUMBER]),
        ("xyz", []),
        ("", []),
    ],
)
def test_the_nearest_names(text: str, near: list[Candidate]) -> None:
    assert nearest(text, ALL) == near


def test_the_forms_of_an_id() -> None:
    assert forms("7B1C") == ["7B1C", "7b1c"]
    assert forms("acme") == ["acme"]
