"""Where other tools read an expression differently, or not at all: the last table of docs/cron-language.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from synkron.cron.expression import Cron
from synkron.cron.pattern import EVERY_WEEKDAY


class Difference(StrEnum):
    """How another tool reads it; what each means is said in docs/cron-language.md."""

    BOTH_DAYS = "both_days"
    STEP_OF_DAYS = "step_of_days"
    NUMBER_OF_WEEKDAY = "number_of_weekday"
    STEP_OF_WEEKDAYS = "step_of_weekdays"
    RANGE_TO_SUNDAY = "range_to_sunday"
    RANGE_OF_ONE = "range_of_one"
    STEP_OF_ONE = "step_of_one"
    NEVER = "never"
    CLOCKS_GO_BACK = "clocks_go_back"
    SIX_FIELDS = "six_fields"


def differences(text: str, cron: Cron, *, clocks_change: bool = False) -> list[Difference]:
    """How others read the text whose meaning here is ``cron``, the most surprising first.

    ``clocks_change``: a change of the zone's clocks meets it (rule W4).
    """
    return list(_differences(text.upper().split(), cron, clocks_change))


def _differences(fields: list[str], cron: Cron, clocks_change: bool) -> Iterator[Difference]:
    _, _, day, _, weekday = fields
    if cron.either_day:
        yield Difference.BOTH_DAYS
    elif (day.startswith("*/") or weekday.startswith("*/")) and weekday != "*" and day != "*":
        yield Difference.STEP_OF_DAYS
    if re.search(r"(?<![/\d])[0-7](?!\d)", weekday) and cron.weekdays != EVERY_WEEKDAY:
        yield Difference.NUMBER_OF_WEEKDAY
    if re.search(r"(?:^|,)\w+/\d", weekday):
        yield Difference.STEP_OF_WEEKDAYS
    if re.search(r"-SUN\b", weekday):
        yield Difference.RANGE_TO_SUNDAY
    if any(re.search(r"(?:^|,)(\w+)-\1(?:,|$)", one) for one in fields):
        yield Difference.RANGE_OF_ONE
    if any(re.search(r"(?:^|,)(\w+)-\1/", one) for one in fields):
        yield Difference.STEP_OF_ONE
    if cron.never_fires:
        yield Difference.NEVER
    if clocks_change and cron.fixed_time:
        yield Difference.CLOCKS_GO_BACK
    yield Difference.SIX_FIELDS
