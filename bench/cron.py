"""The cron language beside cronsim and croniter, which answer the same questions in the same process.

    python -m bench.cron [--quick]

The libraries take turns in every round, so that a busy moment of the machine falls on all of them. Each figure is the
median over the rounds, with the first and third quartile, per question. cronsim and croniter keep a cursor in the
parsed object: to ask about another moment is to parse again, which "from one moment to the next" leaves out for them.
"""

from __future__ import annotations

import argparse
import gc
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, cycle, takewhile
from statistics import quantiles
from time import perf_counter
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim
from rich.console import Console
from rich.table import Table

from bench.machine import machine
from synkron.cron import parse, span_between

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)
OSLO = ZoneInfo("Europe/Oslo")

Questions = Callable[[], int]
"""Asks about every expression, and answers how many questions that were."""


@dataclass
class Row:
    """One measure: Synkron and the others, and the seconds per question of each round."""

    name: str
    target: str
    synkron: Questions
    cronsim: Questions | None
    croniter: Questions | None
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"synkron": [], "cronsim": [], "croniter": []})


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 rounds of 300 expressions instead of 21 of 1,000")
    quick = parser.parse_args().quick
    texts = expressions(300 if quick else 1000)
    rows = measures(texts)
    for number in range(6 if quick else 22):
        for row in rows:
            for library, seconds in row.seconds.items():
                if questions := getattr(row, library):
                    elapsed = _timed(questions)
                    if number:  # the first round warms up
                        seconds.append(elapsed)
    _print(rows, len(texts))


def expressions(number: int) -> list[str]:
    """Distinct expressions as organizations write them, the same in every run."""
    draw = random.Random(7)
    found: dict[str, None] = {}
    while len(found) < number:
        minute, hour, day = draw.randrange(60), draw.randrange(24), draw.randrange(1, 32)
        forms = (
            *[f"{minute} {hour} * * *"] * 8,
            *[f"{minute} {draw.randrange(5)} * * *"] * 4,
            *[f"{minute} {hour} * * 1-5"] * 3,
            *[f"{minute} * * * *"] * 2,
            f"*/{draw.choice((5, 10, 15, 20, 30))} {hour}-{draw.randrange(hour, 24)} * * *",
            f"{minute % 15}/15 * * * *",
            f"{minute} {hour} {day} * *",
            f"{minute} {hour} 1,15 * *",
            f"{minute} {hour} * * {draw.choice(('MON', 'FRI', 'SUN', 'MON,WED,FRI'))}",
            f"{minute} {hour} 1 */3 *",
            f"{minute} {hour},{draw.randrange(24)} * * MON-FRI",
        )
        found[draw.choice(forms)] = None
    return list(found)


def measures(texts: Sequence[str]) -> list[Row]:
    """The rows of the table."""
    return [
        Row(
            "parse",
            "2x",
            _all(texts, parse),
            _all(texts, lambda text: CronSim(text, AT)),
            _all(texts, lambda text: croniter(text, AT)),
        ),
        _matches("matches, all at one minute", "100x", texts, cycle([AT])),
        _matches("matches, each at its own minute", "", texts, (AT + MINUTE * number for number in count())),
        _next_after("next_after, UTC", texts, UTC),
        _next_after("next_after, Europe/Oslo", texts, OSLO),
        _steps("from one moment to the next, UTC", texts, UTC),
        _steps("from one moment to the next, Europe/Oslo", texts, OSLO),
        _window("occurrences in 2 minutes", texts),
        _shared_window("fires_within 2 minutes, span shared", texts),
        _week("occurrences in a week, each", texts[::10]),
    ]


def _all(texts: Sequence[str], ask: Callable[[str], object]) -> Questions:
    def questions() -> int:
        for text in texts:
            ask(text)
        return len(texts)

    return questions


def _matches(name: str, target: str, texts: Sequence[str], moments: Iterator[datetime]) -> Row:
    crons, local = [parse(text) for text in texts], AT.astimezone(OSLO)
    before = local - MINUTE

    def synkron() -> int:
        for cron, moment in zip(crons, moments, strict=False):
            cron.matches(moment, OSLO)
        return len(crons)

    def cronsim() -> int:
        for text in texts:
            next(CronSim(text, before), None) == local  # noqa: B015
        return len(texts)

    def croniter_() -> int:
        for text in texts:
            croniter.match(text, local)  # type: ignore[no-untyped-call]
        return len(texts)

    return Row(name, target, synkron, cronsim, croniter_)


