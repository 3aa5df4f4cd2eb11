"""Synkron, cronsim and croniter on thousands of random expressions: each disagreement is a rule, or a defect.

A disagreement passes only where a rule of the dialect covers the expression, and where the oracle sides with Synkron on
the first moment that is disputed. Every rule listed must occur, so that none is listed in vain.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice, zip_longest
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from synkron.cron import parse
from synkron.errors import CronError
from tests.cron import oracle
from tests.cron.expressions import NAMES, ZONES
from tests.cron.oracle import BOUNDS

Answer = list[datetime] | None
"""The next three occurrences, fewer where there are no more; None where the text is refused."""


# requirement R2
def test_cronsim_differs_by_rule_only() -> None:
    assert disagreements(by_cronsim, cronsim_rules) == {
        "C1 six fields",
        "C2 characters",
        "C5 n-n/s is a range",
        "C8 SUN ends a range",
        "C9 marks of other dialects",
        "C13 never",
    }


# requirement R2
def test_croniter_differs_by_rule_only() -> None:
    assert disagreements(by_croniter, croniter_rules) == {
        "C1 six fields",
        "C2 characters",
        "C5 n-n is one value",
        "C6 to the end of the range, 7",
        "C8 ranges run upward",
        "C9 marks of other dialects",
        "C11 the first character counts",
        "C13 never",
    }


def test_cronsim_differs_around_changes_of_clocks_by_rule_only() -> None:
    chance = random.Random(17)  # noqa: S311
    seen = Counter[str]()
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in chance.sample(changes := oracle.changes(zone, 1990, 2030), min(8, len(changes))):
            for _ in range(8):
                text = nightly(chance)
                start = change + timedelta(minutes=chance.randint(-300, 300))
                ours = parse(text).next_after(start, zone)
                theirs = next(CronSim(text, start.astimezone(zone)), None)
                seen["asked"] += 1
                if ours is None or theirs is None or ours != theirs.astimezone(UTC):
                    assert_oracle_sides_with_us(text, start, ours, zone)
                    seen[rule_of_change(change, zone)] += 1
    assert seen["asked"] > 1000
    assert set(seen) == {"asked", "C17 a gap", "C18 a correction", "C19 an overlap"}


def disagreements(other: Callable[[str, datetime], Answer], rules_of: Callable[[str], list[str]]) -> set[str]:
    """The rules by which the other library differs on some of 6,000 expressions."""
    chance = random.Random(19)  # noqa: S311
    seen = Counter[str]()
    for number in range(6000):
        text = expression(chance) if number % 3 else with_a_slip(chance, expression(chance))
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(2 * 525_600))
        ours, theirs = by_synkron(text, start), other(text, start)
        if ours == theirs:
            seen["alike"] += 1
            continue
        rules = rules_of(text)
        assert rules, f"no rule covers {text!r} after {start}: {ours} and {theirs}"
        if ours is not None and theirs is not None:
            assert_oracle_decides(text, ours, theirs)
        seen.update(rules)
    assert seen.pop("alike") > 2000
    return set(seen)


def by_synkron(text: str, start: datetime) -> Answer:
    try:
        cron = parse(text)
    except CronError:
        return None
    moments = [cron.next_after(start, UTC)]
    while moments[-1] and len(moments) < 3:
        moments.append(cron.next_after(moments[-1], UTC))
    return [moment for moment in moments if moment]


def by_cronsim(text: str, start: datetime) -> Answer:
    try:
        return list(islice(CronSim(text, start), 3))
    except Exception:  # noqa: BLE001 - garbage also meets its assertions
        return None


def by_croniter(text: str, start: datetime) -> Answer:
    try:
        moments = croniter(text, start)
        return [moments.get_next(datetime) for _ in range(3)]  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001
        return None


def cronsim_rules(text: str) -> list[str]:
    """The rules on which cronsim is known to differ that touch the expression."""
    return [
        *common_rules(text),
        *["C5 n-n/s is a range" for _, first, last, step in ranges(text) if first == last and step],
        *["C8 SUN ends a range" for _ in re.findall(r"-SUN", text.upper())],
        *["C9 marks of other dialects" for _ in re.findall(r"[L#]", without_names(text))],
    ]


def croniter_rules(text: str) -> list[str]:
    """The rules on which croniter is known to differ that touch the expression."""
    return [
        *common_rules(text),
        *["C5 n-n is one value" for _, first, last, _ in ranges(text) if first == last],
        *["C6 to the end of the range, 7" for _ in re.findall(r"\b\w+/\d+\S*$", text.strip())],
        *["C8 ranges run upward" for _, first, last, _ in ranges(text) if first > last],
        *["C9 marks of other dialects" for _ in re.findall(r"[@LRHW?#]", without_names(text))],
        *["C11 the first character counts" for _ in [text] if counts_stars_otherwise(text)],
    ]


def common_rules(text: str) -> list[str]:
    if not text.isascii() or not text.replace("\t", " ").isprintable():
        return ["C2 characters"]
    if len(text.split()) > 5:
        return ["C1 six fields"]
    try:
        return ["C13 never"] if parse(text).never_fires else []
    except CronError:
        return []


def without_names(text: str) -> str:
    """The text in capitals without JAN, SUN and the others: an L in JUL is no mark."""
    return re.sub("|".join(name for names in NAMES for name in names), "", text.upper())


def counts_stars_otherwise(text: str) -> bool:
    """croniter goes by whether a day field selects every day rather than by its first character."""
    fields = text.split()
    if len(fields) != 5 or "*" in (fields[2], fields[4]):
        return False
    try:
        expected = oracle.read(text)
    except ValueError:
        return False
    selects_all = len(expected.days) == 31 or expected.weekdays >= set(range(1, 8))
    return selects_all or not expected.either_day


def ranges(text: str) -> list[tuple[int, int, int, str]]:
    """Every range in the text: field, first and last value, step."""
    found = []
    for index, field in enumerate(text.upper().split()[:5]):
        for first, last, step in re.findall(r"\b(\w+)-(\w+)((?:/\d+)?)", field):
            numbers = [
                NAMES[index].index(end) + BOUNDS[index][0] if end in NAMES[index] else end for end in (first, last)
            ]
            if all(str(number).isdecimal() for number in numbers):
                found.append((index, int(numbers[0]), int(numbers[1]), step))
    return found


def assert_oracle_decides(text: str, ours: list[datetime], theirs: list[datetime]) -> None:
    """The first moment that only one of the two names is rightly, or wrongly, an occurrence."""
    expected = oracle.read(text)
    one, other = next((one, other) for one, other in zip_longest(ours, theirs) if one != other)
    if one is not None and (other is None or one < other):
        assert expected.selects(one), f"{text!r} does not fire at {one}"
    else:
        assert not expected.selects(other), f"{text!r} fires at {other}"


def assert_oracle_sides_with_us(text: str, start: datetime, ours: datetime | None, zone: ZoneInfo) -> None:
    end = start + timedelta(days=2)
    expected = oracle.read(text).occurrences(start, end, zone)
    assert expected[:1] == ([ours] if ours and ours <= end else []), f"{text!r} after {start} in {zone}"


def rule_of_change(change: datetime, zone: ZoneInfo) -> str:
    before, after = (moment.astimezone(zone).utcoffset() for moment in (change - timedelta(minutes=1), change))
    assert before is not None
    assert after is not None
    if after < before:
        return "C19 an overlap"
    return "C18 a correction" if after - before > timedelta(hours=3) else "C17 a gap"


def expression(chance: random.Random) -> str:
    """Well formed, but for a descending range now and then."""
    fields = [
        "*" if chance.random() < 0.4 else ",".join(item(chance, index) for _ in range(chance.choice((1, 1, 2))))
        for index in range(5)
    ]
    return " ".join([*fields[:2], "31", "2,4", "*"] if chance.random() < 0.01 else fields)


def item(chance: random.Random, index: int) -> str:
    ends = chance.randint(*BOUNDS[index]), chance.randint(*BOUNDS[index])
    first, last = (spelt(chance, index, number) for number in (ends if chance.random() < 0.1 else sorted(ends)))
    step = chance.choice((1, 2, 3, 5, 7, 15, 90))
    forms = (first, first, first, f"*/{step}", f"{first}-{last}", f"{first}-{last}/{step}", f"{first}/{step}")
    return chance.choice(forms)


def spelt(chance: random.Random, index: int, number: int) -> str:
    names, low = NAMES[index], BOUNDS[index][0]
    return names[(number - low) % len(names)] if names and chance.random() < 0.3 else str(number)


def with_a_slip(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text) + 1)
    slip: str = chance.choice([*"0*,-/ LW#?H%.+xſ٢\n\t", " 1", "@"])
    return text[:at] + slip + text[at + chance.randrange(2) :]


def nightly(chance: random.Random) -> str:
    minute = chance.choice(("0", "30", "0,30", "15", "*", "*/20", "59", "0-5"))
    hour = chance.choice(("0", "1", "2", "3", "23", "0-3", "*", "*/2", "1,2", "22-23,0-1", "0-23"))
    return f"{minute} {hour} * * *"
