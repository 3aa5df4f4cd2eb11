"""`explain`: a sentence, the next moments in the zone and in UTC, what may surprise, and where text is wrong."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command


def test_explains_in_the_zone_and_in_utc(synkron: Command) -> None:
    """The night of 25 October 2026 is an hour longer in Oslo."""
    ended = synkron("explain", "0 2 * * *", "--zone", "Europe/Oslo", "--at", "2026-10-23T12:00Z")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "At 02:00 every day."
    assert [line for line in lines if line.startswith("W4: ")]
    table = lines[lines.index("") + 1 :]
    assert table[:4] == [
        "in Europe/Oslo               UTC",
        "Sat 2026-10-24 02:00  +0200  Sat 2026-10-24 00:00",
        "Sun 2026-10-25 02:00  +0200  Sun 2026-10-25 00:00",
        "Mon 2026-10-26 02:00  +0100  Mon 2026-10-26 01:00",
    ]
    assert len(table) == 11


def test_explains_in_json(synkron: Command) -> None:
    ended = synkron("explain", "0 2 31 * *", "--zone", "+05:45", "--at", "2026-11-01T00:00Z", "--json")
    assert (ended.code, ended.err) == (0, "")
    answer = ended.answer
    assert list(answer) == ["expression", "zone", "description", "next", "warnings"]
    assert len(answer["next"]) == 10
    assert answer["next"][0] == {"local": "2026-12-31T02:00:00+05:45", "utc": "2026-12-30T20:15:00Z"}
    assert answer["next"][1]["local"] == "2027-01-31T02:00:00+05:45"


def test_an_expression_that_never_fires_has_no_next(synkron: Command) -> None:
    ended = synkron("explain", "0 0 31 2 *", "--json")
    assert ended.code == 0
    assert ended.answer["next"] == []
    assert [warning["rule"] for warning in ended.answer["warnings"]] == ["W1"]
    assert "UTC" not in synkron("explain", "0 0 31 2 *").out


def test_without_a_moment_it_begins_now(synkron: Command) -> None:
    """The same answer as for a given moment, whatever the clock says: every year has its first of January."""
    ended = synkron("explain", "0 0 1 1 *", "--json")
    assert ended.code == 0
    assert len(ended.answer["next"]) == 10


@pytest.mark.parametrize(
    ("expression", "message", "excerpt", "mark"),
    [
        ("99 * * * *", "minute is 0-59", "99 * * * *", "^"),
        ("0 2 * * 9", "day of week is 0-7", "0 2 * * 9", "        ^"),
        ("0 2 * * * *", "seconds and years are not supported", "0 2 * * * *", "          ^"),
        ("0 2 ？ * *", "plain ASCII", "0 2 ？ * *", "    ^"),
        ("日 日 * * 9", "plain ASCII", "日 日 * * 9", "^"),
        ("0 \x1b[31m * * *", "plain ASCII", r"0 \x1b[31m * * *", "  ^"),
    ],
)
def test_a_malformed_expression_is_marked(
    synkron: Command, expression: str, message: str, excerpt: str, mark: str
) -> None:
    ended = synkron("explain", expression)
    assert (ended.code, ended.out) == (2, "")
    error, shown, caret = ended.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert (shown, caret) == (f"  {excerpt}", f"  {mark}")


def test_of_a_long_expression_the_surroundings_are_shown(synkron: Command) -> None:
    days = ",".join(str(day) for day in range(1, 33))
    _, shown, caret = synkron("explain", f"0 0 {days} 1 *").err.splitlines()
    assert len(shown) < 80
    assert shown[caret.index("^") :].startswith("32 1 *")
