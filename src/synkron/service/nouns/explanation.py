"""What a cron expression says, in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from synkron.cron import Cron
from synkron.cron.lint import lint

OCCURRENCES = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment at which it fires, on the clocks of the zone and in UTC."""

    local: str
    utc: datetime


@dataclass(frozen=True, slots=True)
class Surprise:
    """What may surprise; ``rule`` is one of docs/cron-language.md."""

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """An expression in a zone: what it says, when it fires next, and what may surprise."""

    expression: str
    zone: str
    description: str
    next: Sequence[Moment]
    warnings: Sequence[Surprise]


def explanation(
    expression: str, cron: Cron, zone_name: str, zone: tzinfo, now: datetime, language: str = "en"
) -> Explanation:
    """The explanation in a language of ``synkron.cron.phrases``; the moments are those after ``now``."""
    found = lint(cron, zone, now.year, since=now.astimezone(zone).date(), language=language)
    moments = islice(_fires(cron, now, zone), OCCURRENCES)
    return Explanation(
        expression=expression,
        zone=zone_name,
        description=cron.describe(language),
        next=[Moment(one.astimezone(zone).isoformat(), one) for one in moments],
        warnings=[Surprise(one.code, one.message) for one in found],
    )


def _fires(cron: Cron, now: datetime, zone: tzinfo) -> Iterator[datetime]:
    moment = cron.next_after(now, zone)
    while moment is not None:
        yield moment
        moment = cron.next_after(moment, zone)
