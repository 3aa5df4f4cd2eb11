"""Well-formed expressions and zones to try, for Hypothesis and for seeded runs."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.cron.oracle import BOUNDS

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
NAMES: tuple[list[str], ...] = ([], [], [], MONTHS, WEEKDAYS)

# Each has something of its own: half hours, midnights, minutes past midnight, quarter offsets, winter time in summer,
# changes in Ramadan, skipped days, a repeated morning, two hours at once.
ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Havana",
    "America/Los_Angeles",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Antarctica/Vostok",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Moscow",
    "Europe/Oslo",
    "Kwajalein",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)


def _values(index: int) -> st.SearchStrategy[str]:
    numbers = st.integers(*BOUNDS[index]).map(str)
    return numbers | st.sampled_from(NAMES[index]) if NAMES[index] else numbers


def _ranges(index: int) -> st.SearchStrategy[str]:
    low, high = BOUNDS[index]
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda ends: f"{min(ends)}-{max(ends)}")


def _items(index: int) -> st.SearchStrategy[str]:
    span = st.just("*") | _values(index) | _ranges(index)
    step = st.integers(1, BOUNDS[index][1] + 5).map(lambda number: f"/{number}")
    return _values(index) | _ranges(index) | st.builds(str.__add__, span, step)


def _fields(index: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(_items(index), min_size=1, max_size=3).map(",".join)


texts = st.tuples(*map(_fields, range(5))).map(" ".join)

# Most changes of clocks happen in the first hours of a day: expressions that are likely to meet one.
nightly_texts = st.tuples(
    st.sampled_from(("0", "30", "0,30", "15", "*", "*/20", "59", "0-5")),
    st.sampled_from(("0", "1", "2", "3", "23", "0-3", "*", "*/2", "1,2", "22-23,0-1", "0-23")),
    st.just("*") | _fields(2),
    st.just("*") | _fields(3),
    st.just("*") | _fields(4),
).map(" ".join)
