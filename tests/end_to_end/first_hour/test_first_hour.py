"""The first hour and a morning: each command that a person tries first has a true answer, on one screen.

``SYNKRON_WRITE_FIRST_HOUR=1`` writes ``docs/first-hour.md``, the page of what was printed.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import synkron
from tests.delivery.targets.far_side import SIGNING
from tests.end_to_end.first_hour.fleet import seed, settings_for
from tests.end_to_end.first_hour.page import page
from tests.end_to_end.first_hour.questions import QUESTIONS, Question
from tests.end_to_end.first_hour.terminal import COLUMNS, LINES, Person, Screen, at_the_terminal
from tests.house.pages import ROOT
from tests.support import statements
from tests.support.databases import Database
from tests.support.statements import fetch

PAGE = ROOT / "docs" / "first-hour.md"
__all__ = ["synkron"]


@pytest.fixture
def person(synkron: object, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Person]:
    """Somebody in Oslo, at a terminal, with the settings in the working directory."""
    del synkron
    monkeypatch.setenv("TZ", "Europe/Oslo")
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url)
    monkeypatch.setenv("SIGNING", SIGNING)
    with socket.create_server(("127.0.0.1", 0)) as target:
        (tmp_path / "synkron.toml").write_text(settings_for(target.getsockname()[1]))
        yield at_the_terminal(monkeypatch)
    statements.close()


def test_each_question_is_answered_on_one_screen(person: Person, database: Database) -> None:
    asyncio.run(seed(database))
    assert person("synkron runs --limit 40").rows > LINES  # whoever asks for more gets it
    asked = [(question, person(_command(question, database))) for question in QUESTIONS]
    faults = [f"{screen.command}: {fault}" for one, screen in asked for fault in _faults(one, screen, database)]
    printed = page([(question, _for_everybody(screen, database)) for question, screen in asked])
    if os.environ.get("SYNKRON_WRITE_FIRST_HOUR"):
        PAGE.write_text(printed, "utf-8")
    assert not faults, "\n".join(faults)
    assert PAGE.read_text("utf-8") == printed, "SYNKRON_WRITE_FIRST_HOUR=1 writes the page again"


def _command(question: Question, database: Database) -> str:
    number = str(fetch(database.url, question.of)[0][0]) if question.of else ""
    return question.command.replace("NUMBER", number)


def _faults(question: Question, screen: Screen, database: Database) -> Iterator[str]:
    """What is wrong with an answer."""
    if screen.code != question.code:
        yield f"ended with {screen.code}, not {question.code}"
    if screen.rows > LINES:
        yield f"takes {screen.rows} rows"
    if wide := [
        line for line in (screen.answer if screen.text else "").splitlines() if len(line) > COLUMNS and "`" not in line
    ]:
        yield f"has {len(wide)} lines wider than the screen"
    shown = " ".join((screen.text or screen.answer).split())
    rows = [dict(row) for row in fetch(database.url, question.true)]
    for text in question.says:
        for said in (text.format(**row) for row in rows):
            if " ".join(said.split()) not in shown:
                yield f"does not say {said!r}"
    if question.rows and (found := len(re.findall(question.rows, screen.text, re.MULTILINE))) != len(rows):
        yield f"shows {found} rows, not {len(rows)}"


def _for_everybody(screen: Screen, database: Database) -> Screen:
    """The screen without what differs from one host and day to the next."""
    text = screen.text.replace(f'"{database.name}"', '"app"')
    text = re.sub(r"clock is [\d,]+ days", "clock is ... days", text)
    return Screen(screen.command, screen.code, re.sub(r"PostgreSQL \d+\.\d+", "PostgreSQL 18.4", text), screen.answer)