def _next_after(name: str, texts: Sequence[str], zone: tzinfo) -> Row:
    crons, local = [parse(text) for text in texts], AT.astimezone(zone)

    def synkron() -> int:
        for cron in crons:
            cron.next_after(AT, zone)
        return len(crons)

    return Row(
        name,
        "3x",
        synkron,
        _all(texts, lambda text: next(CronSim(text, local), None)),
        _all(texts, lambda text: croniter(text, local).get_next(datetime)),  # type: ignore[no-untyped-call]
    )


def _steps(name: str, texts: Sequence[str], zone: tzinfo) -> Row:
    crons, local = [parse(text) for text in texts], AT.astimezone(zone)
    moments = [cron.next_after(AT, zone) or AT for cron in crons]
    simulations = [CronSim(text, local) for text in texts]
    iterators = [croniter(text, local) for text in texts]

    def synkron() -> int:
        for number, cron in enumerate(crons):
            moments[number] = cron.next_after(moments[number], zone) or AT
        return len(crons)

    def cronsim() -> int:
        for simulation in simulations:
            next(simulation, None)
        return len(simulations)

    def croniter_() -> int:
        for iterator in iterators:
            iterator.get_next(datetime)  # type: ignore[no-untyped-call]
        return len(iterators)

    return Row(name, "", synkron, cronsim, croniter_)


def _window(name: str, texts: Sequence[str]) -> Row:
    crons, start, end = [parse(text) for text in texts], AT, AT + 2 * MINUTE
    local_start, local_end = start.astimezone(OSLO), end.astimezone(OSLO)

    def synkron() -> int:
        for cron in crons:
            cron.occurrences(start, end, OSLO)
        return len(crons)

    return Row(
        name,
        "",
        synkron,
        _all(texts, lambda text: list(takewhile(lambda moment: moment <= local_end, CronSim(text, local_start)))),
        None,
    )


def _shared_window(name: str, texts: Sequence[str]) -> Row:
    crons = [parse(text) for text in texts]

    def synkron() -> int:
        span = span_between(AT, AT + 2 * MINUTE, OSLO)
        for cron in crons:
            cron.fires_within(span)
        return len(crons)

    return Row(name, "", synkron, None, None)


def _week(name: str, texts: Sequence[str]) -> Row:
    crons, local, local_end = [parse(text) for text in texts], AT.astimezone(OSLO), (AT + WEEK).astimezone(OSLO)

    def synkron() -> int:
        return sum(len(cron.occurrences(AT, AT + WEEK, OSLO)) for cron in crons)

    def cronsim() -> int:
        return sum(len(list(takewhile(lambda moment: moment <= local_end, CronSim(text, local)))) for text in texts)

    return Row(name, "", synkron, cronsim, None)


def _timed(questions: Questions) -> float:
    """Seconds per question."""
    gc.collect()
    gc.disable()
    began = perf_counter()
    asked = questions()
    elapsed = perf_counter() - began
    gc.enable()
    return elapsed / asked


def _print(rows: Sequence[Row], number: int) -> None:
    table = Table(title=f"The cron language: {number} expressions, {len(rows[0].seconds['synkron'])} rounds, µs each")
    table.add_column("measure")
    for name in ("synkron", "cronsim", "croniter", "x cronsim", "target", "x croniter"):
        table.add_column(name, justify="right")
    for row in rows:
        middle = {library: quantiles(seconds, n=4) for library, seconds in row.seconds.items() if seconds}
        times = {library: f"{middle[library][1] / middle['synkron'][1]:.1f}x" for library in middle}
        figures = [
            f"{1e6 * quartiles[1]:.2f} ({1e6 * quartiles[0]:.2f}-{1e6 * quartiles[2]:.2f})" if quartiles else "-"
            for quartiles in map(middle.get, row.seconds)
        ]
        table.add_row(row.name, *figures, times.get("cronsim", "-"), row.target, times.get("croniter", "-"))
    console = Console(width=150)
    console.print(table)
    console.print(machine(), style="dim")


if __name__ == "__main__":
    main()
