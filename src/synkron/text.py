"""Text from outside, made fit to be shown, and lengths of time and counts in words. Pure.

What would steer a terminal, or is not to be seen, is spelt out.
"""

from __future__ import annotations

import re
from datetime import timedelta

# Control and format characters (the bidirectional marks among them), surrogates, private use, unassigned; the
# separators of lines and of paragraphs.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Letters and marks that have no picture either: fillers and selectors of variants.
BLANK = {0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
BLANK.update(range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


def printable(text: str, most: int | None = None, *, keep: str = "") -> str:
    r"""The text with each such character spelt as Python spells it (``\x1b``, ``\u202e``), except those to ``keep``.

    At most ``most`` characters, of which the last is then an ellipsis. What is printable already stays as it is.
    """
    if most is not None:
        text = text[: most + 1]

    if text.isascii() and text.isprintable():
        return text if most is None or len(text) <= most else text[: most - 1] + "…"
    from unicodedata import category

    def shown(found: re.Match[str]) -> str:
        character = found[0]
        is_seen = category(character) not in UNSEEN and ord(character) not in BLANK
        return character if is_seen or character in keep else character.encode("unicode_escape").decode()

    text = re.sub(r"[^ -~]", shown, text)
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def one_line(text: str, most: int | None = None) -> str:
    """The printable text in one line: where lines end, and where there are several blanks, there is one blank."""
    return printable(re.sub(r"[ \t\r\n]+", " ", text).strip(" "), most)


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
