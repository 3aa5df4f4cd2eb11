"""The page that keeps what was printed."""

from __future__ import annotations

from collections.abc import Iterable

from tests.end_to_end.first_hour.questions import THE_FIRST_HOUR, THE_MORNING, Question
from tests.end_to_end.first_hour.terminal import COLUMNS, Screen

BEGINNING_OF_A_FILE = 4
BEGINNING = """\
# The first hour, and the morning after

An operator, somebody in support and somebody in finance ask {number} questions. Below each one is the command that one
would try first, and what it printed, as it was printed in a terminal of 80 x 24. `exit N` is how the command ended, if
not with 0.

A test asks them all again, of a database with 200 invented organizations. It compares each answer with the facts (with
SQL of its own) and with this page, and checks that it fits the screen. The night before is made as a night can be:

- No scheduler ran from 22:40 to 00:10. Three organizations have policies of their own for what is missed.
- Berg Drift refuses us its Dynamics. Solvik Drift's vendor was busy twice.
- Bufdir is paused. One organization's zone is invalid, and one row's schedule.

The database's clock stands at 07:04:10 on Friday, 22 May 2026, in Oslo (05:04:10 UTC), so that times are the same in
each test. `synkron doctor` warns that the clock of the host differs from it: by how much is left out. The name of the
database is written as `app`, and PostgreSQL's version as that of this release.
"""


def page(asked: Iterable[tuple[Question, Screen]]) -> str:
    """The page, of the questions with their screens."""
    screens = {id(question): screen for question, screen in asked}
    parts = [BEGINNING.format(number=len(screens))]
    for title, questions in (("The first hour", THE_FIRST_HOUR), ("The morning", THE_MORNING)):
        parts.append(f"## {title}\n")
        parts += [_asked(question, screens[id(question)]) for question in questions]
    return "\n".join(parts)


def _asked(question: Question, screen: Screen) -> str:
    ended = f"exit {screen.code}\n" if screen.code else ""
    shown = f"**{question.who.capitalize()}: {question.asks}**\n\n```\n$ {screen.command}\n{screen.text}{ended}```\n"
    if screen.text:
        return shown
    lines = screen.answer.splitlines()[:BEGINNING_OF_A_FILE]
    beginning = "\n".join(line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…" for line in lines)
    return f"{shown}\nThe file begins, here cut to the width of the screen:\n\n```\n{beginning}\n```\n"
