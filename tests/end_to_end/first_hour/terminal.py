"""A terminal of 80 x 24, in which a person types a command and reads what it prints."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from synkron.cli import main

COLUMNS, LINES = 80, 24
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Screen:
    """How a command ended, and what is on the screen: messages and answer, as they were printed."""

    command: str
    code: int | str | None
    text: str
    answer: str

    @property
    def rows(self) -> int:
        """How many rows it takes, with the prompt that follows. A terminal breaks a line that is too long."""
        return sum(max(1, -(-len(line) // COLUMNS)) for line in self.text.splitlines()) + 1


class _Output(io.StringIO):
    """Standard output or error on the terminal, whose screen it shares; or a file, which takes no screen."""

    def __init__(self, screen: list[str], *, to_file: bool = False) -> None:
        super().__init__()
        self._screen = screen
        self._to_file = to_file

    def isatty(self) -> bool:
        return not self._to_file

    def write(self, text: str) -> int:
        written = super().write(text)
        if not self._to_file:
            self._screen.append(text)
        return written


Person = Callable[[str], Screen]


def at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Types a command in this process, as one line for a shell."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("LINES", str(LINES))

    def typed(command: str) -> Screen:
        program, *arguments = shlex.split(command)
        assert program == "synkron"
        to_file = ">" in arguments
        screen: list[str] = []
        out, err = _Output(screen, to_file=to_file), _Output(screen)
        given = arguments[: arguments.index(">")] if to_file else arguments
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(given)
        return Screen(command, ended.value.code, STYLE.sub("", "".join(screen)), STYLE.sub("", out.getvalue()))

    return typed
