"""A parsed expression in one English sentence."""

from __future__ import annotations

from collections.abc import Callable

from synkron.cron.field import DAY, HOUR, MINUTE, MONTH, MONTH_NAMES, WEEKDAY_NAMES
from synkron.cron.pattern import EVERY_WEEKDAY, Pattern, bits, lowest

# At most this many times of the day are listed one by one.
_MOST_TIMES = 6

_SHORTEST_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def sentence(pattern: Pattern) -> str:
    """When the expression fires, worked out from the times that it selects and not from its text."""
    months = _spoken(list(bits(pattern.months)), lambda month: MONTH_NAMES[month - 1])
    if pattern.never_fires:
        verb = "has" if pattern.months.bit_count() == 1 else "have"
        return f"Never: {months} {verb} no day {lowest(pattern.days)}."
    in_months = "" if pattern.months == MONTH.every else f" in {months}"
    spoken = f"{_times(pattern)}{_days(pattern)}{in_months}{_skipped_months(pattern)}."
    return spoken[0].upper() + spoken[1:]


def _times(pattern: Pattern) -> str:
    minutes, hours = list(bits(pattern.minutes)), list(bits(pattern.hours))
    step = MINUTE.cycle // len(minutes)
    evenly = minutes == list(range(0, MINUTE.cycle, step)) and step < MINUTE.cycle
    if pattern.hours != HOUR.every and len(minutes) * len(hours) <= _MOST_TIMES:
        return f"at {_joined([f'{hour:02}:{minute:02}' for hour in hours for minute in minutes])}"
    if not evenly:
        of_hours = "every hour" if pattern.hours == HOUR.every else _counted("hour", hours)
        return f"at {_counted('minute', minutes)} of {of_hours}"
    every = "every minute" if step == 1 else f"every {step} minutes"
    if pattern.hours == HOUR.every:
        return every
    if hours[-1] - hours[0] == len(hours) - 1:
        return f"{every} from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[-1]:02}"
    return f"{every} in {_counted('hour', hours)}"


def _days(pattern: Pattern) -> str:
    all_days, all_weekdays = pattern.days == DAY.every, pattern.weekdays == EVERY_WEEKDAY
    if (all_days or all_weekdays) if pattern.either_day else (all_days and all_weekdays):
        return "" if pattern.hours == HOUR.every else " every day"
    # Counted from Monday, so that Friday to Sunday is a run.
    weekdays = _spoken(list(bits((pattern.weekdays | pattern.weekdays << 7) >> 1 & EVERY_WEEKDAY)), _from_monday)
    if all_days and not pattern.either_day:
        return f" on {weekdays}"
    numbers = list(bits(pattern.days))
    days = f"on {_counted('day', numbers)} of the month"
    if pattern.either_day:
        return f" {days}, and also on {weekdays}"
    return f" {days}" if all_weekdays else f" {days}, but only on {weekdays}"


def _skipped_months(pattern: Pattern) -> str:
    shortest = min(_SHORTEST_MONTHS[month - 1] for month in bits(pattern.months))
    if pattern.either_day or lowest(pattern.days) <= shortest:
        return ""
    return f"; months without {'that day' if pattern.days.bit_count() == 1 else 'those days'} are skipped"


def _from_monday(day: int) -> str:
    return WEEKDAY_NAMES[(day + 1) % 7]


def _counted(noun: str, numbers: list[int]) -> str:
    return f"{noun}{'' if len(numbers) == 1 else 's'} {_spoken(numbers, str)}"


def _spoken(numbers: list[int], name: Callable[[int], str]) -> str:
    """``2, 4, 6 and so on to 20`` for an even series, ``1 to 5, 8 and 9`` otherwise."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    if step > 1 and len(numbers) > 4 and numbers == list(range(numbers[0], numbers[-1] + 1, step)):
        return f"{', '.join(name(number) for number in numbers[:3])} and so on to {name(numbers[-1])}"
    parts: list[str] = []
    while numbers:
        length = next((n for n, number in enumerate(numbers) if number != numbers[0] + n), len(numbers))
        run, numbers = numbers[:length], numbers[length:]
        parts += [f"{name(run[0])} to {name(run[-1])}"] if length > 2 else [name(number) for number in run]
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
