"""C1-C10: which texts are expressions, what they select, and what the message says of the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.cron import Cron, parse
from synkron.cron.pattern import bits
from synkron.errors import CronError
from tests.cron import oracle
from tests.cron.expressions import texts

SAME_MEANING = [
    ("C1", "0 2 * * *", " \t 0\t2   * *\t\t*  "),
    ("C2", "0 2 * * *", "0 2 * * *" + " " * 503),
    ("C3", "5 9 1 4 0", "05 009 01 0004 00"),
    ("C3", "0 0 * * 0", "0 0 * * 7"),
    ("C3", "0 0 * * 5,6,0", "0 0 * * 5-7"),
    ("C4", "0 0 * 1,12 1-5", "0 0 * jan,Dec MON-fri"),
    ("C4", "0 0 * 1-12/3 0", "0 0 * JAN-DEC/3 sun"),
    ("C5", "0,15,30,45 * * * *", "*/15 * * * *"),
    ("C5", "1,2,3,10,12,14 0 * * *", "1-3,10-14/2 0 * * *"),
    ("C5", "7 0 * * *", "7-7/2 0 * * *"),
    ("C5", "3 0 * * *", "3,3,3 0 * * *"),
    ("C6", "5,20,35,50 * * * *", "5/15 * * * *"),
    ("C6", "0 0 20,30 * *", "0 0 20/10 * *"),
    ("C6", "0 0 * * 1,4,0", "0 0 * * 1/3"),
    ("C8", "0 0 * * 5,6,0", "0 0 * * FRI-SUN"),
    ("C8", "0 0 * * 0-6", "0 0 * * SUN-SUN"),
]

MALFORMED = [
    # rule, text, field, offending text, column, what the message must say
    ("C1", "", None, "", 1, "0 fields"),
    ("C1", "  \t ", None, "", 1, "0 fields"),
    ("C1", "0 2 * *", None, "0 2 * *", 1, "4 fields; a cron expression has five: minute, hour, day of month, month"),
    ("C1", "0 0 2 * * *", None, "*", 11, "column 11 on: seconds and years are not supported"),
    ("C1", " 0 0 2 * * * 2026 ", None, "* 2026", 12, "7 fields"),
    ("C2", "0 2 * * *\n", None, "\n", 10, "plain ASCII on one line"),
    ("C2", "0\x002 * * *", None, "\x00", 2, "'\\x00' at column 2"),
    ("C2", "0 ٢ * * *", None, "٢", 3, "'\\u0662' at column 3"),
    ("C2", "0 ２ * * *", None, "２", 3, "'\\uff12' at column 3"),
    ("C2", "0 0 * * ſun", None, "ſ", 9, "'\\u017f' at column 9"),
    ("C2", "0\u00a02 * * *", None, "\u00a0", 2, "at column 2"),
    ("C2", "0 2 * * \x7f", None, "\x7f", 9, "at column 9"),
    ("C2", "0 2 * * *" + " " * 504, None, "0 2 * * *" + " " * 31, 513, "at most 512 characters; this one has more"),
    ("C3", "99 * * * *", "minute", "99", 1, "minute '99' at column 1: out of range; minute is 0-59"),
    ("C3", "0 24 * * *", "hour", "24", 3, "hour is 0-23"),
    ("C3", "0 0 0 * *", "day of month", "0", 5, "day of month is 1-31"),
    ("C3", "0 0 32 * *", "day of month", "32", 5, "out of range"),
    ("C3", "0 0 * 13 *", "month", "13", 7, "month is 1-12 or JAN-DEC"),
    ("C3", "0 0 * * 8", "day of week", "8", 9, "day of week is 0-7 or SUN-SAT"),
    ("C3", "-5 * * * *", "minute", "-5", 1, "signs are not allowed"),
    ("C3", "+5 * * * *", "minute", "+5", 1, "not a value"),
    ("C3", "1.5 * * * *", "minute", "1.5", 1, "not a value"),
    ("C3", "1e1 * * * *", "minute", "1e1", 1, "not a value"),
    ("C4", "0 0 * MARCH *", "month", "MARCH", 7, "names have three letters; write MAR"),
    ("C4", "0 0 * * tues", "day of week", "tues", 9, "write TUE"),
    ("C4", "JUL 0 * * *", "minute", "JUL", 1, "minute is 0-59"),
    ("C4", "0 0 * WED *", "month", "WED", 7, "month is 1-12 or JAN-DEC"),
    ("C5", "0,,5 * * * *", "minute", ",", 3, "an item is missing"),
    ("C5", "0, * * * *", "minute", "", 3, "an item is missing"),
    ("C5", "0 5- * * *", "hour", "5-", 3, "a number is missing"),
    ("C5", "0 1-2-3 * * *", "hour", "2-3", 5, "not a value"),
    ("C5", "0 *-5 * * *", "hour", "*", 3, "not a value"),
    ("C5", "0 ** * * *", "hour", "**", 3, "an item is *, n, a-b, */s, a-b/s or n/s"),
    ("C5", "*/5/2 * * * *", "minute", "5/2", 3, "a step must be a whole number"),
    ("C7", "*/0 * * * *", "minute", "0", 3, "a step must be at least 1"),
    ("C7", "*/-1 * * * *", "minute", "-1", 3, "a step must be a whole number"),
    ("C7", "0 */ * * *", "hour", "*/", 3, "a step is missing"),
    ("C8", "0 22-2 * * *", "hour", "22-2", 3, "a range must ascend; write 22-23,0-2"),
    ("C8", "0 0 25-1 * *", "day of month", "25-1", 5, "write 25-31,1"),
    ("C8", "0 0 * NOV-FEB *", "month", "NOV-FEB", 7, "write NOV-DEC,JAN-FEB"),
    ("C8", "0 0 * * FRI-MON", "day of week", "FRI-MON", 9, "write FRI-SAT,SUN-MON"),
    ("C8", "0 0 * * 6-0", "day of week", "6-0", 9, "write 6,0"),
    ("C8", "0 0 * * 1,sat-tue/2", "day of week", "sat-tue", 11, "write SAT,SUN-TUE"),
    ("C9", "@daily", None, "@daily", 1, "macros such as '@daily' are not supported; write 0 0 * * *"),
    ("C9", " @Hourly", None, "@Hourly", 2, "write 0 * * * *"),
    ("C9", "@weekly", None, "@weekly", 1, "write 0 0 * * 0"),
    ("C9", "@monthly", None, "@monthly", 1, "write 0 0 1 * *"),
    ("C9", "@yearly", None, "@yearly", 1, "write 0 0 1 1 *"),
    ("C9", "@annually", None, "@annually", 1, "write 0 0 1 1 *"),
    ("C9", "@midnight", None, "@midnight", 1, "write 0 0 * * *"),
    ("C9", "@reboot", None, "@reboot", 1, "a cron expression has five"),
    ("C9", "@every 1 2 3 4", "minute", "@every", 1, "macros are not supported"),
    ("C9", "0 0 ? * *", "day of month", "?", 5, "write '*'"),
    ("C9", "0 0 L * *", "day of month", "L", 5, "'L' (last)"),
    ("C9", "0 0 15W * *", "day of month", "15W", 5, "'W' (nearest working day)"),
    ("C9", "0 0 * * 5#2", "day of week", "5#2", 9, "'#' (nth weekday"),
    ("C9", "H 0 * * *", "minute", "H", 1, "'H' (a hashed value)"),
    ("C9", "0 1~4 * * *", "hour", "1~4", 3, "'~' (a random value)"),
    ("C9", "0 0 * * 1%2", "day of week", "1%2", 9, "'%' is not supported"),
    ("C10", " 0  0,61 * * *", "hour", "61", 7, "hour '61' at column 7: out of range; hour is 0-23"),
    ("C10", "0 0 * 1,2,13-14 *", "month", "13", 11, "month '13' at column 11"),
    ("C10", f"{'x' * 60} * * * *", "minute", "x" * 40, 1, "not a value"),
]

# Each is refused by its length or its characters; none is long enough to be slow, or reaches the fields.
HOSTILE = [
    "*" * 100_000,
    "0 " * 50_000,
    "0 0 * * " + "1," * 50_000,
    "(a+)+$" * 20_000,
    "0 2 * * *\x00" + "A" * 100_000,
    "0 2 * * *; drop table organizations; --\n",
    "٠ ٢ * * *",
    "０ ２ * * *",
    "0 2 * * *\r\n0 3 * * *",
    "0 2 * * * \x1b[2J",
    "0 2 * * \u202e*",
    "\ud800 * * * *",
    "0\x0b2\x0c*\x1c*\x85*",
]


@pytest.mark.parametrize(("rule", "plain", "text"), SAME_MEANING, ids=lambda value: value[:40])
def test_texts_of_the_same_meaning(rule: str, plain: str, text: str) -> None:
    """C1, C3-C6, C8."""
    one, other = parse(plain), parse(text)
    fields = ("minutes", "hours", "days", "months", "weekdays", "either_day")
    assert [getattr(one, field) for field in fields] == [getattr(other, field) for field in fields], rule


@pytest.mark.parametrize(
    ("rule", "text", "field", "offending", "column", "message"),
    MALFORMED,
    ids=[f"{rule}-{ascii(text)[1:-1][:40]}" for rule, text, *_ in MALFORMED],
)
def test_malformed(rule: str, text: str, field: str | None, offending: str, column: int, message: str) -> None:
    """C1-C10."""
    with pytest.raises(CronError) as caught:
        parse(text)
    error = caught.value
    assert message in str(error), rule
    assert (error.field, error.text, error.column) == (field, offending, column)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[1:25])
def test_c2_hostile_text_is_refused_before_it_is_read(text: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(text)
    assert caught.value.field is None
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [None, 5, 1.5, True, b"0 2 * * *", ["0", "2", "*", "*", "*"]], ids=repr)
def test_c2_what_is_not_text_is_malformed(value: object) -> None:
    with pytest.raises(CronError, match="a cron expression must be text, not"):
        parse(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "selected"),
    [("*/90 0 * * *", [0]), ("10/55 0 * * *", [10]), ("20-30/11 0 * * *", [20]), (f"*/{'9' * 400} 0 * * *", [0])],
    ids=["C7-*/90", "C7-10/55", "C7-20-30/11", "C7-400 digits"],
)
def test_c7_a_step_beyond_the_range_selects_the_first_value(text: str, selected: list[int]) -> None:
    assert list(bits(parse(text).minutes)) == selected


def test_c8_the_list_in_the_message_is_well_formed() -> None:
    for text in ("5-1", "FRI-MON", "6-0", "SAT-2", "7-3", "THU-0"):
        with pytest.raises(CronError) as caught:
            parse(f"0 0 * * {text}")
        meant = parse(f"0 0 * * {str(caught.value).rpartition('write ')[2]}")
        first, last = (oracle.NAMES.get(end, end) for end in text.split("-"))
        wrapped = {day % 7 for day in range(int(first), int(last) + 8)}
        assert set(bits(meant.weekdays)) == wrapped, text


@given(texts)
def test_a_field_selects_what_the_rules_say(text: str) -> None:
    """C3-C7, against the oracle's own reading."""
    cron, expected = parse(text), oracle.read(text)
    assert set(bits(cron.minutes)) == expected.minutes
    assert set(bits(cron.hours)) == expected.hours
    assert set(bits(cron.days)) == expected.days
    assert set(bits(cron.months)) == expected.months
    assert set(bits(cron.weekdays)) == {day % 7 for day in expected.weekdays}
    assert (cron.either_day, cron.fixed_time) == (expected.either_day, expected.fixed_time)


