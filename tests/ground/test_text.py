"""What would drive a terminal, or is not to be seen, is spelt out; everything else stays as it is."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.text import one_line, printable
from tests.support.hostile import DANGEROUS, HOSTILE, SPELT, dangerous_in, hostile_texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, SPELT),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("abc\u202etxt.exe\u202c", r"abc\u202etxt.exe\u202c"),
        ("\u200e\u200f\u061c\u2066\u2069", r"\u200e\u200f\u061c\u2066\u2069"),
        ("one\u2028two\u2029", r"one\u2028two\u2029"),
        ("xled\u200bger\u200d\ufeff\xad\u2060", r"xled\u200bger\u200d\ufeff\xad\u2060"),
        ("x\u3164\u115f\ufe0f\u034f", r"x\u3164\u115f\ufe0f\u034f"),
        ("\ud800 \udfff", r"\ud800 \udfff"),
        ("\U000e0041\ue000\U0010ffff", r"\U000e0041\ue000\U0010ffff"),
        ("Skärgården Omsorg, 東京, Jökull’s “ø” – 100 %\N{NO-BREAK SPACE}🎉", None),
        ("e\N{COMBINING ACUTE ACCENT} हिन्दी עברית \\x1b", None),
    ],
)
def test_what_is_spelt_out(text: str, shown: str | None) -> None:
    assert printable(text) == (text if shown is None else shown)


def test_every_dangerous_character_there_is() -> None:
    for number in range(sys.maxunicode + 1):
        if DANGEROUS.match(chr(number)):
            assert printable(chr(number)) == chr(number).encode("unicode_escape").decode()


@given(hostile_texts(), st.none() | st.integers(1, 40))
def test_nothing_dangerous_gets_through(text: str, most: int | None) -> None:
    for shown in (printable(text, most), one_line(text, most)):
        assert dangerous_in(shown) == []
        assert most is None or len(shown) <= most
        shown.encode()


@given(hostile_texts())
def test_what_is_printable_stays(text: str) -> None:
    assert printable(printable(text)) == printable(text)
    assert one_line(one_line(text)) == one_line(text)


@given(hostile_texts())
def test_only_what_is_kept_is_let_through(text: str) -> None:
    assert dangerous_in(printable(text, keep="\n")) == ["\n"] * text.count("\n")


def test_one_line() -> None:
    assert one_line(" a\r\n b\tc \x1b[m\n") == r"a b c \x1b[m"
    assert one_line("x" * 100, 5) == "xxxx…"
    assert printable("x" * 5, 5) == "xxxxx"
    assert printable("\x1b" * 5, 5) == "\\x1b…"
