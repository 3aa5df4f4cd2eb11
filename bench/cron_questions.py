"""What the cron libraries are asked: the expressions, and each question in the words of each library."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import count, cycle, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from bench.optional import optional
from synkron.cron import minute_range, parse

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)
OSLO = ZoneInfo("Europe/Oslo")

Ask = Callable[[], int]
"""Asks about every expression, and answers how many questions that were."""


@dataclass(frozen=True)
class Question:
    """What is asked of each library; ``target`` is how many times as fast as cronsim Synkron should be."""

    name: str
    asked: Mapping[str, Ask]
    note: str
    target: float | None = None


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


def questions(texts: Sequence[str]) -> list[Question]:
    """Everything that is asked."""
    return [
        _parse(texts),
        _matches("matches, all at one minute", texts, cycle([AT]), 100, _SHARED_MINUTE),
        _matches(
            "matches, each at its own minute", texts, (AT + MINUTE * number for number in count()), None, _OWN_MINUTE
        ),
        _next_after("next_after, UTC", texts, UTC, _NEXT),
        _next_after("next_after, Europe/Oslo", texts, OSLO, "As in UTC."),
        _steps("from one moment to the next, UTC", texts, UTC, _STEP),
        _steps("from one moment to the next, Europe/Oslo", texts, OSLO, "As in UTC."),
        _window(texts),
        _shared_window(texts),
        _week(texts[::10]),
    ]


def same_as_apscheduler(texts: Sequence[str]) -> int | None:
    """For how many expressions APScheduler's next moment is Synkron's; None where it is not installed."""
    if (from_crontab := _from_crontab()) is None:
        return None
    theirs = [from_crontab(text, UTC).get_next_fire_time(AT, AT) for text in texts]
    return sum(bool(moment == parse(text).next_after(AT, UTC)) for moment, text in zip(theirs, texts, strict=True))


_SHARED_MINUTE = (
    "This is what a tick asks: Synkron converts the minute to the zone once. The others can't do this: cronsim and "
    "croniter parse and step, because their parsed object holds a cursor, and APScheduler is asked for the next moment "
    "from that minute on. The next row shows a single question."
)
_OWN_MINUTE = (
    "This is what `synkron explain` asks: nothing is shared, but Synkron has parsed before, and cronsim and croniter "
    "have not."
)
_NEXT = (
    "For cronsim and croniter this includes parsing, because their parsed object can't be asked about another moment. "
    "Synkron and APScheduler have parsed before."
)
_STEP = (
    "This excludes parsing, which favours cronsim and croniter: they can only step forward. A service that asks about "
    "the present moment can't use them in this way."
)


def _parse(texts: Sequence[str]) -> Question:
    asked = {
        "synkron": _all(texts, parse),
        "cronsim": _all(texts, lambda text: CronSim(text, AT)),
        "croniter": _all(texts, lambda text: croniter(text, AT)),
    }
    if from_crontab := _from_crontab():
        asked["APScheduler"] = _all(texts, lambda text: from_crontab(text, UTC))
    return Question(
        "parse",
        asked,
        "This is the cost of a new schedule. A tick does not pay it, because parsed texts are remembered.",
        2,
    )


def _matches(name: str, texts: Sequence[str], moments: Iterator[datetime], target: float | None, note: str) -> Question:
    crons, local = [parse(text) for text in texts], AT.astimezone(OSLO)
    before = local - MINUTE

    def synkron() -> int:
        for cron, moment in zip(crons, moments, strict=False):
            cron.matches(moment, OSLO)
        return len(crons)

    asked: dict[str, Ask] = {
        "synkron": synkron,
        "cronsim": _all(texts, lambda text: next(CronSim(text, before), None) == local),
        "croniter": _all(texts, lambda text: croniter.match(text, local)),  # type: ignore[no-untyped-call]
    }
    if triggers := _triggers(texts, OSLO):
        asked["APScheduler"] = _all(triggers, lambda trigger: trigger.get_next_fire_time(None, local) == local)
    return Question(name, asked, note, target)


def _next_after(name: str, texts: Sequence[str], zone: tzinfo, note: str) -> Question:
    crons, local = [parse(text) for text in texts], AT.astimezone(zone)
    asked = {
        "synkron": _all(crons, lambda cron: cron.next_after(AT, zone)),
        "cronsim": _all(texts, lambda text: next(CronSim(text, local), None)),
        "croniter": _all(texts, lambda text: croniter(text, local).get_next(datetime)),  # type: ignore[no-untyped-call]
    }
    if triggers := _triggers(texts, zone):
        asked["APScheduler"] = _all(triggers, lambda trigger: trigger.get_next_fire_time(local, local))
    return Question(name, asked, note, 3)


def _steps(name: str, texts: Sequence[str], zone: tzinfo, note: str) -> Question:
    crons, local = [parse(text) for text in texts], AT.astimezone(zone)
    moments = [cron.next_after(AT, zone) or AT for cron in crons]
    simulations = [CronSim(text, local) for text in texts]
    iterators = [croniter(text, local) for text in texts]

    def synkron() -> int:
        for number, cron in enumerate(crons):
            moments[number] = cron.next_after(moments[number], zone) or AT
        return len(crons)

    asked: dict[str, Ask] = {
        "synkron": synkron,
        "cronsim": _all(simulations, lambda simulation: next(simulation, None)),
        "croniter": _all(iterators, lambda iterator: iterator.get_next(datetime)),
    }
    return Question(name, asked, note)


def _window(texts: Sequence[str]) -> Question:
    crons, start, end = [parse(text) for text in texts], AT, AT + 2 * MINUTE
    local_start, local_end = start.astimezone(OSLO), end.astimezone(OSLO)
    asked = {
        "synkron": _all(crons, lambda cron: cron.occurrences(start, end, OSLO)),
        "cronsim": _all(
            texts, lambda text: list(takewhile(lambda moment: moment <= local_end, CronSim(text, local_start)))
        ),
    }
    return Question(
        "occurrences in 2 minutes",
        asked,
        "The same two minutes for all expressions, like a tick's window. For cronsim this includes parsing.",
    )


def _shared_window(texts: Sequence[str]) -> Question:
    crons = [parse(text) for text in texts]

    def synkron() -> int:
        within = minute_range(AT, AT + 2 * MINUTE, OSLO)
        for cron in crons:
            cron.fires_within(within)
        return len(crons)

    return Question(
        "fires_within 2 minutes, the window shared", {"synkron": synkron}, "This is what the due read asks."
    )


def _week(texts: Sequence[str]) -> Question:
    crons, local, local_end = [parse(text) for text in texts], AT.astimezone(OSLO), (AT + WEEK).astimezone(OSLO)

    def synkron() -> int:
        return sum(len(cron.occurrences(AT, AT + WEEK, OSLO)) for cron in crons)

    def cronsim() -> int:
        return sum(len(list(takewhile(lambda moment: moment <= local_end, CronSim(text, local)))) for text in texts)

    return Question(
        "occurrences in a week, each",
        {"synkron": synkron, "cronsim": cronsim},
        "This is what the end of an outage asks.",
    )


def _all(about: Sequence[Any], ask: Callable[[Any], object]) -> Ask:
    def asked() -> int:
        for one in about:
            ask(one)
        return len(about)

    return asked


def _triggers(texts: Sequence[str], zone: tzinfo) -> list[Any]:
    """APScheduler's parsed expressions; empty where it is not installed."""
    from_crontab = _from_crontab()
    return [from_crontab(text, zone) for text in texts] if from_crontab else []


@cache
def _from_crontab() -> Callable[[str, tzinfo], Any] | None:
    found = optional("apscheduler.triggers.cron")
    return None if found is None else found.CronTrigger.from_crontab
