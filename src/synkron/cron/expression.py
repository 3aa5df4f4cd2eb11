"""A cron expression: its text is parsed once into an immutable value, which answers every question about it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import NoReturn

from synkron.cron import occurrence
from synkron.cron.describe import sentence
from synkron.cron.field import DAY, FIELDS, HOUR, MINUTE, MONTH, WEEKDAY, FieldFault, Step
from synkron.cron.moment import MinuteRange, fires_at, minute_range, moment_at
from synkron.cron.pattern import EVERY_WEEKDAY, Pattern
from synkron.cron.phrases import PHRASES
from synkron.cron.timeline import END_OF_TIME, minute_of, utc
from synkron.errors import CronError

MAX_LENGTH = 512

MACROS = {
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
    "@MONTHLY": "0 0 1 * *",
    "@WEEKLY": "0 0 * * 0",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@HOURLY": "0 * * * *",
}

_FIVE_FIELDS = "a cron expression has five: minute, hour, day of month, month, day of week"


class Cron(Pattern):
    """A parsed expression. Equal values behave the same in every way; the text itself is not kept.

    Instants must be aware datetimes, and results are in UTC; a naive datetime raises NaiveDatetimeError. There are no
    occurrences on the first and the last day of Python's calendar.
    """

    __slots__ = ()

    def matches(self, instant: datetime, zone: tzinfo) -> bool:
        """Whether the instant is an occurrence; one that is not on a whole minute never is."""
        moment = moment_at(instant if instant.tzinfo is UTC else utc(instant), zone)
        if not self.minutes & moment.minute and moment.after_gap is None:
            return False
        return fires_at(self, moment)

    def next_after(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """The first occurrence after the instant; None for never."""
        return occurrence.first_within(self, minute_of(utc(instant)) + 1, END_OF_TIME - 1, zone)

    def previous_before(self, instant: datetime, zone: tzinfo) -> datetime | None:
        """The last occurrence before the instant; None for never."""
        moment = utc(instant)
        begun = bool(moment.second or moment.microsecond)
        return occurrence.last_until(self, minute_of(moment) - 1 + begun, zone)

    def occurrences(self, start: datetime, end: datetime, zone: tzinfo) -> list[datetime]:
        """The occurrences after ``start``, up to and including ``end``, in order."""
        within = minute_range(start, end, zone)
        if not self.minutes & within.minutes:
            return []
        if within.zone is not None:
            return occurrence.between(self, within.first, within.last, zone)
        return [moment.instant for moment in within.moments if fires_at(self, moment)]

    def fires_within(self, within: MinuteRange) -> bool:
        """Whether ``occurrences`` has any. A range, from ``minute_range``, is shared by many expressions."""
        if not self.minutes & within.minutes:
            return False
        if within.zone is not None:
            return occurrence.first_within(self, within.first, within.last, within.zone) is not None
        for moment in within.moments:  # noqa: SIM110 - any() would double the cost
            if fires_at(self, moment):
                return True
        return False

    def describe(self, language: str = "en") -> str:
        """When it fires, in one sentence, in English or in another language of ``phrases``: ``nb`` is Norwegian."""
        return sentence(self, PHRASES[language])


# requirement R2, R12
def parse(text: str) -> Cron:
    """The expression that the text means (C1-C10). Raises CronError, also for anything that is not text."""
    _validate(text)
    fields = text.upper().split()
    if len(fields) != len(FIELDS):
        _refuse_count(text)
    minute, hour, day, month, weekday = fields
    steps: list[Step] = []
    try:
        weekdays = WEEKDAY.read(weekday, steps)
        return Cron(
            MINUTE.read(minute, steps),
            HOUR.read(hour, steps),
            DAY.read(day, steps),
            MONTH.read(month, steps),
            (weekdays | weekdays >> 7) & EVERY_WEEKDAY,
            day[0] != "*" and weekday[0] != "*",
            minute[0] != "*" and hour[0] != "*",
            tuple(steps),
        )
    except FieldFault:
        _refuse_field(text)


def _validate(text: str) -> None:
    """Refuse a value that can't be an expression, in linear time, before it is parsed (C2)."""
    if not isinstance(text, str):
        kind = type(text).__name__
        raise CronError(f"a cron expression must be text, not {kind}", field=None, text=repr(text)[:40], column=1)
    if len(text) > MAX_LENGTH:
        reason = f"an expression may have at most {MAX_LENGTH} characters; this one has more"
        raise CronError(reason, field=None, text=text[:40], column=MAX_LENGTH + 1)
    if not (text.isascii() and (text.isprintable() or text.replace("\t", " ").isprintable())):
        column = next(n for n, mark in enumerate(text, 1) if not (" " <= mark <= "~" or mark == "\t"))
        mark = text[column - 1]
        reason = f"{mark!a} at column {column} is not allowed; write plain ASCII on one line"
        raise CronError(reason, field=None, text=mark, column=column)


def _refuse_count(text: str) -> NoReturn:
    words = _words(text)
    column, first = words[0] if words else (1, "")
    if first.startswith("@"):
        meant = MACROS.get(first.upper())
        remedy = f"write {meant}" if meant else f"write its fields; {_FIVE_FIELDS}"
        raise CronError(
            f"macros such as '{first[:40]}' are not supported; {remedy}", field=None, text=first[:40], column=column
        )
    count = f"{len(words)} field{'' if len(words) == 1 else 's'}; {_FIVE_FIELDS}"
    if len(words) > len(FIELDS):
        column = words[len(FIELDS)][0]
        count += f"; remove everything from column {column} on: seconds and years are not supported"
    raise CronError(count, field=None, text=text[column - 1 :].rstrip()[:40], column=column)


def _refuse_field(text: str) -> NoReturn:
    for field, (start, word) in zip(FIELDS, _words(text), strict=True):
        try:
            field.read(word.upper(), [])
        except FieldFault as fault:
            bad = word[fault.offset : fault.offset + fault.length][:40]
            column = start + fault.offset
            reason = f"{field.name} '{bad}' at column {column}: {fault}"
            raise CronError(reason, field=field.name, text=bad, column=column) from None
    raise AssertionError("one of the fields is at fault")


def _words(text: str) -> list[tuple[int, str]]:
    """The blank-separated words, each with its 1-based column."""
    words = []
    end = 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        words.append((start + 1, word))
    return words
