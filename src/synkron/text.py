"""Text from outside, made fit to be shown; moments, lengths of time and counts as text. Pure.

Characters that would control a terminal or are invisible are written as escapes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# Control and format characters (the bidirectional marks among them), surrogates, private use, unassigned; the
# separators of lines and of paragraphs.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Letters and marks that are invisible too: fillers and variation selectors.
BLANK = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
BLANK.update(range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
# What is longer stands for everything.
_CENTURY = 36_525 * _MILLISECONDS["d"]


LONGEST_TEXT = 1000
# The numbers of runs, pauses and the like go up to this.
LARGEST = 2**63 - 1
LONGEST_SPAN = timedelta(days=3650)
# The instants that people and programs may write: from then on, offsets of zones are whole minutes.
EARLIEST, LATEST = datetime(1972, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def written(text: str) -> str:
    """What somebody wrote, without blanks around it: a text that says something, and that the database can hold.

    Raises ValueError.
    """
    text = text.strip()
    if not text:
        raise ValueError("it is empty; write something.")
    if len(text) > LONGEST_TEXT or printable(text) != text:
        raise ValueError(f"at most {LONGEST_TEXT} characters are allowed, and all must be printable.")
    return text


def whole_number(text: str) -> int:
    """A number that somebody wrote. Python would read 1_0, +10 and 010 as 10, too: one thing would have many names.

    Raises ValueError.
    """
    if not re.fullmatch("0|-?[1-9][0-9]{0,29}", text):
        raise ValueError("write a whole number: at most 30 digits, and nothing else.")
    return int(text)


def written_span(text: str) -> timedelta:
    """A length of time that somebody wrote, as ``duration`` reads it: above zero, and at most ten years.

    Raises ValueError.
    """
    length = duration(text)
    if length is None or not timedelta() < length <= LONGEST_SPAN:
        raise ValueError(f'"{text}" is not a span such as 30m, 24h or 7d, of at most 3650d.')
    return length


def printable(text: str, most: int | None = None, *, keep: str = "") -> str:
    r"""The text with each such character as a Python escape (``\x1b``, ``\u202e``), except those in ``keep``.

    A longer result is cut to ``most`` characters, the last of which is an ellipsis. Printable text stays as it is.
    """
    if most is not None:
        text = text[: most + 1]
    if not (text.isascii() and text.isprintable()):
        from unicodedata import category

        def shown(found: re.Match[str]) -> str:
            character = found[0]
            is_seen = category(character) not in UNSEEN and ord(character) not in BLANK
            return character if is_seen or character in keep else character.encode("unicode_escape").decode()

        text = re.sub(r"[^ -~]", shown, text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def called(name: str | None, otherwise: str) -> str:
    """The name; where that is blank, so that there is nothing to see or to follow, the other text."""
    return name if name and name.strip() else otherwise


def own_name(author: str) -> str:
    """The name of who did something, without what kind of author that is: of ``person:kari``, ``kari``."""
    return author.partition(":")[2] or author


def one_line(text: str, most: int | None = None) -> str:
    """The printable text in one line: each sequence of line breaks and blanks becomes one blank."""
    return printable(re.sub(r"[ \t\r\n]+", " ", text).strip(" "), most)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no null character, and no half of a pair of surrogates."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def instant(moment: datetime) -> str:
    """The moment for programs: ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def minute(moment: datetime) -> str:
    """The moment for people, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def duration(text: str) -> timedelta | None:
    """The duration that is written as in the settings and commands (``1m30s``, ``24h``, ``7d``), at most a century.

    None for any other text.
    """
    if not re.fullmatch(r"([0-9]{1,9}(ms|s|m|h|d))+", text):
        return None
    parts = re.findall(r"([0-9]+)(ms|s|m|h|d)", text)
    return timedelta(milliseconds=min(sum(int(number) * _MILLISECONDS[unit] for number, unit in parts), _CENTURY))


def duration_text(length: timedelta) -> str:
    """A duration as it is written there, to the millisecond."""
    days, rest = divmod(length, timedelta(days=1))
    if days > 1 and not rest:
        return f"{days}d"
    left = round(length / timedelta(milliseconds=1))
    parts = []
    for unit in ("h", "m", "s", "ms"):
        number, left = divmod(left, _MILLISECONDS[unit])
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"


def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(round(seconds / size), unit)
    return f"{seconds:.0f} s"


def counted(number: int, noun: str) -> str:
    """``one attempt``, ``3 attempts``."""
    return f"{'one' if number == 1 else number} {noun}{'' if number == 1 else 's'}"


def several(number: int, noun: str, *, at_least: bool = False) -> str:
    """``1 run``, ``1,234 runs``, or ``at least 2,000 runs`` where no more were looked at."""
    return f"{'at least ' if at_least else ''}{number:,} {noun}{'' if number == 1 else 's'}"
