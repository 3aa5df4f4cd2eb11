"""A parsed expression in one sentence, in the languages of ``phrases``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synkron.cron.field import DAY, HOUR, MINUTE, MONTH
from synkron.cron.pattern import EVERY_WEEKDAY, Pattern, bits, lowest
from synkron.cron.phrases import ENGLISH, Phrases

# At most this many times of the day are listed one by one.
_MOST_TIMES = 6

_SHORTEST_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def sentence(pattern: Pattern, phrases: Phrases = ENGLISH) -> str:
    """When the expression fires, worked out from the times that it selects and not from its text."""
    months = _spoken(list(bits(pattern.months)), lambda month: phrases.months[month - 1], phrases)
    if pattern.never_fires:
        spoken = _fitting(phrases.never, pattern.months.bit_count())
        said = spoken.format(months=months, day=lowest(pattern.days))
        return said[0].upper() + said[1:]
    in_months = "" if pattern.months == MONTH.every else phrases.in_months.format(months=months)
    spoken = f"{_times(pattern, phrases)}{_days(pattern, phrases)}{in_months}{_skipped_months(pattern, phrases)}."
    return spoken[0].upper() + spoken[1:]


def _times(pattern: Pattern, phrases: Phrases) -> str:
    minutes, hours = list(bits(pattern.minutes)), list(bits(pattern.hours))
    step = MINUTE.cycle // len(minutes)
    evenly = minutes == list(range(0, MINUTE.cycle, step)) and step < MINUTE.cycle
    if pattern.hours != HOUR.every and len(minutes) * len(hours) <= _MOST_TIMES:
        times = _joined([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes], phrases)
        return phrases.at_times.format(times=times)
    if not evenly:
        of_hours = phrases.every_hour if pattern.hours == HOUR.every else _hours(hours, phrases)
        at_minutes = _fitting(phrases.at_minutes, len(minutes))
        return at_minutes.format(minutes=_spoken(minutes, str, phrases), hours=of_hours)
    every = phrases.every_minute if step == 1 else phrases.every_minutes.format(step=step)
    if pattern.hours == HOUR.every:
        return every
    if hours[-1] - hours[0] == len(hours) - 1:
        first, last = f"{hours[0]:02}:{minutes[0]:02}", f"{hours[-1]:02}:{minutes[-1]:02}"
        return phrases.between.format(every=every, first=first, last=last)
    return phrases.within.format(every=every, hours=_hours(hours, phrases))


def _days(pattern: Pattern, phrases: Phrases) -> str:
    all_days, all_weekdays = pattern.days == DAY.every, pattern.weekdays == EVERY_WEEKDAY
    if (all_days or all_weekdays) if pattern.either_day else (all_days and all_weekdays):
        return "" if pattern.hours == HOUR.every else phrases.every_day
    # Counted from Monday, so that Friday to Sunday is a run.
    from_monday = list(bits((pattern.weekdays | pattern.weekdays << 7) >> 1 & EVERY_WEEKDAY))
    weekdays = _spoken(from_monday, lambda day: phrases.weekdays[(day + 1) % 7], phrases)
    if all_days and not pattern.either_day:
        return phrases.on_weekdays.format(weekdays=weekdays)
    numbers = list(bits(pattern.days))
    spoken = _spoken(numbers, lambda day: phrases.number_of_day.format(number=day), phrases)
    days = _fitting(phrases.on_days, len(numbers)).format(days=spoken)
    if pattern.either_day:
        return days + phrases.or_weekdays.format(weekdays=weekdays)
    return days if all_weekdays else days + phrases.and_weekdays.format(weekdays=weekdays)


def _skipped_months(pattern: Pattern, phrases: Phrases) -> str:
    shortest = min(_SHORTEST_MONTHS[month - 1] for month in bits(pattern.months))
    if pattern.either_day or lowest(pattern.days) <= shortest:
        return ""
    return _fitting(phrases.skipped, pattern.days.bit_count())


def _hours(hours: list[int], phrases: Phrases) -> str:
    return _fitting(phrases.hours, len(hours)).format(hours=_spoken(hours, str, phrases))


def _fitting(forms: tuple[str, str], number: int) -> str:
    """The singular or the plural."""
    return forms[number != 1]


def _spoken(numbers: Sequence[int], name: Callable[[int], str], phrases: Phrases) -> str:
    """``2, 4, 6 and so on to 20`` for an even series, ``1 to 5, 8 and 9`` otherwise."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    if step > 1 and len(numbers) > 4 and list(numbers) == list(range(numbers[0], numbers[-1] + 1, step)):
        first = ", ".join(name(number) for number in numbers[:3])
        return phrases.series.format(list=first, last=name(numbers[-1]))
    parts: list[str] = []
    while numbers:
        length = next((n for n, number in enumerate(numbers) if number != numbers[0] + n), len(numbers))
        run, numbers = numbers[:length], numbers[length:]
        if length > 2:
            parts.append(phrases.run.format(first=name(run[0]), last=name(run[-1])))
        else:
            parts += [name(number) for number in run]
    return _joined(parts, phrases)


def _joined(parts: list[str], phrases: Phrases) -> str:
    return parts[0] if len(parts) == 1 else phrases.last_of_list.format(list=", ".join(parts[:-1]), last=parts[-1])