@given(texts)
def test_a_parsed_expression_is_a_value(text: str) -> None:
    cron = parse(text)
    assert cron == parse(f"\t{text.lower()} ")
    assert hash(cron) == hash(parse(text))
    with pytest.raises(AttributeError):
        cron.minutes = 1  # type: ignore[misc]


@given(st.text(max_size=600) | st.text(alphabet="0123456789*,-/ \tLWH#?@~%JANFEBSUNjan\n.+", max_size=60))
def test_any_text_is_an_expression_or_a_cron_error(text: str) -> None:
    error, cron = attempt(text)
    if error is None:
        assert cron is not None
        assert cron.describe()
    else:
        assert 1 <= error.column <= max(len(text), 512) + 1
        assert len(error.text) <= 40


@given(texts, st.integers(0, 80), st.sampled_from("0*,-/ LW#?@%:;$\\'\"(٢\n"))
def test_a_slip_of_the_finger_is_an_expression_or_a_cron_error(text: str, at: int, slip: str) -> None:
    error, cron = attempt(text[:at] + slip + text[at:])
    assert (error is None) != (cron is None)


def attempt(text: str) -> tuple[CronError, None] | tuple[None, Cron]:
    """What parse says; any other error is the test's failure."""
    try:
        return None, parse(text)
    except CronError as error:
        return error, None
